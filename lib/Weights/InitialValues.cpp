//===- InitialValues.cpp - Random numbers of new parameters ---------------===//
//
// Element i of a parameter depends only on the seed, the parameter's full name
// and i, not on the order or on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Support/RandomStream.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace lora;
using namespace lora::transformer;

namespace {

/// The random bits of consecutive elements.
class Stream {
public:
  Stream(uint64_t seed, llvm::StringRef name) : stream(seed, name) {}

  uint32_t get(uint64_t index) {
    if (!valid || index / 4 != counter) {
      counter = index / 4;
      valid = true;
      block = stream.block(counter);
    }
    return block[index % 4];
  }

private:
  RandomStream stream;
  r123::Philox4x32::ctr_type block;
  uint64_t counter = 0;
  bool valid = false;
};

/// A number in (0, 1): the middle of one of 2^24 intervals, exact in f32.
double toUnit(uint32_t bits) { return ((bits >> 8) + 0.5) * 0x1p-24; }

} // namespace

void lora::fillInitial(mlir::Attribute attribute, llvm::StringRef fullName,
                       uint64_t index, std::span<float> values) {
  auto init = mlir::cast<InitAttr>(attribute);
  Stream stream(init.getSeed(), fullName);
  switch (init.getKind()) {
  case InitKind::Zeros:
    std::fill(values.begin(), values.end(), 0.0f);
    return;
  case InitKind::Ones:
    std::fill(values.begin(), values.end(), 1.0f);
    return;
  case InitKind::KaimingUniform: {
    // torch.nn.init.kaiming_uniform_(a = sqrt 5): the bound is sqrt(6 / (6
    // fan_in)).
    double bound = 1.0 / std::sqrt(double(init.getType().getShape().back()));
    for (float &value : values)
      value = float((2.0 * toUnit(stream.get(index++)) - 1.0) * bound);
    return;
  }
  case InitKind::Normal:
  case InitKind::StandardNormal: {
    // Box and Muller 1958. The elements 2k and 2k + 1 come from the same pair
    // of numbers.
    double deviation = init.getKind() == InitKind::Normal
                           ? 1.0 / double(init.getType().getDimSize(0))
                           : 1.0;
    for (float &value : values) {
      uint64_t pair = index & ~uint64_t(1);
      double radius = std::sqrt(-2.0 * std::log(toUnit(stream.get(pair))));
      double angle = 2.0 * std::numbers::pi * toUnit(stream.get(pair + 1));
      value = float(deviation * radius *
                    (index & 1 ? std::sin(angle) : std::cos(angle)));
      ++index;
    }
    return;
  }
  }
}
