//===- lora-reduce.cpp - Makes IR that shows a problem small --------------===//
//
// The input is checked before it is parsed, values keep their names, the
// pipeline of a crash reproducer stays with it, and the output file appears
// when it is complete.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/CommandLine.h"
#include "lora-mlir/DiagnosticPrinter.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Reduction.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-mlir/ValueNames.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"
#include "lora-runtime/Temporary.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"

namespace cl = llvm::cl;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

static constexpr const char *overview =
    R"(Makes IR that shows a problem small

FILE is IR, for instance what --mlir-pass-pipeline-crash-reproducer wrote. SCRIPT is a program that gets a file of IR and exits
with 1 if it shows the problem, with 0 if not. Functions, operations, branches and parameters are taken out as long as the
problem stays. The pipeline that a reproducer holds is kept, so that lora-opt --run-reproducer runs the result.
docs/development-tools.md has an example, step by step.

Examples:
  lora-reduce crash.mlir --test ./interesting.sh -o small.mlir
  lora-reduce crash.mlir --test ./interesting.sh --test-arg lora-opt -o small.mlir
)";

static int fail(const std::string &message) {
  llvm::errs() << "lora-reduce: error: " << message << "\n";
  return 1;
}

namespace {

struct Options {
  std::string file, output, test;
  std::vector<std::string> testArguments;
};

/// A file of IR on the way through the reducer.
class Reduction {
public:
  explicit Reduction(const Options &options) : options(options) {}

  /// Reads the file and writes it with the names of its values.
  Error prepare(const std::string &path);
  /// Fails unless the script finds `path` interesting.
  Error tryScript(const std::string &path) const;
  /// Reduces `input` to `output`.
  Error run(const std::string &input, const std::string &output) const;
  /// The text of a reduced file, with the pipeline of the reproducer.
  Expected<std::string> finish(const std::string &path) const;

private:
  /// What the script exits with.
  int askScript(const std::string &path) const;

  const Options &options;
  /// "{-# ... #-}" at the end of the file, or empty.
  std::string resources;
};

} // namespace

Error Reduction::prepare(const std::string &path) {
  auto buffer = lora::readIRFile(options.file);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef text = (*buffer)->getBuffer();
  size_t begin = text.rfind("{-#"), end = text.rfind("#-}");
  if (begin != llvm::StringRef::npos && end != llvm::StringRef::npos &&
      begin < end)
    resources = text.slice(begin, end + 3).str();

  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  lora::DiagnosticPrinter printer(text, (*buffer)->getBufferIdentifier());
  printer.attach(context);
  mlir::FallbackAsmResourceMap untouched;
  mlir::ParserConfig config(&context, /*verifyAfterParse=*/true, &untouched);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      text, config, (*buffer)->getBufferIdentifier());
  if (!module)
    return lora_rt::makeError(ErrorCode::InvalidFile, options.file,
                              " is no valid IR");
  lora::keepNames(*module, text, (*buffer)->getBufferIdentifier());
  std::string written;
  llvm::raw_string_ostream stream(written);
  // Names travel as locations.
  module->print(stream, lora::faithfulPrintingFlags().enableDebugInfo());
  return lora_rt::writeTextFile(path, written);
}

int Reduction::askScript(const std::string &path) const {
  std::vector<llvm::StringRef> arguments = {options.test};
  arguments.insert(arguments.end(), options.testArguments.begin(),
                   options.testArguments.end());
  arguments.push_back(path);
  return llvm::sys::ExecuteAndWait(options.test, arguments);
}

Error Reduction::tryScript(const std::string &path) const {
  int code = askScript(path);
  if (code == 1)
    return Error::success();
  if (code < 0)
    return lora_rt::makeError(ErrorCode::InvalidArgument,
                              "--test: ", options.test,
                              " cannot be run, or was ended by a signal");
  return lora_rt::makeError(
      ErrorCode::InvalidArgument, "--test: ", options.test, " exits with ",
      code, " on ", options.file,
      ", so there is nothing to look for; it must exit with 1 where a file "
      "shows the problem, and with 0 where not");
}

