//===- PackPieces.h - Parameters in pieces, in order ------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_COMPILER_PACKPIECES_H
#define LORA_MLIR_LIB_COMPILER_PACKPIECES_H

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Weights/WeightEvaluator.h"
#include "lora-runtime/Thread.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace lora {

/// Memory for rows of a parameter, aligned as oneDNN's conversions want it;
/// kept for the next ones.
class RowRoom {
public:
  /// Empty if there is no memory.
  std::span<std::byte> get(size_t size);

private:
  struct Free {
    void operator()(std::byte *bytes) const { std::free(bytes); }
  };
  size_t capacity = 0;
  std::unique_ptr<std::byte, Free> data;
};

/// A parameter that is bound to its tensors, and how its rows are packed.
struct PackedWeight {
  PackedWeight(const BoundValue &value, BoundWeight bound)
      : value(value), bound(std::move(bound)) {}

  const BoundValue &value;
  BoundWeight bound;
  /// Tensors of files that it is made of.
  std::vector<const lora_rt::TensorView *> tensors;
  lora_rt::DType type = lora_rt::DType::F32;
  /// The matrix [n, k].
  int64_t n = 0, k = 0;
  /// Rows that are computed and packed at once, and those of a piece: a
  /// multiple.
  int64_t step = 0, pieceRows = 0;
  /// Numbers that came out as NaN or infinity.
  std::atomic<uint64_t> nonFinite = 0;
};

/// Rows [begin, end) of a parameter in its layout.
struct Piece {
  std::shared_ptr<PackedWeight> weight;
  int64_t begin = 0, end = 0;
  /// In `room` or in a mapped file.
  std::span<const std::byte> bytes;

  bool isFirst() const { return begin == 0; }
  bool isLast() const { return end == weight->n; }
};

/// Computes and packs parameters on several threads. Their pieces come out in
/// order.
class PackPieces {
public:
  PackPieces(llvm::ArrayRef<BoundValue> values, LeafResolver resolve);
  /// Waits for what is being computed.
  ~PackPieces();

  /// The next piece, which stays until the next call; null behind the last one.
  lora_rt::Expected<const Piece *> next();

private:
  struct Slot {
    Piece piece;
    RowRoom room;
    lora_rt::Error error = lora_rt::Error::success();
    bool isReady = false;
  };

  void work();
  /// Fills the next slot, if there is more. The mutex is held, but not while a
  /// piece is computed.
  void workOnce(std::unique_lock<std::mutex> &lock, RowRoom &computed);
  /// Enters what comes next into a slot; false behind the last piece. The mutex
  /// is held.
  bool begin(Slot &slot);
  lora_rt::Expected<std::shared_ptr<PackedWeight>>
  bind(const BoundValue &value);

  llvm::ArrayRef<BoundValue> values;
  LeafResolver resolve;
  std::vector<const lora_rt::TensorView *> used;
  WeightEvaluator evaluator;

  std::mutex mutex;
  std::condition_variable changed;
  /// A piece's number modulo their number says which one is its.
  std::vector<Slot> slots;
  /// Numbers of pieces: begun, and given back by the caller.
  uint64_t begun = 0, done = 0;
  bool isLent = false, isEnd = false, isStopped = false;
  size_t nextValue = 0;
  std::shared_ptr<PackedWeight> current;
  int64_t nextRow = 0;
  /// Of the caller, where there are no threads.
  RowRoom ownRoom;
  std::vector<lora_rt::Thread> threads;
};

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_PACKPIECES_H
