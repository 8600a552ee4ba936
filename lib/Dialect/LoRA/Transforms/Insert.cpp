//===- Insert.cpp - Adds new low-rank branches ----------------------------===//
//
// The options are turned into the text of an adapter_config.json, so that there
// is one reading of what they mean.
//
//===----------------------------------------------------------------------===//

#include "Branches.h"
#include "Targets.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "llvm/Support/JSON.h"

namespace lora {
#define GEN_PASS_DEF_INSERT
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Fails if a new branch is to begin with something else than random numbers.
static LogicalResult refuseStart(ModuleOp module,
                                 const peft::PeftConfig &config) {
  using Init = peft::PeftConfig::Init;
  auto refuse = [&](const char *what) {
    return module.emitError()
           << config.where << ": " << what
           << " cannot be begun here; begin it with PEFT, save it, and attach "
              "the folder";
  };
  if (config.dora)
    return refuse("an adapter with 'use_dora'");
  if (config.init == Init::Pissa || config.init == Init::Olora)
    return refuse("an adapter with PiSSA's or OLoRA's 'init_lora_weights'");
  if (config.init == Init::FromData)
    return refuse(
        "an adapter whose 'init_lora_weights' comes from data or from "
        "the base weights");
  if (config.init == Init::Orthogonal)
    return refuse("an adapter with 'init_lora_weights' \"orthogonal\"");
  if (config.init == Init::Random && config.loraBias)
    return refuse("an adapter with random biases");
  return success();
}

/// A new branch, as PEFT begins it.
static Branch makeBranch(MLIRContext *context, const peft::PeftConfig &config,
                         const GraphModule &known, const peft::Target &target,
                         const AdapterOptions &options) {
  using Init = peft::PeftConfig::Init;
  auto init = [&](InitKind kind, StringRef suffix, ArrayRef<int64_t> shape) {
    return InitAttr::get(
        context, kind, StringAttr::get(context, slotName(known.local, suffix)),
        RankedTensorType::get(shape, Float32Type::get(context)), options.seed);
  };
  bool isRandom = config.init == Init::Random;
  Branch branch;
  branch.path = known.path;
  branch.local = known.local;
  branch.adapter = options.name;
  branch.scale = splatScale(context, target.rank, target.scale);
  branch.isEmbedding = known.info.kind == peft::ModuleKind::Embedding;
  if (branch.isEmbedding) {
    branch.a = transposeExpr(
        init(isRandom ? InitKind::StandardNormal : InitKind::Zeros,
             "lora_embedding_A", {target.rank, known.in}));
    branch.b = init(InitKind::StandardNormal, "lora_embedding_B",
                    {known.out, target.rank});
    return branch;
  }
  branch.a = init(config.init == Init::Gaussian ? InitKind::Normal
                                                : InitKind::KaimingUniform,
                  "lora_A.weight", {target.rank, known.in});
  branch.b = init(isRandom ? InitKind::KaimingUniform : InitKind::Zeros,
                  "lora_B.weight", {known.out, target.rank});
  if (config.loraBias)
    branch.bias = init(InitKind::Zeros, "lora_B.bias", {known.out});
  return branch;
}

FailureOr<BranchStatistics>
lora::insertBranches(ModuleOp module, const peft::PeftConfig &config,
                     const AdapterOptions &options) {
  if (failed(refuseStart(module, config)))
    return failure();
  std::vector<GraphModule> modules = collectModules(module);
  if (options.train && failed(refuseTraining(module, config, modules)))
    return failure();
  FailureOr<peft::TargetSelection> selection =
      selectModules(module, config, modules);
  if (failed(selection) ||
      (options.train &&
       failed(refuseTiedTraining(module, config, modules, selection->targets))))
    return failure();
  for (const std::string &entry : selection->unmatchedTargets)
    module.emitWarning() << config.where
                         << ": no linear layer or embedding is named '" << entry
                         << "'" << nearModules(entry, modules);

  if (llvm::any_of(selection->targets, [&](const peft::Target &target) {
        return modules[target.module].info.tied;
      }))
    untie(module, modules);
  std::vector<Branch> branches;
  for (const peft::Target &target : selection->targets)
    branches.push_back(makeBranch(module.getContext(), config,
                                  modules[target.module], target, options));
  return addBranches(module, branches, options.train);
}

namespace {

struct Insert : public lora::impl::InsertBase<Insert> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string text;
    if (config.empty() && failed(writeConfig(text)))
      return signalPassFailure();
    lora_rt::Expected<peft::PeftConfig> parsed =
        config.empty() ? peft::parsePeftConfig(text, "lora-insert")
                       : peft::readPeftConfig(config);
    if (!parsed) {
      module.emitError() << parsed.message();
      return signalPassFailure();
    }
    AdapterOptions adapter;
    adapter.train = train;
    adapter.seed = seed;
    FailureOr<BranchStatistics> statistics =
        insertBranches(module, *parsed, adapter);
    if (failed(statistics))
      return signalPassFailure();
    reportStatistics(module, getArgument(), *statistics);
    numBranches += statistics->branches;
    numParameters += statistics->parameters;
    numOperations += statistics->operations;
  }

private:
  /// "KEY=NUMBER", split at the last "=": keys are regular expressions.
  LogicalResult writePattern(llvm::json::OStream &json, StringRef key,
                             ArrayRef<std::string> entries) {
    LogicalResult result = success();
    json.attributeObject(key, [&] {
      for (StringRef entry : entries) {
        auto [pattern, number] = entry.rsplit('=');
        int64_t integer;
        double value;
        if (!number.getAsInteger(10, integer))
          json.attribute(pattern, integer);
        else if (!number.getAsDouble(value))
          json.attribute(pattern, value);
        else
          result = getOperation().emitError()
                   << "expected KEY=NUMBER in '" << key << "', but got '"
                   << entry << "'";
      }
    });
    return result;
  }

  void writeList(llvm::json::OStream &json, StringRef key,
                 ArrayRef<std::string> entries) {
    json.attributeArray(key, [&] {
      for (const std::string &entry : entries)
        json.value(entry);
    });
  }

  LogicalResult writeConfig(std::string &text) {
    llvm::raw_string_ostream stream(text);
    llvm::json::OStream json(stream);
    LogicalResult result = success();
    json.objectBegin();
    json.attribute("peft_type", "LORA");
    json.attribute("r", int64_t(rank));
    json.attribute("lora_alpha", double(alpha));
    json.attribute("use_rslora", bool(rslora));
    if (!regex.empty() && !targets.empty())
      result = getOperation().emitError()
               << "expected either targets or regex, but got both";
    if (!regex.empty())
      json.attribute("target_modules", regex.getValue());
    else if (targets.size() == 1 && StringRef(targets[0]) == "all-linear")
      json.attribute("target_modules", "all-linear");
    else if (!targets.empty())
      writeList(json, "target_modules", targets);
    writeList(json, "exclude_modules", exclude);
    json.attributeArray("layers_to_transform", [&] {
      for (int64_t layer : layers)
        json.value(layer);
    });
    writeList(json, "layers_pattern", layersPattern);
    if (failed(writePattern(json, "rank_pattern", rankPattern)) ||
        failed(writePattern(json, "alpha_pattern", alphaPattern)))
      result = failure();
    json.objectEnd();
    json.flush();
    return result;
  }
};

} // namespace
