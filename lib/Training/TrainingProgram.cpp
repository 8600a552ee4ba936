//===- TrainingProgram.cpp - A compiled training step ---------------------===//
//
// One module has the step for every padded length, so that all of them share
// the trainables and their moments.
//
//===----------------------------------------------------------------------===//

#include "TrainingProgram.h"
#include "lora-mlir/Compiler/Compiler.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Pipelines.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/ContextThreads.h"
#include "lora-mlir/Weights/WeightEvaluator.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <ctime>
#include <sys/sysinfo.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

/// The most padded lengths that are compiled for one run.
static constexpr size_t kMostLengths = 6;

TrainingProgram::TrainingProgram(const TrainingOptions &options)
    : options(options) {}

Expected<std::unique_ptr<TrainingProgram>>
TrainingProgram::create(const TrainingOptions &options) {
  std::unique_ptr<TrainingProgram> training(new TrainingProgram(options));
  std::clock_t start = std::clock();
  if (Error error = training->buildGraph())
    return error;
  training->graphSeconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  return training;
}

Error TrainingProgram::buildGraph() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  enableThreads(context);
  mlir::TimingScope timing = options.instrumentation.time("Import");
  DiagnosticText diagnostics(context, options.progress);
  if (mlir::failed(options.instrumentation.attach(context)))
    return diagnostics.takeError("MLIR's options");
  context.loadAllAvailableDialects();

  ImportOptions import;
  import.dtype = options.dtype;
  import.warning = options.progress;
  import.training = true;
  auto opened = OpenedModel::open(context, options.modelFolder,
                                  {{options.adapterFolder}}, import);
  if (!opened)
    return opened.takeError();
  model = std::move(*opened);
  const peft::PeftConfig &config = adapter().config();
  if (config.dropout > 0)
    return lora_rt::makeError(
        ErrorCode::Unsupported, config.where, ": lora_dropout is ",
        config.dropout,
        ", but training with dropout is not supported; set it to 0");
  transformer::ModelFacts facts = *transformer::getModelFacts(*model.graph);
  if (!facts.isGenerative())
    return lora_rt::makeError(
        ErrorCode::Unsupported, options.modelFolder,
        ": only causal language models can be trained, but by config.json and "
        "this adapter the model's head is '",
        lora_rt::headName(facts.head), "' and its attention ",
        facts.attentionNames[facts.isBidirectional]);

  timing = options.instrumentation.time("Training step");
  if (Error error = model.attach(
          /*train=*/true, options.progress,
          [&](const OpenedAdapter &, const BranchStatistics &statistics) {
            if (options.progress)
              options.progress(
                  std::to_string(statistics.branches) + " branches, " +
                  std::to_string(statistics.parameters) + " trained numbers");
          }))
    return error;
  mlir::PassManager passes(&context);
  TrainingPipelineOptions trainingOptions;
  buildTrainingPipeline(passes, trainingOptions);
  if (mlir::failed(
          options.instrumentation.attach(passes, "training step", timing)) ||
      mlir::failed(passes.run(*model.graph)))
    return diagnostics.takeError("the training step could not be derived");
  return Error::success();
}

std::pair<int64_t, int64_t> TrainingProgram::limits() const {
  transformer::ModelFacts facts = *transformer::getModelFacts(*model.graph);
  return {facts.vocabSize, facts.maxPositions};
}

int64_t TrainingProgram::lengthFor(int64_t longestRow) const {
  return *lengths.lower_bound(longestRow);
}

Error TrainingProgram::compile(const std::set<int64_t> &longestRows) {
  for (int64_t longest : longestRows)
    lengths.insert(lora_rt::paddedLength(longest));
  // More padding is better than compiling for too long: every second length is
  // kept, and the longest among them.
  while (lengths.size() > kMostLengths) {
    std::set<int64_t> fewer;
    bool keep = true;
    for (int64_t length : llvm::reverse(lengths)) {
      if (keep)
        fewer.insert(length);
      keep = !keep;
    }
    lengths = std::move(fewer);
  }

  CompileOptions compile;
  compile.march = options.march;
  compile.codeCache = options.codeCache;
  compile.instrumentation = options.instrumentation;
  compile.note = options.progress;
  compile.lowering.functions = {"train_step"};
  // oneDNN reads the checkpoint's [out, in] nearly as fast as a packed layout,
  // in both directions. So frozen weights are not copied.
  compile.lowering.pack = false;
  for (int64_t length : lengths)
    compile.lowering.tokens.push_back(options.batchSize * length);
  if (options.progress)
    options.progress("compiling a step of " +
                     std::to_string(options.batchSize) + " rows for " +
                     std::to_string(lengths.size()) +
                     (lengths.size() == 1 ? " length" : " lengths"));
  std::clock_t start = std::clock();
  Expected<CompiledExecutable> compiled =
      compileInMemory(*model.graph, compile);
  {
    DiagnosticText diagnostics(context, options.progress);
    options.instrumentation.detach(context);
  }
  if (!compiled)
    return compiled.takeError();
  if (options.progress) {
    double seconds =
        graphSeconds + double(std::clock() - start) / CLOCKS_PER_SEC;
    options.progress(
        llvm::formatv("compiled in {0:f2} s of the processor{1}", seconds,
                      compiled->codeWasCached ? ", with code from the cache"
                                              : "")
            .str());
  }
  program = std::move(compiled->description);
  return load(compiled->code);
}

