//===- lora-opt.cpp - Runs passes on IR -----------------------------------===//
//
// The mlir-opt of this project: every dialect and pass of lora-mlir, and the
// upstream ones that its pipelines use. Unlike mlir-opt, it checks its input
// before parsing, keeps the names of values, and reports a diagnostic as one
// line; and an output file appears when it is complete.
//
//===----------------------------------------------------------------------===//

#include "AdapterFolders.h"
#include "Help.h"
#include "Instrumentations.h"
#include "PassOptionNames.h"
#include "lora-mlir/CommandLine.h"
#include "lora-mlir/DiagnosticPrinter.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Support/ContextThreads.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

static int fail(const std::string &message) {
  llvm::errs() << "lora-opt: error: " << message << "\n";
  return 1;
}

/// An option that MLIR registers.
static llvm::cl::opt<bool> &flagOf(StringRef name) {
  return *static_cast<llvm::cl::opt<bool> *>(
      llvm::cl::getRegisteredOptions().lookup(name));
}

/// Lets the pipeline of `config` keep the names in `buffer`, and report passes
/// that found nothing to do.
static void instrument(MlirOptMainConfig &config,
                       const llvm::MemoryBuffer &buffer,
                       ArrayRef<const char *> commandLine) {
  bool reports = !config.shouldVerifyDiagnostics();
  auto setUp = [original = config, &buffer, commandLine,
                reports](PassManager &manager) {
    if (failed(lora::opt::setUpPipeline(original, manager, commandLine)))
      return failure();
    // Names come first: they change locations, which count as a change.
    lora::opt::keepNames(manager, buffer.getBuffer(),
                         buffer.getBufferIdentifier());
    if (reports)
      lora::opt::reportIdlePasses(manager, commandLine);
    return success();
  };
  config.setPassPipelineSetupFn(setUp);
}

/// The options of MLIR that concern diagnostics.
static lora::DiagnosticPrinter::Options
printerOptions(const MlirOptMainConfig &config) {
  lora::DiagnosticPrinter::Options options;
  options.notes = config.shouldShowNotes();
  options.printOp = flagOf("mlir-print-op-on-diagnostic");
  switch (config.getDiagnosticVerbosityLevel()) {
  case VerbosityLevel::ErrorsOnly:
    options.least = DiagnosticSeverity::Error;
    break;
  case VerbosityLevel::ErrorsAndWarnings:
    options.least = DiagnosticSeverity::Warning;
    break;
  default:
    break;
  }
  return options;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  lora::beginTool("lora-opt");
  if (lora::asksForHelp(argc, argv)) {
    lora::printHelp();
    return 0;
  }
  DialectRegistry registry;
  lora::registerAllDialects(registry);
  lora::registerAllPasses();
  std::vector<char *> arguments(argv, argv + argc);
  // Otherwise MLIR would end the program if a thread cannot be started.
  std::string noThreads = "--mlir-disable-threading";
  if (!lora::canStartPool())
    arguments.push_back(noThreads.data());
  constexpr const char *overview =
      "lora-mlir: rewrites the IR of transformers with adapters\n\n"
      "Remarks say what a pass did and why: --remarks-filter='.*' shows them\n";
  std::string header = lora::registerMLIROptions(overview, registry);
  llvm::cl::opt<std::string> inputOption(
      llvm::cl::Positional, llvm::cl::desc("FILE"), llvm::cl::init("-"));
  llvm::cl::opt<std::string> outputOption("o", llvm::cl::desc("Output file"),
                                          llvm::cl::value_desc("FILE"),
                                          llvm::cl::init("-"));
  if (std::string mistake = lora::parseCommandLine(int(arguments.size()),
                                                   arguments.data(), header);
      !mistake.empty())
    return fail(mistake);
  std::string input = inputOption, output = outputOption;
  if (std::string error = lora::completeMLIROptions(); !error.empty())
    return fail(error);
  auto config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));

  auto buffer = lora::readIRFile(input);
  if (!buffer)
    return fail(buffer.message());
  if (output != "-")
    if (lora_rt::Error error =
            lora_rt::checkOutput(output, lora::adapterFoldersOf(config)))
      return fail(error.message());
  // The buffer lives as long as MlirOptMain, which splits it but does not copy
  // it.
  StringRef text = (*buffer)->getBuffer();
  instrument(config, **buffer, ArrayRef<const char *>(argv, argc));
  lora::DiagnosticPrinter printer(text, (*buffer)->getBufferIdentifier(),
                                  printerOptions(config));
  if (!config.shouldVerifyDiagnostics())
    printer.attachToContextsOf(registry);
  if (output == "-")
    return asMainReturnCode(
        MlirOptMain(llvm::outs(), std::move(*buffer), registry, config));
  auto file = lora_rt::OutputFile::create(output);
  if (!file)
    return fail(file.message());
  std::string written;
  llvm::raw_string_ostream stream(written);
  if (failed(MlirOptMain(stream, std::move(*buffer), registry, config)))
    return 1;
  if (lora_rt::Error error = file->append(std::as_bytes(std::span(written))))
    return fail(error.message());
  if (lora_rt::Error error = file->commit())
    return fail(error.message());
  return 0;
}
