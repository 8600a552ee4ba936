//===- ModelCompiler.cpp - A model and an adapter to one file -------------===//
//
// Errors of the user's input are reported before the first weight is written,
// with one exception: values that are not finite are found when the weights are
// read. The output appears when everything is written.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Compiler/ModelCompiler.h"
#include "PackWriter.h"
#include "SourceParts.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Import/ModelText.h"
#include "lora-mlir/Import/OpenedModel.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/ContextThreads.h"
#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/OutputPath.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Format.h"

#include <chrono>
#include <filesystem>
#include <sys/resource.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;

namespace {

/// A model with its adapters, as a graph and as tensors.
class ModelCompiler {
public:
  explicit ModelCompiler(const ModelOptions &options) : options(options) {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    enableThreads(context);
    // Dialects of operations that are made without a pass that declares them.
    context.loadDialect<LoRADialect, transformer::TransformerDialect,
                        mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  }

  ~ModelCompiler() {
    DiagnosticText diagnostics(context, options.warning);
    options.instrumentation.detach(context);
  }

  Error readGraph();
  Error readText();
  Expected<CompileReport> writeFile(const std::string &output);
  Expected<std::string> print(Stage stage);

private:
  void progress(const std::string &text) const {
    if (options.progress)
      options.progress(text);
  }
  Error bringIn();
  std::vector<int64_t> tokens() const;
  CompileOptions getCompileOptions() const;
  /// Fails for a tensor with NaN or infinity.
  Error checkFinite(const lora_rt::TensorView &tensor) const;

  const ModelOptions &options;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  OpenedModel model;
  /// The graph before adapters were attached.
  std::string importedGraph;
  /// The tokenizer and what belongs to it: the model's own, and with adapters.
  ModelText baseText, text;
};

} // namespace

Error ModelCompiler::readGraph() {
  mlir::TimingScope timing = options.instrumentation.time("Import");
  {
    DiagnosticText diagnostics(context, options.warning);
    if (mlir::failed(options.instrumentation.attach(context)))
      return diagnostics.takeError("MLIR's options");
  }
  progress("reading " + options.modelFolder);
  ImportOptions import;
  import.dtype = options.dtype;
  import.warning = options.warning;
  std::vector<std::string> names = nameAdapters(options.adapters);
  std::vector<NamedAdapter> named;
  for (auto [name, adapter] : llvm::zip_equal(names, options.adapters))
    named.push_back({adapter.folder, name, adapter.weight});
  auto opened = OpenedModel::open(context, options.modelFolder, named, import);
  if (!opened)
    return opened.takeError();
  model = std::move(*opened);
  llvm::raw_string_ostream stream(importedGraph);
  model.graph->print(stream, faithfulPrintingFlags());
  timing.stop();
  return model.adapters.empty() ? Error::success() : bringIn();
}

Error ModelCompiler::readText() {
  if (!options.text)
    return Error::success();
  transformer::ModelFacts facts = *transformer::getModelFacts(*model.graph);
  std::vector<std::string> folders;
  for (const WeightedAdapter &adapter : options.adapters)
    folders.push_back(adapter.folder);
  // Without a tokenizer, nothing else of the text matters.
  if (!ModelText::isPresent(options.modelFolder) &&
      llvm::none_of(folders, ModelText::isPresent))
    return Error::success();
  auto read = ModelText::read(options.modelFolder, facts.vocabSize, facts.head,
                              options.warning);
  if (read) {
    baseText = std::move(*read);
    read = baseText.withAdapters(folders, facts.vocabSize, options.warning);
  }
  if (!read) {
    Error error = read.takeError();
    return lora_rt::makeError(
        error.code(), error.message(),
        "; --no-text compiles the model for token ids alone");
  }
  text = std::move(*read);
  return Error::success();
}

Error ModelCompiler::bringIn() {
  mlir::TimingScope timing = options.instrumentation.time("Adapters");
  if (Error error = model.attach(
          /*train=*/false, options.warning,
          [&](const OpenedAdapter &adapter,
              const BranchStatistics &statistics) {
            std::string text;
            llvm::raw_string_ostream stream(text);
            stream << (options.merge ? "merging " : "keeping ")
                   << statistics.branches << " branches of rank-"
                   << adapter.files.config().rank << " adapter "
                   << adapter.files.folder();
            if (adapter.weight != 1)
              stream << llvm::format(", times %g", adapter.weight);
            progress(text);
          }))
    return error;
  DiagnosticText diagnostics(context, options.warning);
  mlir::PassManager passes(&context);
  if (options.merge)
    passes.addPass(createMerge());
  else
    passes.addPass(createFuse());
  if (mlir::failed(
          options.instrumentation.attach(passes, "adapters", timing)) ||
      mlir::failed(passes.run(*model.graph)))
    return diagnostics.takeError("the adapter could not be brought in");
  return Error::success();
}

