//===- Insert.cpp - Adds new low-rank branches ----------------------------===//
//
// The options are converted to the text of an adapter_config.json, so that only
// one piece of code interprets them.
//
//===----------------------------------------------------------------------===//

#include "Targets.h"
#include "lora-mlir/Import/Adapters.h"
#include "lora-mlir/Import/Passes.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <map>

namespace lora {
#define GEN_PASS_DEF_INSERT
#include "lora-mlir/Import/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Fails if the config needs an initialization that is not supported.
static LogicalResult refuseInitializer(ModuleOp module,
                                       const peft::PeftConfig &config) {
  if (config.init != peft::PeftConfig::Init::FromData)
    return success();
  return module.emitError()
         << config.where
         << ": an adapter whose 'init_lora_weights' comes from data, from "
            "gradients or from the least singular values cannot be begun here; "
            "begin it with PEFT, save it, and attach the folder";
}

namespace {

/// Makes new branches with PEFT's initialization.
class BranchMaker {
public:
  BranchMaker(ModuleOp module, const peft::PeftConfig &config,
              const AdapterOptions &options)
      : module(module), config(config), options(options) {
    for (auto &[block, applies] : collectApplies(module))
      for (ApplyOp apply : applies)
        places[apply.getPath()].push_back({apply, block});
  }

  FailureOr<Branch> make(const GraphLayer &known, const peft::Target &target) {
    Branch branch;
    branch.path = known.path;
    branch.local = known.local;
    branch.adapter = options.name;
    branch.scale = splatScale(module.getContext(), target.rank, target.scale);
    branch.isEmbedding = known.info.kind == peft::LayerKind::Embedding;
    if (branch.isEmbedding)
      beginEmbedding(branch, known, target.rank);
    else if (failed(beginLinear(branch, known, target.rank)))
      return failure();
    if (config.loraBias)
      beginBias(branch, known, target.rank);
    if (config.dora)
      beginMagnitude(branch, known);
    return branch;
  }

private:
  using Init = peft::PeftConfig::Init;

  Attribute random(InitKind kind, const GraphLayer &known, StringRef suffix,
                   ArrayRef<int64_t> shape) {
    MLIRContext *context = module.getContext();
    return InitAttr::get(
        context, kind, StringAttr::get(context, joinPath(known.local, suffix)),
        RankedTensorType::get(shape, Float32Type::get(context)), options.seed);
  }

  Attribute named(const GraphLayer &known, StringRef suffix, Attribute value) {
    MLIRContext *context = module.getContext();
    return NamedAttr::get(
        context, StringAttr::get(context, joinPath(known.local, suffix)),
        value);
  }

  /// The value of a layer's weight, before it is rounded to the type of the
  /// graph.
  Attribute weightOf(const GraphLayer &known) {
    for (auto [apply, block] : places.at(known.path))
      if (auto index = findSlot(block, joinPath(known.local, "weight")))
        return stripCast(getSlotValue(apply, block, *index));
    llvm_unreachable("a layer is found by the slot of its weight");
  }

  void beginEmbedding(Branch &branch, const GraphLayer &known, int64_t rank) {
    InitKind ofA = config.init == Init::Random ? InitKind::StandardNormal
                                               : InitKind::Zeros;
    branch.a =
        transposeExpr(random(ofA, known, "lora_embedding_A", {rank, known.in}));
    branch.b = random(InitKind::StandardNormal, known, "lora_embedding_B",
                      {known.out, rank});
  }

