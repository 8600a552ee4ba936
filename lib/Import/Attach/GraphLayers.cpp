//===- GraphLayers.cpp - The layers of a graph ----------------------------===//
//
// Collects the layers from the slots of blocks and their applications, and
// classifies each by the operations that read its weight.
//
//===----------------------------------------------------------------------===//

#include "GraphLayers.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

#include <map>
#include <set>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Decides the kind of a layer by the operations that read its weight.
static void classify(GraphLayer &layer, BlockArgument weight) {
  layer.info.kind = peft::LayerKind::Other;
  for (OpOperand &use : weight.getUses()) {
    Operation *user = use.getOwner();
    auto type = cast<RankedTensorType>(weight.getType());
    if (isa<transformer::EmbeddingOp, lora::EmbeddingOp>(user) &&
        use.getOperandNumber() == 1) {
      layer.info.kind = peft::LayerKind::Embedding;
      layer.in = type.getDimSize(0);
      layer.out = type.getDimSize(1);
    }
    if (use.getOperandNumber() != 1 ||
        !isa<transformer::LinearOp, lora::LinearOp, UpOp>(user))
      continue;
    layer.info.kind = peft::LayerKind::Linear;
    layer.out = type.getDimSize(0);
    layer.in = type.getDimSize(1);
    layer.fused |= isa<UpOp>(user);
  }
}

/// Whether a slot is a matrix of a branch.
static bool isBranchMatrix(Value slot) {
  return llvm::any_of(slot.getUsers(), [&](Operation *user) {
    if (auto cast = dyn_cast<CastOp>(user))
      return isBranchMatrix(cast.getResult());
    if (auto down = dyn_cast<DownOp>(user))
      return down.getA() == slot;
    if (auto up = dyn_cast<UpOp>(user))
      return up.getB() == slot;
    if (auto linear = dyn_cast<lora::LinearOp>(user))
      return linear.getA() == slot || linear.getB() == slot;
    auto embedding = dyn_cast<lora::EmbeddingOp>(user);
    return embedding && (embedding.getA() == slot || embedding.getB() == slot);
  });
}

FailureOr<std::vector<GraphLayer>> lora::collectLayers(ModuleOp module) {
  const ModelFacts facts = getModelFacts(module).value_or(ModelFacts());
  std::vector<GraphLayer> layers;
  std::map<std::string, size_t> known; // full name -> index
  std::set<std::string> containers;
  for (auto &[block, applies] : collectApplies(module))
    for (ApplyOp apply : applies)
      for (BlockArgument arg : block.getArguments()) {
        StringAttr slot = getSlotName(block, arg.getArgNumber());
        if (!slot || getSlotRole(block, arg.getArgNumber()) == Role::State ||
            isBranchMatrix(arg))
          continue;
        auto [local, last] = slot.getValue().rsplit('.');
        if (last.empty())
          std::swap(local, last);
        if (last != "weight")
          continue;
        GraphLayer found;
        found.path = apply.getPath().str();
        found.local = local.str();
        found.info.path = joinPath(found.path, found.local);
        if (local.empty())
          found.info.path = found.path;
        classify(found, arg);
        auto [place, isNew] = known.emplace(found.info.path, layers.size());
        if (!isNew) {
          // One weight is both table and head: the head is a layer of its own.
          GraphLayer &other = layers[place->second];
          if (other.info.kind != peft::LayerKind::Embedding ||
              found.info.kind != peft::LayerKind::Linear)
            continue;
          if (facts.outputLayer.empty())
            return module.emitError()
                   << "expected 'output_layer' in #transformer.model, because '"
                   << found.info.path
                   << ".weight' is the weight of an embedding and of a head";
          if (!known.emplace(facts.outputLayer, layers.size()).second)
            continue;
          found.info.path = facts.outputLayer;
          other.info.tied = found.info.tied = true;
        }
        auto is = [&](const std::string &layer, peft::LayerKind kind) {
          return !layer.empty() && found.info.path == layer &&
                 found.info.kind == kind;
        };
        found.isTokenEmbedding =
            is(facts.embeddingLayer, peft::LayerKind::Embedding);
        if (is(facts.outputLayer, peft::LayerKind::Linear))
          found.info.kind = peft::LayerKind::OutputEmbedding;
        for (size_t dot = found.info.path.rfind('.');
             dot != std::string::npos && dot != 0;
             dot = found.info.path.rfind('.', dot - 1))
          containers.insert(found.info.path.substr(0, dot));
        found.seen = found.info.path;
        layers.push_back(std::move(found));
      }
  for (const std::string &name : containers)
    if (!known.count(name)) {
      GraphLayer container;
      container.info = {name, peft::LayerKind::Other};
      container.seen = name;
      layers.push_back(std::move(container));
    }
  return layers;
}

std::pair<const GraphLayer *, const GraphLayer *>
lora::findTied(ArrayRef<GraphLayer> layers) {
  const GraphLayer *embedding = nullptr, *head = nullptr;
  for (const GraphLayer &known : layers)
    if (known.info.tied)
      (known.info.kind == peft::LayerKind::Embedding ? embedding : head) =
          &known;
  return {embedding, head};
}

void lora::untie(ModuleOp module, MutableArrayRef<GraphLayer> layers) {
  MLIRContext *context = module.getContext();
  for (GraphLayer &head : layers) {
    if (!head.info.tied || head.info.kind != peft::LayerKind::OutputEmbedding)
      continue;
    for (auto &[block, applies] : collectApplies(module)) {
      std::optional<unsigned> weight =
          findSlot(block, joinPath(head.local, "weight"));
      bool isHead =
          weight &&
          llvm::any_of(
              block.getArgument(*weight).getUsers(), [](Operation *user) {
                return isa<transformer::LinearOp, lora::LinearOp, UpOp>(user);
              });
      for (ApplyOp apply : applies)
        if (isHead && apply.getPath() == head.path)
          apply.setPath(StringAttr::get(context, head.info.path));
    }
    head.path = head.info.path;
  }
  for (GraphLayer &known : layers)
    known.info.tied = false;
  if (std::optional<ModelFacts> facts = getModelFacts(module)) {
    facts->isTied = false;
    facts->isParted = true;
    setModelFacts(module, *facts);
  }
}