/// Decoders split prompts into chunks and decode one token at a time. An
/// encoder needs all tokens of a sequence in one call.
std::vector<int64_t> ModelCompiler::tokens() const {
  if (!options.tokens.empty())
    return options.tokens;
  transformer::ModelFacts facts = *transformer::getModelFacts(*model.graph);
  if (!facts.isBidirectional)
    return {1, 16, 128};
  int64_t positions = facts.maxPositions;
  std::vector<int64_t> sizes;
  for (int64_t size : {16, 128})
    if (size < positions)
      sizes.push_back(size);
  sizes.push_back(std::min<int64_t>(positions, 512));
  return sizes;
}

CompileOptions ModelCompiler::getCompileOptions() const {
  CompileOptions compile;
  compile.march = options.march;
  compile.lowering.tokens = tokens();
  for (const char *entry : {"hidden_states", "logits", "pooled"})
    if ((*model.graph).lookupSymbol(entry))
      compile.lowering.functions.push_back(entry);
  compile.lowering.kernels = options.kernels;
  compile.lowering.pack = options.pack;
  compile.codeCache = options.codeCache;
  compile.instrumentation = options.instrumentation;
  compile.note = options.warning;
  return compile;
}

Error ModelCompiler::checkFinite(const lora_rt::TensorView &tensor) const {
  return lora_rt::checkFinite(tensor, model.fileOf(tensor));
}

Expected<std::string> ModelCompiler::print(Stage stage) {
  return printStage(*model.graph, getCompileOptions(), stage);
}

Expected<CompileReport> ModelCompiler::writeFile(const std::string &output) {
  CompileReport report;
  auto stub = lora_rt::stubPath();
  if (!stub)
    return stub.takeError();
  auto backend = lora_rt::backendPath("cpu");
  if (!backend)
    return backend.takeError();

  if (Error error = lora_rt::checkOutput(output, {*stub, *backend}))
    return error;
  auto writer = lora_rt::PayloadWriter::create(output, *stub);
  if (!writer)
    return writer.takeError();
  PackWriter pack(
      *writer,
      [this](mlir::Attribute leaf, const std::string &name) {
        return model.find(leaf, name);
      },
      [this](llvm::ArrayRef<const lora_rt::TensorView *> tensors) {
        for (const lora_rt::TensorView *tensor : tensors)
          if (Error error = checkFinite(*tensor))
            return error;
        return Error::success();
      });
  progress("compiling");
  auto compiled = compileInMemory(
      *model.graph, getCompileOptions(), [&](ProgramDescription &program) {
        mlir::TimingScope timing = options.instrumentation.time("Weights");
        return pack.write(program, options.progress);
      });
  if (!compiled)
    return compiled.takeError();
  report.codeBytes = compiled->code.size();
  report.codeWasCached = compiled->codeWasCached;
  report.packBytes = pack.getBytes();
  report.parameters = compiled->description.params.size();
  report.merge = pack.getMergeEffect();

  mlir::TimingScope timing = options.instrumentation.time("Output");
  std::string manifest = compiled->description.manifest.print();
  if (Error error = writer->addPart(lora_rt::manifestPart, manifest))
    return error;
  if (Error error = writer->addPart(lora_rt::codePart, compiled->code))
    return error;
  if (Error error = text.addParts(*writer, baseText))
    return error;
  if (Error error = lora_rt::addHostPart(*writer, *backend))
    return error;
  if (options.portable)
    if (Error error = lora_rt::addLibraryParts(*writer, *backend))
      return error;
  if (Error error = addSourceParts(*writer, importedGraph, options))
    return error;
  if (Error error = writer->commit())
    return error;
  std::error_code code;
  report.fileBytes = std::filesystem::file_size(output, code);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  report.peakBytes = uint64_t(usage.ru_maxrss) << 10;
  return report;
}

Expected<CompileReport> lora::compileModel(const ModelOptions &options,
                                           const std::string &output) {
  auto start = std::chrono::steady_clock::now();
  std::vector<std::string> inputs = {options.modelFolder};
  for (const WeightedAdapter &adapter : options.adapters)
    inputs.push_back(adapter.folder);
  if (Error error = lora_rt::checkOutput(output, inputs))
    return error;
  ModelCompiler compiler(options);
  if (Error error = compiler.readGraph())
    return error;
  if (Error error = compiler.readText())
    return error;
  auto report = compiler.writeFile(output);
  if (report)
    report->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  return report;
}

Expected<std::string> lora::printModel(const ModelOptions &options,
                                       Stage stage) {
  ModelCompiler compiler(options);
  if (Error error = compiler.readGraph())
    return error;
  return compiler.print(stage);
}
