//===- PackPieces.cpp - Parameters in pieces, in order --------------------===//
//
// The pieces are in a ring buffer. Each thread takes the next piece and
// computes it by steps of rows that stay in a core's cache from the file to the
// packed form. The caller gets the pieces in order.
//
//===----------------------------------------------------------------------===//

#include "PackPieces.h"
#include "lora-runtime/Layouts.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <thread>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;

namespace {

/// The sizes of a piece and of a step, before packing.
constexpr size_t pieceBytes = size_t(8) << 20;
constexpr size_t stepBytes = size_t(512) << 10;

/// One thread writes. More threads than this are not needed to keep ahead of it
/// on any machine.
constexpr unsigned maxThreads = 8;

Error outOfMemory(const BoundValue &value, uint64_t bytes) {
  return lora_rt::makeError(lora_rt::ErrorCode::System, "no memory for the ",
                            bytes >> 20, " MiB of ", value.name);
}

/// Computes and packs the rows of a piece.
Error fill(Piece &piece, RowBuffer &buffer, RowBuffer &computedBuffer) {
  PackedWeight &weight = *piece.weight;
  const BoundValue &value = weight.value;
  bool isPlain = value.layout == lora_rt::plainLayout;
  const std::byte *mapped = weight.bound.getMapped();
  size_t rowBytes = weight.bound.getRowBytes();

  std::span<std::byte> result;
  if (!isPlain || !mapped) {
    auto bytes = lora_rt::packedBytes(value.layout, piece.end - piece.begin,
                                      weight.k, weight.type);
    if (!bytes)
      return bytes.takeError();
    result = buffer.get(*bytes);
    if (result.empty())
      return outOfMemory(value, *bytes);
    piece.bytes = result;
  } else {
    piece.bytes = {mapped + size_t(piece.begin) * rowBytes,
                   size_t(piece.end - piece.begin) * rowBytes};
  }

  uint64_t nonFinite = 0;
  for (int64_t row = piece.begin; row < piece.end; row += weight.step) {
    int64_t count = std::min(weight.step, piece.end - row);
    size_t bytes = size_t(count) * rowBytes;
    const std::byte *plain = mapped ? mapped + size_t(row) * rowBytes : nullptr;
    if (!mapped) {
      std::span<std::byte> rows =
          isPlain ? result.first(bytes) : computedBuffer.get(bytes);
      if (rows.empty())
        return outOfMemory(value, bytes);
      weight.bound.computeRows(row, row + count, rows);
      plain = rows.data();
    }
    nonFinite +=
        lora_rt::countNonFinite(weight.type, plain, size_t(count * weight.k))
            .total();
    size_t packedBytes = bytes;
    if (!isPlain) {
      auto packed =
          lora_rt::packedBytes(value.layout, count, weight.k, weight.type);
      if (!packed)
        return packed.takeError();
      packedBytes = *packed;
      if (Error error = lora_rt::pack(value.layout, plain, result.data(), count,
                                      weight.k, weight.type))
        return error;
    }
    if (!result.empty())
      result = result.subspan(packedBytes);
  }
  weight.nonFinite += nonFinite;
  return Error::success();
}

} // namespace

std::span<std::byte> RowBuffer::get(size_t size) {
  if (size > capacity) {
    data.reset();
    capacity = llvm::alignTo(size, 64);
    data.reset(static_cast<std::byte *>(std::aligned_alloc(64, capacity)));
    if (!data)
      capacity = 0;
  }
  return {data.get(), data ? size : 0};
}

PackPieces::PackPieces(llvm::ArrayRef<BoundValue> values, LeafResolver resolve)
    : values(values), resolve(std::move(resolve)),
      evaluator([this](mlir::Attribute leaf, const std::string &name) {
        auto tensor = this->resolve(leaf, name);
        if (tensor)
          used.push_back(*tensor);
        return tensor;
      }) {
  unsigned count =
      std::clamp(std::thread::hardware_concurrency(), 1u, maxThreads);
  // One more for the piece that is written, and one for a piece that is ready.
  slots = std::vector<Slot>(count + 2);
  for (unsigned i = 0; i < count; ++i)
    if (auto thread = lora_rt::Thread::start([this] { work(); }))
      threads.push_back(std::move(*thread));
}

