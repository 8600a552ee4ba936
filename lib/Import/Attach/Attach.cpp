//===- Attach.cpp - Attaches PEFT adapters --------------------------------===//
//
// Every tensor of the adapter is used in the graph, or named in a warning or an
// error.
//
//===----------------------------------------------------------------------===//

#include "AdapterClashes.h"
#include "AdapterTensors.h"
#include "Targets.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
#include "lora-mlir/Import/Passes.h"
#include "llvm/Support/Format.h"

#include <cmath>

namespace lora {
#define GEN_PASS_DEF_ATTACH
#include "lora-mlir/Import/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Whether the value of a slot reads an adapter with this name.
static bool hasAdapter(ModuleOp module, StringRef name) {
  bool found = false;
  AttrTypeWalker walker;
  walker.addWalk([&](AdapterAttr leaf) {
    found |= leaf.getAdapter().getValue() == name;
    return WalkResult::advance();
  });
  module.walk([&](Operation *op) { walker.walk(op->getAttrDictionary()); });
  return found;
}

/// The branch of a targeted layer, from the adapter's tensors.
static FailureOr<Branch> makeBranch(ModuleOp module, AdapterTensors &tensors,
                                    const GraphLayer &known,
                                    const peft::Target &target, double weight) {
  const peft::PeftConfig &config = tensors.getAdapter().config();
  Branch branch;
  branch.path = known.path;
  branch.local = known.local;
  branch.isEmbedding = known.info.kind == peft::LayerKind::Embedding;
  branch.scale =
      splatScale(module.getContext(), target.rank, target.scale * weight);
  branch.initialScale =
      splatScale(module.getContext(), target.rank, target.scale);
  FailureOr<Attribute> a = tensors.getOf(
      known, branch.isEmbedding ? "lora_embedding_A" : "lora_A.weight",
      {target.rank, known.in});
  if (failed(a))
    return failure();
  FailureOr<Attribute> b = tensors.getOf(
      known, branch.isEmbedding ? "lora_embedding_B" : "lora_B.weight",
      {known.out, target.rank});
  if (failed(b))
    return failure();
  // The transposed A has the values of a token in one row.
  branch.a = branch.isEmbedding ? transposeExpr(*a) : *a;
  branch.b = *b;
  if (config.loraBias) {
    FailureOr<Attribute> bias =
        tensors.getOf(known, "lora_B.bias", {known.out});
    if (failed(bias))
      return failure();
    branch.bias = *bias;
  }
  if (config.dora) {
    FailureOr<Attribute> magnitude =
        tensors.getOf(known, "lora_magnitude_vector", {known.out});
    if (failed(magnitude))
      return failure();
    branch.magnitude = *magnitude;
  }
  // In an adapter with PiSSA or OLoRA, embeddings are initialized in the usual
  // way.
  if (!branch.isEmbedding && config.init == peft::PeftConfig::Init::Pissa)
    branch.residual = InitializerKind::Pissa;
  if (!branch.isEmbedding && config.init == peft::PeftConfig::Init::Olora)
    branch.residual = InitializerKind::Olora;
  return branch;
}

/// Whether one matrix is the transpose of the other, bit for bit.
static bool areTransposes(const lora_rt::TensorView &x,
                          const lora_rt::TensorView &y) {
  if (x.dtype != y.dtype || x.shape.size() != 2 || y.shape.size() != 2 ||
      x.shape[0] != y.shape[1] || x.shape[1] != y.shape[0])
    return false;
  size_t size = lora_rt::sizeOf(x.dtype), rows = size_t(x.shape[0]),
         columns = size_t(x.shape[1]);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      if (!std::equal(x.bytes.data() + (i * columns + j) * size,
                      x.bytes.data() + (i * columns + j + 1) * size,
                      y.bytes.data() + (j * rows + i) * size))
        return false;
  return true;
}

/// With `ensure_weight_tying`, the branches of embedding and head are one, and
/// the file has it twice. If the two copies differ, PEFT's result depends on
/// the type in which the base model is loaded, so this fails.
static LogicalResult refuseUnequalTies(ModuleOp module,
                                       const peft::PeftAdapter &adapter,
                                       ArrayRef<GraphLayer> layers) {
  if (!adapter.config().ensureWeightTying)
    return success();
  auto [embedding, head] = findTied(layers);
  if (!embedding || !head)
    return success();
  for (auto [ofEmbedding, ofHead] :
       {std::pair("lora_embedding_A", "lora_B.weight"),
        std::pair("lora_embedding_B", "lora_A.weight")}) {
    const lora_rt::TensorView *x = adapter.findOwn(
                                  joinPath(embedding->info.path, ofEmbedding)),
                              *y = adapter.findOwn(
                                  joinPath(head->info.path, ofHead));
    if (x && y && !areTransposes(*x, *y))
      return module.emitError()
             << adapter.folder() << ": expected '" << y->name
             << "' to be the transpose of '" << x->name
             << "', because 'ensure_weight_tying' makes them one; PEFT takes "
                "one or both, depending on the type of the base model: set "
                "'ensure_weight_tying' to false to use both, each on its own";
  }
  return success();
}

/// Warns that a weight other than 1 applies only to branches.
static void noteUnweighted(ModuleOp module, const peft::PeftAdapter &adapter,
                           double weight) {
  if (weight == 1)
    return;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", weight);
  for (std::string_view tensor : adapter.names())
    if (tensor.find(".lora_") == std::string_view::npos) {
      module.emitWarning() << adapter.folder() << ": the weight " << text
                           << " scales low-rank branches, as in PEFT; '"
                           << peft::fileKey(tensor)
                           << "', which replaces a parameter, counts in full";
      return;
    }
}

/// Warns where PEFT itself computes something else, or ignores something.
static void noteOddities(ModuleOp module, const peft::PeftAdapter &adapter,
                         ArrayRef<GraphLayer> layers,
                         ArrayRef<peft::Target> targets) {
  for (const peft::Target &target : targets)
    for (StringRef suffix : {".weight", ".bias"}) {
      const std::string name = layers[target.layer].info.path + suffix.str();
      if (adapter.overwriting(name) == name && adapter.findOwn(name))
        module.emitWarning()
            << adapter.folder() << ": tensor '" << adapter.keyOf(name)
            << "' of a targeted layer is used; PEFT since 0.7 saves it as '"
            << adapter.keyOf(layers[target.layer].info.path) << ".base_layer"
            << suffix << "' and would leave this one out";
    }
  if (!adapter.ignored().empty())
    module.emitWarning() << adapter.folder() << ": " << adapter.ignored().size()
                         << " tensors have no effect, '"
                         << adapter.ignored().front()
                         << "' among them: they serve training alone, or are "
                            "copies";
}

FailureOr<BranchStatistics> lora::attachAdapter(ModuleOp module,
                                                const AdapterTerm &term,
                                                ArrayRef<AdapterTerm> attached,
                                                const AdapterOptions &options) {
  bool train = options.train;
  const peft::PeftAdapter &adapter = *term.adapter;
  const peft::PeftConfig &config = adapter.config();
  if (term.name.empty() || StringRef(term.name).contains('.'))
    return module.emitError()
           << "expected an adapter's name without '.', but got '" << term.name
           << "'";
  if (!std::isfinite(term.weight))
    return module.emitError() << "expected a finite weight of the adapter '"
                              << term.name << "', but got " << term.weight;
  if (hasAdapter(module, term.name))
    return module.emitError()
           << "expected no adapter '" << term.name
           << "' in the module yet; give another name to attach a second one "
              "beside it";
  FailureOr<std::vector<GraphLayer>> collected = collectLayers(module);
  if (failed(collected))
    return failure();
  std::vector<GraphLayer> &layers = *collected;
  seeAsAdapter(layers, adapter);
  AdapterTensors tensors(module, term, attached);
  if (failed(refuseClashes(module, layers, term, attached)))
    return failure();
  if (train && (failed(refuseTraining(module, config, layers)) ||
                failed(tensors.refuseParameters(options.baseTensor))))
    return failure();
  FailureOr<peft::TargetSelection> selection =
      selectInGraph(module, config, layers);
  if (failed(selection) || failed(refuseUnequalTies(module, adapter, layers)) ||
      failed(tensors.refuseAdaptedRows(layers, selection->targets)) ||
      failed(tensors.refuseRowsOfParted(layers)) ||
      (train &&
       failed(refuseTiedTraining(module, config, layers, selection->targets))))
    return failure();

  // Embedding and head are separated if one of them is adapted alone.
  bool isTied = llvm::any_of(
      layers, [](const GraphLayer &known) { return known.info.tied; });
  FailureOr<bool> parts = tensors.mustUntie(layers);
  if (failed(parts))
    return failure();
  for (const peft::Target &target : selection->targets)
    *parts |= layers[target.layer].info.tied;
  if (*parts)
    untie(module, layers);
  // Branches apply to the values that the adapter puts in place of base
  // weights.
  if (failed(tensors.replaceParameters(layers, isTied)) ||
      failed(tensors.replaceRows(layers, isTied)) ||
      failed(tensors.refuseMissingRows()))
    return failure();

  std::vector<Branch> branches;
  for (const peft::Target &target : selection->targets) {
    FailureOr<Branch> branch =
        makeBranch(module, tensors, layers[target.layer], target, term.weight);
    if (failed(branch))
      return failure();
    branch->adapter = term.name;
    branches.push_back(std::move(*branch));
  }
  if (failed(tensors.refuseUnused(layers)))
    return failure();
  noteOddities(module, adapter, layers, selection->targets);
  noteUnweighted(module, adapter, term.weight);
  return addBranches(module, branches, train);
}

namespace {

struct Attach : public lora::impl::AttachBase<Attach> {
  using Base::Base;

  void runOnOperation() override {
    if (adapterDir.empty()) {
      getOperation().emitError() << "expected the option adapter-dir with the "
                                    "folder of a PEFT adapter";
      return signalPassFailure();
    }
    lora_rt::Expected<peft::PeftAdapter> adapter =
        peft::PeftAdapter::open(adapterDir);
    if (!adapter) {
      getOperation().emitError() << adapter.message();
      return signalPassFailure();
    }
    AdapterOptions options;
    options.train = train;
    FailureOr<BranchStatistics> statistics = attachAdapter(
        getOperation(), {name.getValue(), &*adapter}, {}, options);
    if (failed(statistics))
      return signalPassFailure();
    reportStatistics(getOperation(), getArgument(), *statistics);
    numBranches += statistics->branches;
    numParameters += statistics->parameters;
    numOperations += statistics->operations;
  }
};

} // namespace
