//===- PackWriter.cpp - The weights of a compiled file --------------------===//
//
// Files are mapped, and their pages are given back as soon as a parameter is
// written. So only the pages of a few parameters and a few pieces are in
// memory, never the whole model.
//
//===----------------------------------------------------------------------===//

#include "PackWriter.h"
#include "PackPieces.h"

#include <chrono>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;

static std::string inMebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 19)) >> 20);
}

Error PackWriter::write(
    ProgramDescription &program,
    const std::function<void(const std::string &)> &progress) {
  uint64_t total = 0;
  for (const BoundValue &value : program.params)
    total += uint64_t(value.type.getNumElements()) *
             lora_rt::sizeOf(getRuntimeType(value.type.getElementType()));
  if (progress)
    progress("writing " + std::to_string(program.params.size()) + " weights, " +
             inMebibytes(total) + " MiB");

  using Clock = std::chrono::steady_clock;
  Clock::time_point told = Clock::now();
  if (Error error = writer.beginPart(lora_rt::packPart))
    return error;
  PackPieces pieces(program.params, resolve);
  size_t index = 0;
  while (true) {
    Expected<const Piece *> piece = pieces.next();
    if (!piece)
      return piece.takeError();
    if (!*piece)
      break;
    PackedWeight &weight = *(*piece)->weight;
    if ((*piece)->isFirst())
      if (Error error = writer.beginTensor())
        return error;
    if (Error error = writer.appendToTensor((*piece)->bytes))
      return error;
    if (progress && Clock::now() - told > std::chrono::seconds(2)) {
      told = Clock::now();
      progress(inMebibytes(bytes) + " of " + inMebibytes(total) + " MiB");
    }
    if (!(*piece)->isLast())
      continue;
    if (uint64_t count = weight.nonFinite) {
      if (Error error = checkFinite(weight.tensors))
        return error;
      return lora_rt::makeError(
          lora_rt::ErrorCode::Unsupported, "weight '", weight.value.name,
          "': ", count, " of its ", weight.value.type.getNumElements(),
          " numbers do not fit ", lora_rt::manifestName(weight.type),
          " once it is computed; is the adapter's lora_alpha right? --dtype "
          "f32 has the widest range");
    }
    weight.bound.addTo(effect);
    lora_rt::PackedPlace place = writer.endTensor();
    program.manifest.params[index++].setPlace(place);
    bytes += place.bytes;
    for (const lora_rt::TensorView *tensor : weight.tensors)
      lora_rt::releasePages(tensor->bytes);
  }
  return writer.endPart();
}
