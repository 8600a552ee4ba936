//===- PackPieces.h - Parameters in pieces, in order ------------*- C++ -*-===//
//
// The pack is written while it is computed. Parameters are divided into pieces
// of some MiB, which threads compute and pack ahead of the writer, so that only
// a few pieces are in memory.
//
//===----------------------------------------------------------------------===//

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

/// A buffer for rows of a parameter, aligned as oneDNN's conversions need it.
/// It is reused for the next rows.
class RowBuffer {
public:
  /// A buffer of `size` bytes; empty if there is no memory.
  std::span<std::byte> get(size_t size);

private:
  struct Free {
    void operator()(std::byte *bytes) const { std::free(bytes); }
  };
  size_t capacity = 0;
  std::unique_ptr<std::byte, Free> data;
};

/// A parameter that is bound to its tensors, with the way in which its rows are
/// packed.
struct PackedWeight {
  PackedWeight(const BoundValue &value, BoundWeight bound)
      : value(value), bound(std::move(bound)) {}

  const BoundValue &value;
  BoundWeight bound;
  /// The tensors of files from which it is computed.
  std::vector<const lora_rt::TensorView *> tensors;
  lora_rt::DType type = lora_rt::DType::F32;
  /// The size of the matrix [n, k].
  int64_t n = 0, k = 0;
  /// The rows that are computed and packed in one step; and the rows of a
  /// piece, a multiple of these.
  int64_t step = 0, pieceRows = 0;
  /// The number of values that are NaN or infinite.
  std::atomic<uint64_t> nonFinite = 0;
};

/// Rows [begin, end) of a parameter in its layout.
struct Piece {
  std::shared_ptr<PackedWeight> weight;
  int64_t begin = 0, end = 0;
  /// In `buffer`, or in a mapped file.
  std::span<const std::byte> bytes;

  bool isFirst() const { return begin == 0; }
  bool isLast() const { return end == weight->n; }
};

/// Computes and packs parameters on several threads, and returns their pieces
/// in order.
class PackPieces {
public:
  PackPieces(llvm::ArrayRef<BoundValue> values, LeafResolver resolve);
  /// Waits for the pieces that are being computed.
  ~PackPieces();

  /// The next piece, valid until the next call; null after the last one.
  lora_rt::Expected<const Piece *> next();

private:
  struct Slot {
    Piece piece;
    RowBuffer buffer;
    lora_rt::Error error = lora_rt::Error::success();
    bool isReady = false;
  };

  void work();
  /// Fills the next slot, if there is another piece. The mutex is locked by the
  /// caller; it is unlocked while a piece is computed.
  void workOnce(std::unique_lock<std::mutex> &lock, RowBuffer &computed);
  /// Assigns the next piece to a slot. Returns false after the last piece. The
  /// mutex is locked.
  bool begin(Slot &slot);
  lora_rt::Expected<std::shared_ptr<PackedWeight>>
  bind(const BoundValue &value);

  llvm::ArrayRef<BoundValue> values;
  LeafResolver resolve;
  std::vector<const lora_rt::TensorView *> used;
  WeightEvaluator evaluator;

  std::mutex mutex;
  std::condition_variable changed;
  /// The slot of a piece is the number of the piece modulo the number of slots.
  std::vector<Slot> slots;
  /// The number of pieces that were begun, and that the caller has returned.
  uint64_t begun = 0, done = 0;
  bool isLent = false, isEnd = false, isStopped = false;
  size_t nextValue = 0;
  std::shared_ptr<PackedWeight> current;
  int64_t nextRow = 0;
  /// The buffer of the caller, if there are no threads.
  RowBuffer ownBuffer;
  std::vector<lora_rt::Thread> threads;
};

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_PACKPIECES_H