  LogicalResult beginLinear(Branch &branch, const GraphLayer &known,
                            int64_t rank) {
    constexpr const char *ofA = "lora_A.weight", *ofB = "lora_B.weight";
    if (config.init == Init::Pissa || config.init == Init::Olora) {
      branch.residual = config.init == Init::Pissa ? InitializerKind::Pissa
                                                   : InitializerKind::Olora;
      auto parts = initializerExprs(module, known.info.path, *branch.residual,
                                    weightOf(known), branch.scale);
      if (failed(parts))
        return failure();
      branch.a = named(known, ofA, parts->first);
      branch.b = named(known, ofB, parts->second);
      return success();
    }
    if (config.init == Init::Orthogonal) {
      if (rank % 2)
        return module.emitError()
               << config.where << ": expected an even rank for '"
               << known.info.path
               << "', because 'init_lora_weights' is \"orthogonal\", but got "
               << rank;
      Attribute square =
          random(InitKind::StandardNormal, known, "lora_basis", {rank, rank});
      auto half = [&](StringRef suffix, int64_t width, int64_t first) {
        return OrthogonalAttr::get(
            module.getContext(), square,
            random(InitKind::StandardNormal, known, suffix, {rank / 2, width}),
            first);
      };
      branch.a = named(known, ofA, half("lora_A.coordinates", known.in, 0));
      branch.b = named(known, ofB,
                       transposeExpr(half("lora_B.coordinates", known.out, 1)));
      return success();
    }
    branch.a = random(config.init == Init::Gaussian ? InitKind::Normal
                                                    : InitKind::KaimingUniform,
                      known, ofA, {rank, known.in});
    branch.b = random(config.init == Init::Random ? InitKind::KaimingUniform
                                                  : InitKind::Zeros,
                      known, ofB, {known.out, rank});
    return success();
  }

  /// The bias is initialized like B: zero, or as in `torch.nn.Linear`, uniform
  /// within 1 / sqrt(rank).
  void beginBias(Branch &branch, const GraphLayer &known, int64_t rank) {
    bool isRandom = config.init == Init::Random;
    branch.bias = random(isRandom ? InitKind::KaimingUniform : InitKind::Zeros,
                         known, "lora_B.bias", {known.out});
    if (!isRandom)
      return;
    // The bound for a vector alone would be 1 / sqrt(out).
    MLIRContext *context = module.getContext();
    float factor = float(std::sqrt(double(known.out) / double(rank)));
    branch.bias = SumAttr::get(
        context, ArrayAttr::get(context, {branch.bias}),
        cast<DenseFPElementsAttr>(DenseElementsAttr::get(
            RankedTensorType::get({1}, Float32Type::get(context)), factor)));
  }

  /// The initial magnitudes are the norms of the adapted weight.
  void beginMagnitude(Branch &branch, const GraphLayer &known) {
    MLIRContext *context = module.getContext();
    Attribute weight = weightOf(known), rows = branch.b, columns = branch.a;
    if (branch.residual)
      weight = *residualExpr(module, known.info.path, *branch.residual, weight,
                             branch.scale);
    if (branch.isEmbedding) {
      rows = branch.a;
      columns = transposeExpr(branch.b);
    }
    branch.magnitude = named(
        known, "lora_magnitude_vector",
        NormsAttr::get(
            context,
            MergeAttr::get(context, castExpr(weight, Float32Type::get(context)),
                           rows, columns, branch.scale),
            branch.isEmbedding ? 1 : 0));
  }

