//===- lora-opt.cpp - Runs passes on IR -----------------------------------===//
//
// The mlir-opt of this project: every dialect and pass of lora-mlir, and the
// upstream ones that its pipelines use. Unlike mlir-opt it looks through what
// it is given before it is parsed, and an output file appears when it is
// complete.
//
//===----------------------------------------------------------------------===//

#include "AdapterFolders.h"
#include "Help.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

static int fail(const std::string &message) {
  llvm::errs() << "lora-opt: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (lora::asksForHelp(argc, argv)) {
    lora::printHelp();
    if (lora_rt::Error error = lora::flushStandardOutput())
      return fail(error.message());
    return 0;
  }
  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  lora::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv,
      "lora-mlir: rewrites the IR of transformers with adapters\n\n"
      "What a pass did and why is said in remarks: --remarks-filter='.*' shows "
      "them\n",
      registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, input, output, registry));

  auto buffer = lora::readIRFile(input);
  if (!buffer)
    return fail(buffer.message());
  if (output == "-") {
    auto result =
        mlir::MlirOptMain(llvm::outs(), std::move(*buffer), registry, config);
    if (lora_rt::Error error = lora::flushStandardOutput())
      return fail(error.message());
    return mlir::asMainReturnCode(result);
  }
  if (lora_rt::Error error =
          lora_rt::checkOutput(output, lora::adapterFoldersOf(config)))
    return fail(error.message());
  auto file = lora_rt::OutputFile::create(output);
  if (!file)
    return fail(file.message());
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (mlir::failed(
          mlir::MlirOptMain(stream, std::move(*buffer), registry, config)))
    return 1;
  if (lora_rt::Error error = file->append(std::as_bytes(std::span(text))))
    return fail(error.message());
  if (lora_rt::Error error = file->commit())
    return fail(error.message());
  return 0;
}