Error TrainingProgram::load(const std::string &code) {
  mlir::TimingScope timing = options.instrumentation.time("Weights");
  std::set<const lora_rt::TensorView *> isFinite;
  WeightEvaluator evaluator([&](mlir::Attribute leaf, const std::string &name)
                                -> Expected<const lora_rt::TensorView *> {
    auto tensor = model.find(leaf, name);
    if (tensor && isFinite.insert(*tensor).second)
      if (Error error = lora_rt::checkFinite(**tensor, model.fileOf(**tensor)))
        return error;
    return tensor;
  });
  size_t next = 0; // Parameters are asked for in the manifest's order.
  auto provide =
      [&](const lora_rt::Manifest::Param &param) -> Expected<const void *> {
    const BoundValue &bound = program.params[next++];
    Expected<BoundWeight> weight = evaluator.bind(bound.value, bound.path);
    if (!weight)
      return weight.takeError();
    if (weight->getMapped())
      return static_cast<const void *>(weight->getMapped());
    auto &bytes = computed.emplace_back(size_t(weight->getRows()) *
                                        weight->getRowBytes());
    weight->compute(bytes);
    return static_cast<const void *>(bytes.data());
  };
  lora_rt::ExecutableOptions moduleOptions;
  moduleOptions.threads = options.threads;
  moduleOptions.warn = options.progress;
  auto module = lora_rt::Executable::load(
      program.manifest, std::as_bytes(std::span(code)), provide, moduleOptions,
      "the compiled step");
  if (!module)
    return module.takeError();
  auto instance =
      lora_rt::Instance::create(std::move(*module), /*stateRows=*/0);
  if (!instance)
    return instance.takeError();
  loaded = std::move(*instance);

  for (auto [trainable, bound] :
       llvm::zip_equal(loaded->manifest().trainables, program.trainables)) {
    std::span<float> theta =
        loaded->region(lora_rt::Instance::Region::Theta, trainable);
    if (Error error = evaluator.evaluate(bound.value, bound.path,
                                         std::as_writable_bytes(theta)))
      return error;
  }
  lora_rt::MemoryReport memory = loaded->memory();
  auto mebibytes = [](uint64_t bytes) {
    return std::to_string((bytes + (1 << 19)) >> 20) + " MiB";
  };
  uint64_t copied = 0;
  for (const auto &bytes : computed)
    copied += bytes.size();
  if (options.progress)
    options.progress("memory: weights " + mebibytes(memory.parameters) +
                     " (mapped from the checkpoint, of which " +
                     mebibytes(copied) + " copied), adapter and moments " +
                     mebibytes(memory.regions) + ", workspace " +
                     mebibytes(memory.workspace));
  // The kernel would grant the memory, and end the process when it is used.
  struct sysinfo machine = {};
  uint64_t needed = memory.regions + memory.workspace;
  if (sysinfo(&machine) == 0) {
    uint64_t there =
        (machine.totalram + machine.totalswap) * uint64_t(machine.mem_unit);
    if (needed > there)
      return lora_rt::makeError(
          ErrorCode::System, "a step of ", options.batchSize, " rows needs ",
          mebibytes(needed), " of memory, but this machine has ",
          mebibytes(there),
          "; take fewer rows into a step (--batch-size), "
          "or shorter ones");
  }
  return Error::success();
}

Expected<StepResult>
TrainingProgram::run(const lora_rt::TrainingBatch &batch,
                     const std::array<float, 8> &hyperparameters) {
  const lora_rt::Manifest::Entry *entry = nullptr;
  for (const lora_rt::Manifest::Entry *candidate :
       loaded->manifest().entriesOf("train_step"))
    if (candidate->tokens == batch.rows * batch.length)
      entry = candidate;
  if (!entry)
    return lora_rt::makeError(ErrorCode::InvalidArgument, "no step of ",
                              batch.rows * batch.length,
                              " tokens was compiled");
  StepResult result;
  std::span<const std::byte> inputs[] = {
      std::as_bytes(std::span(batch.ids)),
      std::as_bytes(std::span(batch.sequence)),
      std::as_bytes(std::span(batch.labels)),
      std::as_bytes(std::span(hyperparameters))};
  std::span<std::byte> outputs[] = {
      std::as_writable_bytes(std::span(&result.loss, 1)),
      std::as_writable_bytes(std::span(&result.gradientNorm, 1))};
  if (Error error = loaded->callWithHostMemory(*entry, inputs, outputs))
    return error;
  return result;
}