  ModuleOp module;
  const peft::PeftConfig &config;
  const AdapterOptions &options;
  std::map<StringRef, SmallVector<std::pair<ApplyOp, func::FuncOp>>> places;
};

} // namespace

FailureOr<BranchStatistics>
lora::insertBranches(ModuleOp module, const peft::PeftConfig &config,
                     const AdapterOptions &options) {
  if (failed(refuseInitializer(module, config)))
    return failure();
  FailureOr<std::vector<GraphLayer>> collected = collectLayers(module);
  if (failed(collected))
    return failure();
  std::vector<GraphLayer> &layers = *collected;
  if (options.train && failed(refuseTraining(module, config, layers)))
    return failure();
  FailureOr<peft::TargetSelection> selection =
      selectInGraph(module, config, layers);
  if (failed(selection) ||
      (options.train &&
       failed(refuseTiedTraining(module, config, layers, selection->targets))))
    return failure();
  warnOfUnmatched(module, config, layers);
  warnOfOddBranches(module, config, layers, selection->targets);
  for (const std::string &entry : selection->unmatchedTargets)
    module.emitWarning() << config.where
                         << ": no linear layer or embedding is named '" << entry
                         << "'" << nearLayers(entry, layers);

  if (llvm::any_of(selection->targets, [&](const peft::Target &target) {
        return layers[target.layer].info.tied;
      }))
    untie(module, layers);
  BranchMaker maker(module, config, options);
  std::vector<Branch> branches;
  for (const peft::Target &target : selection->targets) {
    FailureOr<Branch> branch = maker.make(layers[target.layer], target);
    if (failed(branch))
      return failure();
    branches.push_back(std::move(*branch));
  }
  return addBranches(module, branches, options.train);
}

namespace {

struct Insert : public lora::impl::InsertBase<Insert> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string text;
    if (!config.empty() && failed(refuseBesideConfig()))
      return signalPassFailure();
    if (config.empty() && failed(writeConfig(text)))
      return signalPassFailure();
    lora_rt::Expected<peft::PeftConfig> parsed =
        config.empty() ? peft::parsePeftConfig(text, kFromOptions)
                       : peft::readPeftConfig(config);
    if (!parsed) {
      peft::PeftConfig words;
      words.where = config.empty() ? kFromOptions : config.getValue();
      module.emitError() << inUsersWords(words, parsed.message());
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
  /// A config is complete. An option beside it would have no effect.
  LogicalResult refuseBesideConfig() {
    StringRef given = !targets.empty()         ? "targets"
                      : !regex.empty()         ? "regex"
                      : !exclude.empty()       ? "exclude"
                      : !layers.empty()        ? "layers"
                      : !layersPattern.empty() ? "layers-pattern"
                      : !rankPattern.empty()   ? "rank-pattern"
                      : !alphaPattern.empty()  ? "alpha-pattern"
                      : rank != 8              ? "rank"
                      : alpha != 8             ? "alpha"
                      : rslora                 ? "rslora"
                                               : "";
    if (given.empty())
      return success();
    return getOperation().emitError()
           << kFromOptions << ": expected either 'config' or '" << given
           << "', but got both; say it in " << config;
  }

  /// Reads "KEY=NUMBER". It is split at the last "=", because keys are regular
  /// expressions.
  LogicalResult writePattern(llvm::json::OStream &json, StringRef key,
                             StringRef option, ArrayRef<std::string> entries) {
    LogicalResult result = success();
    json.attributeObject(key, [&] {
      for (StringRef entry : entries) {
        auto [pattern, number] = entry.rsplit('=');
        int64_t integer;
        double value;
        bool isNumber = !pattern.empty() && pattern != entry;
        if (isNumber && !number.getAsInteger(10, integer))
          json.attribute(pattern, integer);
        else if (isNumber && !number.getAsDouble(value) && std::isfinite(value))
          json.attribute(pattern, value);
        else
          result = getOperation().emitError()
                   << kFromOptions << ": expected KEY=NUMBER in '" << option
                   << "', but got '" << entry << "'";
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

  /// Fails for errors that only options can have.
  LogicalResult checkOptions() {
    auto refuse = [&]() {
      return getOperation().emitError() << kFromOptions << ": ";
    };
    bool isAll = targets.size() == 1 && StringRef(targets[0]) == "all-linear";
    if (!regex.empty() && !targets.empty())
      return refuse() << "expected either targets or regex, but got both";
    if (!std::isfinite(double(alpha)))
      return refuse() << "expected 'alpha' to be a finite number, but got "
                      << double(alpha);
    if (!layersPattern.empty() && layers.empty())
      return refuse() << "'layers-pattern' names the list that 'layers' counts "
                         "in, but 'layers' is not given";
    if ((!regex.empty() || isAll) &&
        (!layers.empty() || !layersPattern.empty()))
      return refuse() << "'layers' and 'layers-pattern' limit names in "
                         "'targets', and cannot be used with '"
                      << (isAll ? "targets=all-linear" : "regex")
                      << "'; say the layers in 'regex', for instance "
                         "regex=.*\\.[01]\\.self_attn\\.q_proj";
    return success();
  }

  LogicalResult writeConfig(std::string &text) {
    llvm::raw_string_ostream stream(text);
    llvm::json::OStream json(stream);
    LogicalResult result = checkOptions();
    if (failed(result))
      return result;
    json.objectBegin();
    json.attribute("peft_type", "LORA");
    json.attribute("r", int64_t(rank));
    json.attribute("lora_alpha", double(alpha));
    json.attribute("use_rslora", bool(rslora));
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
    if (failed(
            writePattern(json, "rank_pattern", "rank-pattern", rankPattern)) ||
        failed(
            writePattern(json, "alpha_pattern", "alpha-pattern", alphaPattern)))
      result = failure();
    json.objectEnd();
    json.flush();
    return result;
  }
};

} // namespace
