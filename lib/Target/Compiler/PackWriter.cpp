//===- PackWriter.cpp - The weights of a compiled file --------------------===//
//
// Parameters are computed, packed and written in pieces. Files are mapped, and
// their pages are given back as soon as a parameter is written: what is
// resident is a parameter's pages and a few pieces, never the model.
//
//===----------------------------------------------------------------------===//

#include "PackWriter.h"
#include "lora-runtime/Layouts.h"
#include "llvm/Support/MathExtras.h"

#include <chrono>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::PackedPlace;

namespace {

/// Of a parameter, computed and packed at once: much work for each thread, and
/// little memory.
constexpr size_t pieceBytes = size_t(16) << 20;

Error outOfMemory(const BoundValue &value, uint64_t bytes) {
  return lora_rt::makeError(lora_rt::ErrorCode::System, "no memory for the ",
                            bytes >> 20, " MiB of ", value.name);
}

std::string inMebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 19)) >> 20);
}

} // namespace

std::span<std::byte> PieceRoom::get(size_t size) {
  if (size > capacity) {
    data.reset();
    capacity = llvm::alignTo(size, 64);
    data.reset(static_cast<std::byte *>(std::aligned_alloc(64, capacity)));
    if (!data)
      capacity = 0;
  }
  return {data.get(), data ? size : 0};
}

PackWriter::PackWriter(lora_rt::PayloadWriter &writer, LeafResolver resolve)
    : writer(writer), resolve(std::move(resolve)),
      evaluator([this](mlir::Attribute leaf, const std::string &name) {
        auto tensor = this->resolve(leaf, name);
        if (tensor)
          used.push_back(*tensor);
        return tensor;
      }) {}

Expected<PackedPlace> PackWriter::writeOne(const BoundValue &value) {
  lora_rt::DType type = getRuntimeType(value.type.getElementType());
  Expected<BoundWeight> weight = evaluator.bind(value.value, value.path);
  if (!weight)
    return weight.takeError();
  bool isPlain = value.layout == lora_rt::plainLayout;
  int64_t n = weight->getRows();
  size_t rowBytes = weight->getRowBytes();
  int64_t k = int64_t(rowBytes / lora_rt::sizeOf(type));

  Expected<int64_t> unit = lora_rt::separableRows(value.layout, n, k, type);
  if (!unit)
    return unit.takeError();
  int64_t step =
      std::max<int64_t>(1, int64_t(pieceBytes / rowBytes) / *unit) * *unit;
  step = std::min(step, n);
  std::span<std::byte> computed, packed;
  if (!weight->getMapped()) {
    computed = computedRoom.get(size_t(step) * rowBytes);
    if (computed.empty())
      return outOfMemory(value, size_t(step) * rowBytes);
  }
  if (!isPlain) {
    auto packedBytes = lora_rt::packedBytes(value.layout, step, k, type);
    if (!packedBytes)
      return packedBytes.takeError();
    packed = packedRoom.get(*packedBytes);
    if (packed.empty())
      return outOfMemory(value, *packedBytes);
  }

  if (Error error = writer.beginTensor())
    return error;
  uint64_t beyond = 0;
  for (int64_t begin = 0; begin < n; begin += step) {
    int64_t count = std::min(step, n - begin);
    std::span<const std::byte> rows;
    if (weight->getMapped()) {
      rows = {weight->getMapped() + size_t(begin) * rowBytes,
              size_t(count) * rowBytes};
    } else {
      std::span<std::byte> room = computed.first(size_t(count) * rowBytes);
      weight->computeRows(begin, begin + count, room);
      // Its tensors are finite: each was checked when it was found.
      beyond +=
          lora_rt::countNonFinite(type, room.data(), size_t(count * k)).total();
      rows = room;
    }
    if (!isPlain) {
      auto bytes = lora_rt::packedBytes(value.layout, count, k, type);
      if (!bytes)
        return bytes.takeError();
      std::span<std::byte> room = packed.first(*bytes);
      if (Error error = lora_rt::pack(value.layout, rows.data(), room.data(),
                                      count, k, type))
        return error;
      rows = room;
    }
    if (Error error = writer.appendToTensor(rows))
      return error;
  }
  if (beyond)
    return lora_rt::makeError(
        lora_rt::ErrorCode::Unsupported, "weight '", value.name, "': ", beyond,
        " of its ", value.type.getNumElements(), " numbers do not fit ",
        lora_rt::manifestName(type),
        " once it is computed; is the adapter's lora_alpha right? --dtype "
        "f32 has the widest range");
  weight->addTo(effect);
  return writer.endTensor();
}

Error PackWriter::write(
    ModuleManifest &manifest,
    const std::function<void(const std::string &)> &progress) {
  uint64_t total = 0;
  for (const BoundValue &value : manifest.params)
    total += uint64_t(value.type.getNumElements()) *
             lora_rt::sizeOf(getRuntimeType(value.type.getElementType()));
  if (progress)
    progress("writing " + std::to_string(manifest.params.size()) +
             " weights, " + inMebibytes(total) + " MiB");

  using Clock = std::chrono::steady_clock;
  Clock::time_point told = Clock::now();
  if (Error error = writer.beginPart(lora_rt::packPart))
    return error;
  for (auto [index, value] : llvm::enumerate(manifest.params)) {
    Expected<PackedPlace> place = writeOne(value);
    if (!place)
      return place.takeError();
    auto &entry = manifest.json["params"][index];
    entry["bytes"] = place->bytes;
    entry["offset"] = place->offset;
    entry["xxh3"] = place->checksum;
    bytes += place->bytes;
    for (const lora_rt::TensorView *tensor : used)
      lora_rt::releasePages(tensor->bytes);
    used.clear();
    if (progress && Clock::now() - told > std::chrono::seconds(2)) {
      told = Clock::now();
      progress(inMebibytes(bytes) + " of " + inMebibytes(total) + " MiB");
    }
  }
  return writer.endPart();
}
