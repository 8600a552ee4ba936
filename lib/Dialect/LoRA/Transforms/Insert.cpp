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

FailureOr<BranchStatistics>
lora::insertBranches(ModuleOp module, const peft::PeftConfig &config,
                     const AdapterOptions &options) {
  if (options.train && failed(refuseDropout(module, config)))
    return failure();
  std::vector<GraphModule> modules = collectModules(module);
  FailureOr<peft::TargetSelection> selection =
      selectModules(module, config, modules);
  if (failed(selection))
    return failure();
  for (const std::string &entry : selection->unmatchedTargets)
    module.emitWarning() << config.where << ": no linear layer is named '"
                         << entry << "'" << nearModules(entry, modules);

  MLIRContext *context = module.getContext();
  auto init = [&](InitKind kind, const GraphModule &linear, StringRef suffix,
                  int64_t rows, int64_t columns) {
    return InitAttr::get(
        context, kind, StringAttr::get(context, slotName(linear.local, suffix)),
        RankedTensorType::get({rows, columns}, Float32Type::get(context)),
        options.seed);
  };
  std::vector<Branch> branches;
  for (const peft::Target &target : selection->targets) {
    const GraphModule &linear = modules[target.module];
    branches.push_back({linear.path, linear.local,
                        init(InitKind::KaimingUniform, linear, "lora_A.weight",
                             target.rank, linear.in),
                        init(InitKind::Zeros, linear, "lora_B.weight",
                             linear.out, target.rank),
                        splatScale(context, target.rank, target.scale),
                        options.name});
  }
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
