//===- lora-check.cpp - Compares ways to compute a function ---------------===//
//
// Thin: reads the command line and a module, runs one of the two comparisons.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/InitAll.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;

static constexpr const char *overview =
    R"(Runs functions on made-up inputs in two ways and compares

Every public function of FILE.mlir, on tensors of static shapes, is compiled twice: by the decomposition of its operations into
linalg, and by oneDNN and generated loops. With --gradients its derived gradient is compared with central differences instead; the
function should be in f64. Prints a line per result; exits with 1 if a difference is above the tolerance.

An argument's attribute lora.input says what it is: "positive", "ids N", "labels N", "sequence" (two sequences side by side),
"sequence N" (the last tokens of a cache of N rows); without it, values are uniform in [-1, 1].

Example:
  lora-check test/Executed/linear.mlir
  lora-check --gradients test/Executed/gradients.mlir
)";

int main(int argc, char **argv) {
  cl::OptionCategory category("Options of lora-check");
  cl::opt<std::string> input(cl::Positional, cl::Required,
                             cl::desc("FILE.mlir"), cl::cat(category));
  cl::opt<bool> gradients(
      "gradients", cl::desc("Compare gradients with central differences"),
      cl::cat(category));
  cl::opt<double> tolerance(
      "tolerance",
      cl::desc("Largest relative difference (default: by the type of the "
               "result; 1e-6 for gradients)"),
      cl::init(0), cl::cat(category));
  cl::opt<uint64_t> seed("seed", cl::desc("Seed of the inputs"), cl::init(1),
                         cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);

  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto buffer = lora::readIRFile(input);
  if (!buffer) {
    llvm::errs() << "lora-check: error: " << buffer.message() << "\n";
    return 1;
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return 1;
  auto passed = gradients
                    ? lora::check::compareGradients(*module, tolerance, seed)
                    : lora::check::compareKernels(*module, tolerance, seed);
  if (!passed) {
    llvm::errs() << "lora-check: error: " << passed.message() << "\n";
    return 1;
  }
  return *passed ? 0 : 1;
}
