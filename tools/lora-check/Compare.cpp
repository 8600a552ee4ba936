//===- Compare.cpp - The decomposition against the fast path --------------===//
//
// Compiles the same functions twice, with the reference decomposition and with
// all fast paths, and compares their results on the same inputs.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using namespace lora::check;
using lora_rt::Expected;

Difference lora::check::compare(const Value &actual, const Value &expected) {
  Difference difference;
  double largest = 0;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    double error = std::fabs(actual.values[i] - expected.values[i]);
    // NaN differs from everything, including itself.
    if (std::isnan(error))
      return {INFINITY, INFINITY};
    difference.absolute = std::max(difference.absolute, error);
    largest = std::max(largest, std::fabs(expected.values[i]));
  }
  difference.relative =
      largest > 0 ? difference.absolute / largest : difference.absolute;
  return difference;
}

/// The order of sums differs. So f32 agrees to a few units in the last place
/// times the square root of the number of terms, and bf16 to one of its units.
static double defaultTolerance(lora_rt::DType type) {
  switch (type) {
  case lora_rt::DType::BF16:
    return 0x1p-7;
  case lora_rt::DType::F64:
    return 1e-12;
  default:
    return 2e-5;
  }
}

Expected<bool> lora::check::compareKernels(mlir::ModuleOp module,
                                           double tolerance, uint64_t seed) {
  Expected<Program> reference =
      Program::compile(module, Kernels::Linalg, /*referenceAttention=*/true);
  if (!reference)
    return reference.takeError();
  Expected<Program> fast =
      Program::compile(module, Kernels::OneDNN, /*referenceAttention=*/false);
  if (!fast)
    return fast.takeError();
  bool passed = true;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (function.isPrivate())
      continue;
    std::string name = function.getSymName().str();
    Expected<std::vector<Value>> inputs = makeInputs(function, seed);
    if (!inputs)
      return inputs.takeError();
    auto expected = reference->call(name, *inputs);
    if (!expected)
      return expected.takeError();
    auto actual = fast->call(name, *inputs);
    if (!actual)
      return actual.takeError();
    for (size_t i = 0; i < expected->size(); ++i) {
      Difference difference = compare((*actual)[i], (*expected)[i]);
      double limit =
          tolerance > 0 ? tolerance : defaultTolerance((*expected)[i].dtype);
      bool good = difference.relative <= limit;
      passed &= good;
      llvm::outs() << name << " result " << i << ": relative difference "
                   << llvm::format("%.2e", difference.relative)
                   << " <= " << llvm::format("%.2e", limit)
                   << (good ? " ok\n" : " FAILED\n");
    }
  }
  return passed;
}
