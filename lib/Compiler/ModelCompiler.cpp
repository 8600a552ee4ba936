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
#include "lora-mlir/Dialect/LoRA/Transforms/AdapterSum.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Import/Import.h"
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

  Error readGraph();
  Expected<CompileReport> writeFile(const std::string &output);
  Expected<std::string> print(Stage stage);

private:
  void progress(const std::string &text) const {
    if (options.progress)
      options.progress(text);
  }
  Error openAdapters(ImportOptions &import);
  Error bringIn();
  std::vector<int64_t> tokens() const;
  CompileOptions getCompileOptions() const;
  Expected<const lora_rt::TensorView *> findLeaf(mlir::Attribute leaf,
                                                 const std::string &name) const;
  /// Fails for a tensor with NaN or infinity.
  Error checkFinite(const lora_rt::TensorView &tensor) const;

  const ModelOptions &options;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::optional<lora_rt::Checkpoint> checkpoint;
  /// The adapters with their names in weight expressions, in the order of the
  /// options.
  std::vector<std::pair<std::string, peft::PeftAdapter>> adapters;
  mlir::OwningOpRef<mlir::ModuleOp> graph;
  /// The graph before adapters were attached.
  std::string importedGraph;
};

} // namespace

Error ModelCompiler::readGraph() {
  progress("reading " + options.modelFolder);
  auto tensors = lora_rt::Checkpoint::open(options.modelFolder);
  if (!tensors)
    return tensors.takeError();
  checkpoint = std::move(*tensors);
  ImportOptions import;
  import.dtype = options.dtype;
  import.warning = options.warning;
  if (Error error = openAdapters(import))
    return error;
  auto module = importModel(context, options.modelFolder, import);
  if (!module)
    return module.takeError();
  graph = std::move(*module);
  auto text = printStage(*graph, {}, Stage::Graph);
  if (!text)
    return text.takeError();
  importedGraph = std::move(*text);
  return adapters.empty() ? Error::success() : bringIn();
}

Error ModelCompiler::openAdapters(ImportOptions &import) {
  std::vector<std::string> names = nameAdapters(options.adapters);
  for (size_t i = 0; i < options.adapters.size(); ++i) {
    auto folder = peft::PeftAdapter::open(options.adapters[i].folder);
    if (!folder)
      return folder.takeError();
    adapters.emplace_back(names[i], std::move(*folder));
  }
  std::vector<const peft::PeftAdapter *> pointers;
  for (const auto &[name, adapter] : adapters)
    pointers.push_back(&adapter);
  return fitToAdapters(import, pointers);
}

Error ModelCompiler::bringIn() {
  DiagnosticText diagnostics(context, options.warning);
  std::vector<AdapterTerm> terms;
  for (size_t i = 0; i < adapters.size(); ++i) {
    const auto &[name, adapter] = adapters[i];
    AdapterTerm term{name, &adapter, options.adapters[i].weight};
    auto statistics = attachTerm(*graph, term, terms);
    if (mlir::failed(statistics))
      return diagnostics.takeError(
          i != 0 ? "the adapter " + adapter.folder() +
                       " does not fit the model and the adapters before it"
                 : "the adapter does not fit the model");
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << (options.merge ? "merging " : "keeping ") << statistics->branches
           << " branches of rank-" << adapter.config().rank << " adapter "
           << adapter.folder();
    if (term.weight != 1)
      stream << llvm::format(", times %g", term.weight);
    progress(text);
    terms.push_back(term);
  }
  mlir::PassManager passes(&context);
  if (options.merge)
    passes.addPass(createMerge());
  else
    passes.addPass(createFuse());
  if (mlir::failed(passes.run(*graph)))
    return diagnostics.takeError("the adapter could not be brought in");
  return Error::success();
}

/// Decoders split prompts into chunks and decode one token at a time. An
/// encoder needs all tokens of a sequence in one call.
std::vector<int64_t> ModelCompiler::tokens() const {
  if (!options.tokens.empty())
    return options.tokens;
  transformer::ModelFacts model = *transformer::getModelFacts(*graph);
  if (!model.isBidirectional)
    return {1, 16, 128};
  int64_t positions = model.maxPositions;
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
  // Other entries are for inspection and for adapters.
  for (const char *entry : {"hidden_states", "logits"})
    if ((*graph).lookupSymbol(entry))
      compile.lowering.functions.push_back(entry);
  compile.lowering.kernels = options.kernels;
  compile.lowering.pack = options.pack;
  compile.codeCache = options.codeCache;
  compile.note = options.warning;
  return compile;
}

Error ModelCompiler::checkFinite(const lora_rt::TensorView &tensor) const {
  // Several folders may have tensors of the same name.
  std::string_view file;
  if (checkpoint->find(tensor.name) == &tensor)
    file = checkpoint->fileOf(tensor.name);
  for (const auto &[label, adapter] : adapters)
    for (std::string_view name : adapter.names())
      if (adapter.findOwn(name) == &tensor)
        file = adapter.fileOf(tensor);
  return lora_rt::checkFinite(tensor, file);
}

Expected<const lora_rt::TensorView *>
ModelCompiler::findLeaf(mlir::Attribute leaf, const std::string &name) const {
  if (mlir::isa<transformer::BaseAttr>(leaf))
    return getTensor(*checkpoint, name);
  auto adapterLeaf = mlir::cast<transformer::AdapterAttr>(leaf);
  std::string folder = adapterLeaf.getAdapter().str();
  for (const auto &[known, adapter] : adapters)
    if (adapterLeaf.getAdapter().getValue() == known) {
      if (const lora_rt::TensorView *tensor = adapter.find(name))
        return tensor;
      folder = adapter.folder();
    }
  return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile, folder,
                            ": has no tensor '", name, "'");
}

Expected<std::string> ModelCompiler::print(Stage stage) {
  return printStage(*graph, getCompileOptions(), stage);
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
        return findLeaf(leaf, name);
      },
      [this](llvm::ArrayRef<const lora_rt::TensorView *> tensors) {
        for (const lora_rt::TensorView *tensor : tensors)
          if (Error error = checkFinite(*tensor))
            return error;
        return Error::success();
      });
  progress("compiling");
  auto compiled = compileInMemory(
      *graph, getCompileOptions(), [&](ProgramDescription &program) {
        return pack.write(program, options.progress);
      });
  if (!compiled)
    return compiled.takeError();
  report.codeBytes = compiled->code.size();
  report.codeWasCached = compiled->codeWasCached;
  report.packBytes = pack.getBytes();
  report.parameters = compiled->description.params.size();
  report.merge = pack.getMergeEffect();

  std::string manifest = compiled->description.manifest.print();
  if (Error error = writer->addPart(lora_rt::manifestPart, manifest))
    return error;
  if (Error error = writer->addPart(lora_rt::codePart, compiled->code))
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
