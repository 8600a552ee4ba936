//===- Check.h - Functions run on generated inputs --------------*- C++ -*-===//
//
// The parts of lora-check: inputs, an executable to run them, and the two
// comparisons.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORA_CHECK_CHECK_H
#define LORA_MLIR_TOOLS_LORA_CHECK_CHECK_H

#include "lora-mlir/Compiler/Compiler.h"
#include "lora-runtime/Executable.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace lora::check {

/// A tensor in host memory. Floating-point values are kept in f64, with their
/// type beside them.
struct Value {
  lora_rt::DType dtype = lora_rt::DType::F32;
  std::vector<int64_t> shape;
  std::vector<double> values;

  bool isFloat() const { return lora_rt::isFloat(dtype); }
};

/// Makes every public function of `module` (or every block, if nothing applies
/// them) a function of tensors: applications become the bodies of their blocks,
/// slots become arguments, new values of states become results. Every dynamic
/// dimension is set to `tokens`, unless that is 0. Fails if there is no
/// function, or one that cannot be run; the error names it and says what to do.
/// For `gradients`, floating-point types must be f64.
lora_rt::Error prepare(mlir::ModuleOp module, int64_t tokens, bool gradients);

/// Inputs for the arguments of a function: all values differ. An argument's
/// attribute `lora.input` says what it is:
///
/// | text | values |
/// | --- | --- |
/// | `positive` | uniform in [0.5, 1.5] |
/// | `ids N` | token ids in [0, N) |
/// | `labels N` | token ids in [0, N), some of them -100 |
/// | `sequence` | two sequences side by side, then a token without keys |
/// | `sequence N` | the last tokens of a cache of N rows |
///
/// Without it, floats are uniform in [-1, 1], and integers are what the
/// operation that reads them takes: ids, labels or `sequence`.
lora_rt::Expected<std::vector<Value>> makeInputs(mlir::func::FuncOp function,
                                                 uint64_t seed);

/// Values of this type, uniform in [-1, 1].
Value makeRandom(mlir::Type type, uint64_t seed);

/// An executable whose public functions can be called.
class Program {
public:
  static lora_rt::Expected<Program>
  compile(mlir::ModuleOp module, Kernels kernels, bool referenceAttention);

  /// Calls a function; the results have the types of the manifest.
  lora_rt::Expected<std::vector<Value>> call(const std::string &function,
                                             const std::vector<Value> &inputs);

private:
  std::shared_ptr<lora_rt::Executable> executable;
  std::unique_ptr<lora_rt::Instance> instance;
};

/// The largest difference and its size relative to the largest value.
struct Difference {
  double absolute = 0;
  double relative = 0;
};

Difference compare(const Value &actual, const Value &expected);

/// Runs every public function of `module` by its decomposition, and by oneDNN
/// and generated loops. Prints a line for each result. Returns whether all are
/// within the tolerance (relative; by default 2e-5 for f32 and 2^-7 for bf16).
lora_rt::Expected<bool> compareKernels(mlir::ModuleOp module, double tolerance,
                                       uint64_t seed);

/// Compares the derived gradient of every public function, all in f64, with
/// central differences along every input value. Prints a line for each input.
lora_rt::Expected<bool> compareGradients(mlir::ModuleOp module,
                                         double tolerance, uint64_t seed);

} // namespace lora::check

#endif // LORA_MLIR_TOOLS_LORA_CHECK_CHECK_H
