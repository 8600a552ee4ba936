//===- AdapterClashes.cpp - Adapters that cannot be added -----------------===//
//
// Finds conflicts that only show when both adapters are compared: after one of
// them was attached, the graph no longer says for which purpose a parameter was
// replaced. AdapterTensors.cpp compares the values that two adapters give to
// the same parameter.
//
//===----------------------------------------------------------------------===//

#include "AdapterClashes.h"
#include "Targets.h"

using namespace mlir;
using namespace lora;

namespace {

/// What an adapter does with a layer.
struct Use {
  bool branch = false, full = false, rows = false;

  const char *text() const {
    return rows   ? "trains rows of it"
           : full ? "trains it in full"
                  : "has a branch on it";
  }
};

} // namespace

static Use useOf(const peft::PeftAdapter &adapter, const GraphLayer &known) {
  auto has = [&](const char *suffix) {
    return adapter.findOwn(known.info.path + suffix) != nullptr;
  };
  Use use;
  use.branch = has(".lora_A.weight") || has(".lora_embedding_A");
  use.full =
      !known.seen.empty() && peft::isSavedInFull(adapter.config(), known.seen);
  use.rows = has(".token_adapter.trainable_tokens_delta");
  return use;
}

LogicalResult lora::refuseClashes(ModuleOp module, ArrayRef<GraphLayer> layers,
                                  const AdapterTerm &term,
                                  ArrayRef<AdapterTerm> attached) {
  for (const AdapterTerm &other : attached) {
    std::vector<GraphLayer> theirs(layers);
    for (GraphLayer &their : theirs)
      their.seen = their.info.path;
    seeAsAdapter(theirs, *other.adapter);
    for (const GraphLayer &known : layers) {
      auto seen = llvm::find_if(theirs, [&](const GraphLayer &their) {
        return their.info.path == known.info.path;
      });
      if (seen == theirs.end())
        continue;
      Use a = useOf(*other.adapter, *seen), b = useOf(*term.adapter, known);
      bool clash = (a.full && (b.branch || b.rows)) ||
                   (b.full && (a.branch || a.rows)) ||
                   (a.rows && (b.rows || b.branch)) || (b.rows && a.branch);
      if (clash)
        return module.emitError()
               << "the adapters '" << other.name << "' and '" << term.name
               << "' both change '" << known.info.path << "': '" << other.name
               << "' " << a.text() << ", '" << term.name << "' " << b.text()
               << "; such adapters cannot be added, and PEFT refuses them too: "
                  "use one of them, or merge one into the model and train the "
                  "other on the result";
    }
  }
  return success();
}