PackPieces::~PackPieces() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    isStopped = true;
  }
  changed.notify_all();
  for (lora_rt::Thread &thread : threads)
    thread.join();
}

Expected<std::shared_ptr<PackedWeight>>
PackPieces::bind(const BoundValue &value) {
  used.clear();
  Expected<BoundWeight> bound = evaluator.bind(value.value, value.path);
  if (!bound)
    return bound.takeError();
  auto weight = std::make_shared<PackedWeight>(value, std::move(*bound));
  weight->tensors = std::move(used);
  weight->type = getRuntimeType(value.type.getElementType());
  size_t rowBytes = weight->bound.getRowBytes();
  weight->n = weight->bound.getRows();
  weight->k = int64_t(rowBytes / lora_rt::sizeOf(weight->type));
  Expected<int64_t> unit =
      lora_rt::separableRows(value.layout, weight->n, weight->k, weight->type);
  if (!unit)
    return unit.takeError();
  auto rowsIn = [&](size_t bytes, int64_t multiple) {
    int64_t rows = int64_t(bytes / rowBytes) / multiple * multiple;
    return std::clamp(rows, std::min(multiple, weight->n), weight->n);
  };
  weight->step = rowsIn(stepBytes, *unit);
  weight->pieceRows = rowsIn(pieceBytes, weight->step);
  return weight;
}

bool PackPieces::begin(Slot &slot) {
  if (!current) {
    if (nextValue == values.size())
      return false;
    auto weight = bind(values[nextValue++]);
    if (!weight) {
      slot.error = weight.takeError();
      return true;
    }
    current = std::move(*weight);
    nextRow = 0;
  }
  slot.piece.weight = current;
  slot.piece.begin = nextRow;
  nextRow = std::min(nextRow + current->pieceRows, current->n);
  slot.piece.end = nextRow;
  if (slot.piece.isLast())
    current = nullptr;
  return true;
}

void PackPieces::work() {
  lora_rt::OneThread alone;
  RowBuffer computed;
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [&] {
      return isStopped || isEnd || begun - done < slots.size();
    });
    if (isStopped || isEnd)
      return;
    workOnce(lock, computed);
  }
}

void PackPieces::workOnce(std::unique_lock<std::mutex> &lock,
                          RowBuffer &computed) {
  Slot &slot = slots[begun % slots.size()];
  slot.isReady = false;
  if (!begin(slot)) {
    isEnd = true;
    changed.notify_all();
    return;
  }
  ++begun;
  if (!slot.error) {
    lock.unlock();
    Error error = fill(slot.piece, slot.buffer, computed);
    lock.lock();
    slot.error = std::move(error);
  }
  isStopped |= bool(slot.error);
  slot.isReady = true;
  changed.notify_all();
}

Expected<const Piece *> PackPieces::next() {
  std::unique_lock<std::mutex> lock(mutex);
  if (isLent) {
    slots[done % slots.size()].piece.weight.reset();
    ++done;
    isLent = false;
    changed.notify_all();
  }
  Slot &slot = slots[done % slots.size()];
  // If no thread could be started, the caller computes the piece.
  if (threads.empty() && done == begun && !isEnd && !isStopped) {
    lora_rt::OneThread alone;
    workOnce(lock, ownBuffer);
  }
  changed.wait(
      lock, [&] { return done < begun ? slot.isReady : isEnd || isStopped; });
  if (done == begun)
    return static_cast<const Piece *>(nullptr);
  if (slot.error)
    return std::move(slot.error);
  isLent = true;
  return static_cast<const Piece *>(&slot.piece);
}