Error Reduction::run(const std::string &input,
                     const std::string &output) const {
  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  // What is tried on the way may be invalid, and is thrown away.
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) {});
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(input, &context);
  if (!module)
    return lora_rt::makeError(ErrorCode::Unsupported, options.file,
                              ": its text cannot be read again");
  auto print = [](mlir::ModuleOp reduced) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    reduced.print(stream, lora::faithfulPrintingFlags());
    return text;
  };
  Error failed = Error::success();
  lora::reduceModule(*module, [&](mlir::ModuleOp reduced) {
    if (failed)
      return false;
    failed = lora_rt::writeTextFile(output, print(reduced));
    return !failed && askScript(output) == 1;
  });
  if (failed)
    return failed;
  return lora_rt::writeTextFile(output, print(*module));
}

Expected<std::string> Reduction::finish(const std::string &path) const {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return lora_rt::makeError(ErrorCode::System, "cannot read ", path, ": ",
                              buffer.getError().message());
  std::string text = (*buffer)->getBuffer().rtrim().str() + "\n";
  if (!resources.empty())
    text += "\n" + resources + "\n";
  return text;
}

/// Reads the command line; what is wrong with it is the error.
static Error readOptions(int argc, char **argv, Options &options) {
  cl::OptionCategory category("Options of lora-reduce");
  cl::opt<std::string> file(cl::Positional, cl::init("-"), cl::desc("FILE"),
                            cl::cat(category));
  cl::opt<std::string> output(
      "o", cl::desc("Where to write the result (default: standard output)"),
      cl::value_desc("FILE"), cl::init("-"), cl::cat(category));
  cl::opt<std::string> test(
      "test",
      cl::desc("The program that says whether a file shows the problem: exit "
               "code 1 if it does"),
      cl::value_desc("SCRIPT"), cl::cat(category));
  cl::list<std::string> testArguments(
      "test-arg", cl::desc("What to give SCRIPT before the file"),
      cl::value_desc("TEXT"), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  std::string mistake = lora::parseCommandLine(argc, argv, overview);
  options = {file, output, test, std::vector<std::string>(testArguments)};
  auto refuse = [](const std::string &text) {
    return lora_rt::makeError(ErrorCode::InvalidArgument, text);
  };
  if (!mistake.empty())
    return refuse(mistake);
  if (options.test.empty())
    return refuse("give the program that says whether a file shows the "
                  "problem: --test SCRIPT");
  llvm::SmallString<128> path(options.test);
  if (std::error_code code = llvm::sys::fs::make_absolute(path))
    return refuse("--test: " + options.test + ": " + code.message());
  if (!llvm::sys::fs::can_execute(path))
    return refuse("--test: " + options.test +
                  " is no program that can be run; is there a chmod +x to do?");
  options.test = path.str().str();
  return Error::success();
}

static Error reduce(const Options &options) {
  if (options.output != "-")
    if (Error error =
            lora_rt::checkOutput(options.output, {options.file, options.test}))
      return error;
  auto folder = lora_rt::TemporaryFolder::create(
      lora_rt::temporaryRoot() + "/lora-reduce", 0700);
  if (!folder)
    return folder.takeError();
  std::string input = *folder / "input.mlir", output = *folder / "output.mlir";
  Reduction reduction(options);
  if (Error error = reduction.prepare(input))
    return error;
  if (Error error = reduction.tryScript(input))
    return error;
  if (Error error = reduction.run(input, output))
    return error;
  Expected<std::string> text = reduction.finish(output);
  if (!text)
    return text.takeError();
  if (options.output != "-")
    return lora_rt::writeTextFile(options.output, *text);
  llvm::outs() << *text;
  return Error::success();
}

int main(int argc, char **argv) {
  lora::beginTool("lora-reduce");
  Options options;
  if (Error error = readOptions(argc, argv, options))
    return fail(error.message());
  if (Error error = reduce(options))
    return fail(error.message());
  return 0;
}
