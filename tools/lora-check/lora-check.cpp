//===- lora-check.cpp - Compares ways to compute a function ---------------===//
//
// Reads the command line and a module, and runs one of the two comparisons.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "lora-mlir/CommandLine.h"
#include "lora-mlir/DiagnosticPrinter.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

#include <cmath>

namespace cl = llvm::cl;

static constexpr const char *overview =
    R"(Compiles functions in two ways, runs both on generated inputs, and compares the results

Every public function of FILE.mlir is compiled twice: by the decomposition of its operations into linalg, and by oneDNN and
generated loops. With --gradients its derived gradient is compared with central differences instead; the function must be in
f64. Prints a line for each result, and exits with 1 if a difference is above the tolerance. A sequence of many operations
rounds more often than one operation: a whole model in bf16 needs a larger --tolerance.

Blocks that a function applies are inlined. Parameters and states (transformer.slot) are inputs like others. If a module has
only blocks, each block is checked.

Shapes must be static; --tokens gives the size of "?". Inputs are pseudo-random. Floats are uniform in [-1, 1]; integers are
values that the operation that reads them accepts. The attribute lora.input of an argument selects other values: "positive",
"ids N", "labels N", "sequence" (two sequences, one after the other), "sequence N" (the last tokens of a cache of N rows).

Example:
  lora-check test/Executed/linear.mlir
  lora-check --gradients test/Executed/gradients.mlir
  lora-check --tokens 5 model.mlir
)";

static int fail(const std::string &message) {
  llvm::errs() << "lora-check: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  lora::beginTool("lora-check");
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
  cl::opt<int64_t> tokens(
      "tokens", cl::desc("Size of every dynamic dimension (default: none)"),
      cl::init(0), cl::cat(category));
  cl::opt<uint64_t> seed("seed", cl::desc("Seed of the inputs"), cl::init(1),
                         cl::cat(category));
  cl::HideUnrelatedOptions(category);
  if (std::string mistake = lora::parseCommandLine(argc, argv, overview);
      !mistake.empty())
    return fail(mistake);

  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto buffer = lora::readIRFile(input);
  if (!buffer)
    return fail(buffer.message());
  lora::DiagnosticPrinter printer((*buffer)->getBuffer(),
                                  (*buffer)->getBufferIdentifier());
  printer.attach(context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      (*buffer)->getBuffer(), &context, (*buffer)->getBufferIdentifier());
  if (!module)
    return 1;
  if (tokens.getNumOccurrences() && tokens < 1)
    return fail("--tokens: expected a positive number, but got " +
                std::to_string(tokens));
  if (!(tolerance >= 0 && std::isfinite(tolerance)))
    return fail("--tolerance: expected a positive number");
  if (lora_rt::Error error = lora::check::prepare(*module, tokens, gradients))
    return fail(input + ": " + error.message());
  auto passed = gradients
                    ? lora::check::compareGradients(*module, tolerance, seed)
                    : lora::check::compareKernels(*module, tolerance, seed);
  if (!passed)
    return fail(input + ": " + passed.message());
  return *passed ? 0 : 1;
}
