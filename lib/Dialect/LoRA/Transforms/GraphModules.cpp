//===- GraphModules.cpp - The layers of a graph ---------------------------===//
//
// Collects the layers from the slots of blocks and their applications, and
// classifies each by the operations that read its weight.
//
//===----------------------------------------------------------------------===//

#include "GraphModules.h"
#include "SlotValues.h"

#include <map>
#include <set>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

std::string lora::slotName(StringRef local, StringRef suffix) {
  return joinPath(local, suffix);
}

/// Decides the kind of a layer by the operations that read its weight.
static void classify(GraphModule &module, BlockArgument weight) {
  module.info.kind = peft::ModuleKind::Other;
  for (OpOperand &use : weight.getUses()) {
    Operation *user = use.getOwner();
    auto type = cast<RankedTensorType>(weight.getType());
    if (isa<transformer::EmbeddingOp, lora::EmbeddingOp>(user) &&
        use.getOperandNumber() == 1) {
      module.info.kind = peft::ModuleKind::Embedding;
      module.in = type.getDimSize(0);
      module.out = type.getDimSize(1);
    }
    if (use.getOperandNumber() != 1 ||
        !isa<transformer::LinearOp, lora::LinearOp, UpOp>(user))
      continue;
    module.info.kind = peft::ModuleKind::Linear;
    module.out = type.getDimSize(0);
    module.in = type.getDimSize(1);
    module.fused |= isa<UpOp>(user);
  }
}

std::vector<GraphModule> lora::collectModules(ModuleOp module) {
  std::vector<GraphModule> modules;
  std::map<std::string, size_t> known; // full name -> index
  std::set<std::string> containers;
  auto isLowRank = [](StringRef slot) {
    return slot.contains("lora_A.") || slot.contains("lora_B.") ||
           slot.contains("lora_embedding_");
  };
  for (auto &[block, applies] : collectApplies(module))
    for (ApplyOp apply : applies)
      for (BlockArgument arg : block.getArguments()) {
        StringAttr slot = getSlotName(block, arg.getArgNumber());
        if (!slot || isLowRank(slot) ||
            getSlotRole(block, arg.getArgNumber()) == Role::State)
          continue;
        auto [local, last] = slot.getValue().rsplit('.');
        if (last.empty())
          std::swap(local, last);
        if (last != "weight")
          continue;
        GraphModule found;
        found.path = apply.getPath().str();
        found.local = local.str();
        found.info.path = joinPath(found.path, found.local);
        if (local.empty())
          found.info.path = found.path;
        classify(found, arg);
        auto [place, isNew] = known.emplace(found.info.path, modules.size());
        if (!isNew) {
          // One weight is both table and head: the head is a layer of its own,
          // which transformers calls lm_head.
          GraphModule &other = modules[place->second];
          bool ties = (other.info.kind == peft::ModuleKind::Embedding &&
                       found.info.kind == peft::ModuleKind::Linear);
          if (!ties || !known.emplace("lm_head", modules.size()).second)
            continue;
          found.info.path = "lm_head";
          other.info.tied = found.info.tied = true;
        }
        // The heads of decoders, and the heads for masked words of BERT and
        // RoBERTa.
        bool makesLogits = found.info.path == "lm_head" ||
                           found.info.path == "cls.predictions.decoder" ||
                           found.info.path == "lm_head.decoder";
        if (makesLogits && found.info.kind == peft::ModuleKind::Linear)
          found.info.kind = peft::ModuleKind::OutputEmbedding;
        for (size_t dot = found.info.path.rfind('.');
             dot != std::string::npos && dot != 0;
             dot = found.info.path.rfind('.', dot - 1))
          containers.insert(found.info.path.substr(0, dot));
        found.seen = found.info.path;
        modules.push_back(std::move(found));
      }
  for (const std::string &name : containers)
    if (!known.count(name)) {
      GraphModule container;
      container.info = {name, peft::ModuleKind::Other};
      container.seen = name;
      modules.push_back(std::move(container));
    }
  return modules;
}

bool lora::isTokenEmbedding(const GraphModule &module) {
  StringRef last = StringRef(module.info.path).rsplit('.').second;
  if (last.empty())
    last = module.info.path;
  return module.info.kind == peft::ModuleKind::Embedding &&
         (last == "embed_tokens" || last == "wte" || last == "word_embeddings");
}

std::pair<const GraphModule *, const GraphModule *>
lora::findTied(ArrayRef<GraphModule> modules) {
  const GraphModule *embedding = nullptr, *head = nullptr;
  for (const GraphModule &known : modules)
    if (known.info.tied)
      (known.info.kind == peft::ModuleKind::Embedding ? embedding : head) =
          &known;
  return {embedding, head};
}

void lora::untie(ModuleOp module, MutableArrayRef<GraphModule> modules) {
  MLIRContext *context = module.getContext();
  for (GraphModule &head : modules) {
    if (!head.info.tied || head.info.kind != peft::ModuleKind::OutputEmbedding)
      continue;
    for (auto &[block, applies] : collectApplies(module)) {
      std::optional<unsigned> weight =
          findSlot(block, slotName(head.local, "weight"));
      bool isHead =
          weight &&
          llvm::any_of(
              block.getArgument(*weight).getUsers(), [](Operation *user) {
                return isa<transformer::LinearOp, lora::LinearOp, UpOp>(user);
              });
      for (ApplyOp apply : applies)
        if (isHead && apply.getPath() == head.path)
          apply.setPath(StringAttr::get(context, "lm_head"));
    }
    head.path = "lm_head";
  }
  for (GraphModule &known : modules)
    known.info.tied = false;
  if (std::optional<ModelFacts> facts = getModelFacts(module)) {
    facts->isTied = false;
    facts->isParted = true;
    setModelFacts(module, *facts);
  }
}
