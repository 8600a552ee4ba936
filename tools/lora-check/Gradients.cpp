//===- Gradients.cpp - Gradients against central differences --------------===//
//
// Builds the gradient function by the rules of autodiff, and compares it with
// central differences of the function itself.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "lora-mlir/Dialect/LoRA/Transforms/AddGradient.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace lora;
using namespace lora::check;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

/// Half the distance between the two points of a difference. Its error is h²/6
/// f''' plus rounding of 1e-16 / h; both are far below 1e-6.
static constexpr double kStep = 1e-5;

/// The scalar whose gradient is checked: the sum of all result values, each
/// with its own weight.
static double weigh(const std::vector<Value> &results,
                    const std::vector<Value> &weights) {
  double sum = 0;
  for (size_t i = 0; i < results.size(); ++i)
    for (size_t j = 0; j < results[i].values.size(); ++j)
      sum += results[i].values[j] * weights[i].values[j];
  return sum;
}

static Expected<bool> checkFunction(Program &program,
                                    mlir::func::FuncOp function,
                                    const std::string &gradientName,
                                    double tolerance, uint64_t seed) {
  std::string name = function.getSymName().str();
  Expected<std::vector<Value>> inputs = makeInputs(function, seed);
  if (!inputs)
    return inputs.takeError();
  std::vector<Value> weights, all = *inputs;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    weights.push_back(makeRandom(type, seed + 1 + index));
  all.insert(all.end(), weights.begin(), weights.end());
  auto gradients = program.call(gradientName, all);
  if (!gradients)
    return gradients.takeError();

  bool passed = true;
  size_t next = 0;
  for (size_t argument = 0; argument < inputs->size(); ++argument) {
    Value &input = (*inputs)[argument];
    if (!input.isFloat())
      continue;
    Value numeric = (*gradients)[next];
    for (size_t i = 0; i < input.values.size(); ++i) {
      double middle = input.values[i], at[2];
      for (int side : {0, 1}) {
        input.values[i] = middle + (side ? kStep : -kStep);
        auto results = program.call(name, *inputs);
        if (!results)
          return results.takeError();
        at[side] = weigh(*results, weights);
      }
      input.values[i] = middle;
      numeric.values[i] = (at[1] - at[0]) / (2 * kStep);
    }
    Difference difference = compare((*gradients)[next++], numeric);
    bool good = difference.relative <= tolerance;
    passed &= good;
    llvm::outs() << name << " argument " << argument << ": relative difference "
                 << llvm::format("%.2e", difference.relative)
                 << " <= " << llvm::format("%.2e", tolerance)
                 << (good ? " ok\n" : " FAILED\n");
  }
  return passed;
}

Expected<bool> lora::check::compareGradients(mlir::ModuleOp module,
                                             double tolerance, uint64_t seed) {
  std::vector<std::pair<mlir::func::FuncOp, std::string>> functions;
  for (auto function : llvm::to_vector(module.getOps<mlir::func::FuncOp>())) {
    if (function.isPrivate())
      continue;
    mlir::FailureOr<mlir::func::FuncOp> gradient =
        buildGradientFunction(function);
    if (mlir::failed(gradient))
      return lora_rt::makeError(ErrorCode::Unsupported, "function '",
                                function.getSymName().str(),
                                "' has no gradient");
    functions.push_back({function, gradient->getSymName().str()});
  }
  Expected<Program> program =
      Program::compile(module, Kernels::Linalg, /*referenceAttention=*/false);
  if (!program)
    return program.takeError();
  bool passed = true;
  for (auto &[function, gradient] : functions) {
    auto good = checkFunction(*program, function, gradient,
                              tolerance > 0 ? tolerance : 1e-6, seed);
    if (!good)
      return good.takeError();
    passed &= *good;
  }
  return passed;
}
