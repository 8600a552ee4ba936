//===- PackWriter.cpp - The weights of a compiled file --------------------===//
//
// Files are mapped, and their pages are given back as soon as a parameter is
// written: what is resident is a parameter, never the model.
//
//===----------------------------------------------------------------------===//

#include "PackWriter.h"
#include "lora-runtime/Layouts.h"
#include "llvm/Support/AlignOf.h"
#include "llvm/Support/MathExtras.h"

#include <chrono>
#include <memory>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::PackedPlace;

namespace {

/// Memory aligned as oneDNN's conversions want it.
class AlignedBytes {
public:
  explicit AlignedBytes(size_t size)
      : size(size), data(static_cast<std::byte *>(
                        std::aligned_alloc(64, llvm::alignTo(size + 1, 64)))) {}
  explicit operator bool() const { return data != nullptr; }
  std::span<std::byte> span() const { return {data.get(), size}; }

private:
  struct Free {
    void operator()(std::byte *bytes) const { std::free(bytes); }
  };
  size_t size;
  std::unique_ptr<std::byte, Free> data;
};

Error outOfMemory(const BoundValue &value, uint64_t bytes) {
  return lora_rt::makeError(lora_rt::ErrorCode::System, "no memory for the ",
                            bytes >> 20, " MiB of ", value.name);
}

std::string inMebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 19)) >> 20);
}

} // namespace

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
  size_t size = size_t(value.type.getNumElements()) * lora_rt::sizeOf(type);
  bool isPlain = value.layout == lora_rt::plainLayout;

  auto mapped = evaluator.findMapped(value.value, value.path);
  if (!mapped)
    return mapped.takeError();
  std::optional<AlignedBytes> computed;
  const std::byte *plain = *mapped;
  if (!plain) {
    computed.emplace(size);
    if (!*computed)
      return outOfMemory(value, size);
    if (Error error = evaluator.evaluate(value.value, value.path,
                                         computed->span(), &effect))
      return error;
    plain = computed->span().data();
    // Its tensors are finite: each was checked when it was found.
    auto beyond = lora_rt::countNonFinite(type, plain, size / sizeOf(type));
    if (beyond.total())
      return lora_rt::makeError(
          lora_rt::ErrorCode::Unsupported, "weight '", value.name,
          "': ", beyond.total(), " of its ", value.type.getNumElements(),
          " numbers do not fit ", lora_rt::manifestName(type),
          " once it is computed; is the adapter's lora_alpha right? --dtype "
          "f32 has the widest range");
  }
  if (isPlain)
    return writer.appendTensor({plain, size});

  int64_t n = value.type.getDimSize(0), k = value.type.getDimSize(1);
  auto packedSize = lora_rt::packedBytes(value.layout, n, k, type);
  if (!packedSize)
    return packedSize.takeError();
  AlignedBytes packed(*packedSize);
  if (!packed)
    return outOfMemory(value, *packedSize);
  if (Error error =
          lora_rt::pack(value.layout, plain, packed.span().data(), n, k, type))
    return error;
  return writer.appendTensor(packed.span());
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
