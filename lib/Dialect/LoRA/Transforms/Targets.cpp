//===- Targets.cpp - PEFT's rules on the modules of a graph ---------------===//

#include "Targets.h"
#include "mlir/IR/Remarks.h"

#include <set>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

LogicalResult lora::refuseTiedTraining(ModuleOp module,
                                       const peft::PeftConfig &config,
                                       ArrayRef<GraphModule> modules,
                                       ArrayRef<peft::Target> targets) {
  if (!config.ensureWeightTying)
    return success();
  for (const peft::Target &target : targets)
    if (modules[target.module].info.tied)
      return module.emitError()
             << config.where
             << ": 'ensure_weight_tying' is set, but training one branch for '"
             << modules[target.module].seen
             << "' and the weight that it is tied to is not supported; train "
                "with PEFT, or leave it out";
  return success();
}

LogicalResult lora::refuseTraining(ModuleOp module,
                                   const peft::PeftConfig &config,
                                   ArrayRef<GraphModule> modules) {
  auto refuse = [&](const char *key, const char *what) {
    return module.emitError()
           << config.where << ": '" << key << "' is set, but training " << what
           << " is not supported; train with PEFT, or leave it out";
  };
  if (config.dropout != 0)
    return module.emitError()
           << config.where << ": 'lora_dropout' is " << config.dropout
           << ", but training with dropout is not supported; set it to 0";
  if (config.dora)
    return refuse("use_dora", "magnitudes");
  if (config.loraBias)
    return refuse("lora_bias", "biases");
  if (config.bias != peft::PeftConfig::Bias::None)
    return refuse("bias", "biases");
  if (!config.trainableTokens.empty())
    return refuse("trainable_token_indices", "rows of an embedding");
  for (const GraphModule &known : modules)
    if (!known.seen.empty() && peft::isSavedInFull(config, known.seen))
      return module.emitError()
             << config.where << ": 'modules_to_save' selects '" << known.seen
             << "', but training modules in full is not supported; train with "
                "PEFT, or leave it out";
  return success();
}

void lora::reportStatistics(ModuleOp module, StringRef pass,
                            const BranchStatistics &statistics) {
  remark::analysis(module.getLoc(),
                   remark::RemarkOpts::name("Branches").category(pass))
      << remark::metric("Branches", statistics.branches)
      << remark::metric("Parameters", statistics.parameters)
      << remark::metric("Operations", statistics.operations);
}

std::string lora::nearModules(StringRef entry, ArrayRef<GraphModule> modules) {
  // As many parts of a path as the entry has.
  size_t parts = entry.count('.') + 1;
  std::set<std::string> ends;
  for (const GraphModule &known : modules) {
    if (known.info.kind == peft::ModuleKind::Other)
      continue;
    StringRef path = known.seen;
    size_t at = path.size();
    for (size_t i = 0; i < parts && at != StringRef::npos; ++i)
      at = path.rfind('.', at);
    ends.insert((at == StringRef::npos ? path : path.drop_front(at + 1)).str());
  }
  std::vector<std::string_view> names(ends.begin(), ends.end());
  return lora_rt::suggestion(entry, names);
}

FailureOr<peft::TargetSelection>
lora::selectModules(ModuleOp module, const peft::PeftConfig &config,
                    ArrayRef<GraphModule> modules) {
  // The rules see the modules that exist in the model that was adapted.
  std::vector<peft::ModuleInfo> visible;
  std::vector<size_t> indices;
  for (auto [index, known] : llvm::enumerate(modules)) {
    if (known.seen.empty())
      continue;
    visible.push_back({known.seen, known.info.kind, known.info.tied});
    indices.push_back(index);
  }
  StringRef family;
  if (auto model =
          module->getAttrOfType<DictionaryAttr>(TransformerDialect::kModelAttr))
    if (auto name = model.getAs<StringAttr>("family"))
      family = name.getValue();

  lora_rt::Expected<peft::TargetSelection> selection =
      peft::selectTargets(config, visible, peft::defaultTargetModules(family));
  if (!selection)
    return module.emitError() << selection.message();
  for (peft::Target &target : selection->targets)
    target.module = indices[target.module];

  if (selection->targets.empty()) {
    InFlightDiagnostic diag = module.emitError()
                              << config.where
                              << ": target_modules selects no module of the "
                                 "model";
    for (const std::string &entry : selection->unmatchedTargets)
      diag.attachNote() << "no module's path ends in '" << entry << "'"
                        << nearModules(entry, modules);
    return diag;
  }
  for (const peft::Target &target : selection->targets) {
    const GraphModule &linear = modules[target.module];
    if (linear.fused)
      return module.emitError()
             << "expected '" << linear.info.path
             << "' not to be fused yet; attach all adapters before lora-fuse";
  }
  for (const std::string &key : selection->unmatchedPatterns)
    module.emitWarning() << config.where << ": the pattern '" << key
                         << "' of rank_pattern or alpha_pattern matches no "
                            "target"
                         << nearModules(key, modules);
  return std::move(*selection);
}
