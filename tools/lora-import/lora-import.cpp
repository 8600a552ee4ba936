//===- lora-import.cpp - A Hugging Face folder as IR ----------------------===//
//
// Reads the command line, calls importModel, and writes the text.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/CommandLine.h"
#include "lora-mlir/Import/OpenedModel.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static constexpr const char *overview =
    R"(Prints the graph of a Hugging Face model as IR

MODEL_DIR contains config.json and model.safetensors, or shards with model.safetensors.index.json. docs/models.md lists the
supported families and settings; for others, the error message names the setting. Only the names, shapes and types of the tensors
are read. The IR has no weights, so MODEL_DIR is needed again to compile it. With --adapter the model gets the head and the
vocabulary that the adapter was made for; lora-opt --lora-attach attaches the adapter. Several adapters must have the same head and
vocabulary.

Examples:
  lora-import examples/tiny-qwen3/model -o model.mlir
  lora-opt model.mlir -canonicalize
  lora-import ~/models/roberta-base --adapter ~/adapters/sentiment -o classifier.mlir
)";

static int fail(const std::string &message) {
  llvm::errs() << "lora-import: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  lora::beginTool("lora-import");
  cl::OptionCategory category("Options of lora-import");
  cl::opt<std::string> folder(cl::Positional, cl::Required,
                              cl::desc("MODEL_DIR"), cl::cat(category));
  cl::opt<std::string> output(
      "o", cl::desc("Where to write the IR (default: standard output)"),
      cl::value_desc("FILE.mlir"), cl::init("-"), cl::cat(category));
  cl::list<std::string> adapterFolders(
      "adapter",
      cl::desc("A PEFT folder that gives the head and the vocabulary; several "
               "must agree"),
      cl::value_desc("DIR"), cl::cat(category));
  cl::opt<std::string> dtype(
      "dtype",
      cl::desc(
          "Type to compute in: f32 or bf16 (default: the checkpoint's; F16 "
          "becomes f32)"),
      cl::value_desc("f32|bf16"), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  if (std::string mistake = lora::parseCommandLine(argc, argv, overview);
      !mistake.empty())
    return fail(mistake);

  lora::ImportOptions options;
  options.warning = [](const std::string &text) {
    llvm::errs() << "lora-import: warning: " << text << "\n";
  };
  if (!dtype.empty()) {
    options.dtype = lora_rt::parseManifestName(dtype.getValue());
    if (options.dtype != lora_rt::DType::F32 &&
        options.dtype != lora_rt::DType::BF16)
      return fail("--dtype: expected f32 or bf16, but got '" + dtype + "'");
  }
  if (output != "-") {
    std::vector<std::string> inputs(adapterFolders.begin(),
                                    adapterFolders.end());
    inputs.push_back(folder);
    if (lora_rt::Error error = lora_rt::checkOutput(output, inputs))
      return fail(error.message());
  }
  std::vector<lora::NamedAdapter> adapters;
  for (const std::string &adapterFolder : adapterFolders)
    adapters.push_back({adapterFolder});
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto model =
      lora::OpenedModel::open(context, folder.getValue(), adapters, options);
  if (!model)
    return fail(model.message());

  std::string text;
  llvm::raw_string_ostream stream(text);
  model->graph->print(stream, mlir::OpPrintingFlags().printNameLocAsPrefix());
  stream << "\n";
  if (output == "-") {
    llvm::outs() << text;
    return 0;
  }
  if (lora_rt::Error error = lora_rt::writeTextFile(output, text))
    return fail(error.message());
  return 0;
}
