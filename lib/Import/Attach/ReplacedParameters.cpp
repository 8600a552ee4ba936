//===- ReplacedParameters.cpp - Base parameters that an adapter contains --===//
//
// Leaves of weight expressions that are the base model's become the adapter's
// if it contains the parameter: layers trained in full, biases, tables.
// Embedding and head are separated if one of them gets a value of its own.
//
//===----------------------------------------------------------------------===//

#include "AdapterTensors.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

#include <array>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

FailureOr<Attribute> AdapterTensors::keep(AdapterAttr leaf, StringRef path) {
  std::string theirName = joinPath(path, leaf.getName()), parameter = theirName;
  // The name of a parameter of a targeted layer.
  constexpr StringLiteral inside = ".base_layer.";
  if (size_t at = parameter.rfind(inside); at != std::string::npos)
    parameter.replace(at, inside.size(), ".");
  std::string ownName = adapter.overwriting(parameter);
  if (ownName.empty())
    return leaf;
  const lora_rt::TensorView *own = adapter.findOwn(ownName), *their = nullptr;
  for (const AdapterTerm &other : attached)
    if (leaf.getAdapter().getValue() == other.name)
      their = other.adapter->find(theirName);
  if (own && their && lora_rt::haveSameBytes(*own, *their)) {
    use(*own);
    return leaf;
  }
  return module.emitError()
         << adapter.folder() << ": '" << parameter
         << "' is replaced by the adapters '" << leaf.getAdapter().getValue()
         << "' and '" << name
         << "', and not by the same values; only one of them can be attached";
}

FailureOr<Attribute> AdapterTensors::replaceLeaf(BaseAttr base,
                                                 RankedTensorType type,
                                                 StringRef path, bool wasTied) {
  std::string parameter = joinPath(path, base.getName());
  std::string tensor = adapter.overwriting(parameter);
  // Embedding and head are one parameter, and the adapter contains only one of
  // them.
  if (tensor.empty() && wasTied && adapter.find(parameter))
    tensor = parameter;
  if (!tensor.empty())
    return sameAsBase.count(adapter.find(tensor)->name)
               ? FailureOr<Attribute>(Attribute())
               : get(tensor, path, type);
  // If PEFT trains a layer in full, it saves it in full.
  std::string inFile =
      adapter.keyOf(parameter).substr(peft::fileKey("").size());
  for (size_t dot = inFile.rfind('.'); dot != std::string::npos && dot != 0;
       dot = inFile.rfind('.', dot - 1))
    if (peft::isSavedInFull(adapter.config(), inFile.substr(0, dot)))
      return module.emitError()
             << adapter.folder() << ": no tensor '" << adapter.keyOf(parameter)
             << "', although adapter_config.json has '" << inFile.substr(0, dot)
             << "' in modules_to_save"
             << lora_rt::suggestion(inFile, adapter.names());
  return Attribute();
}

FailureOr<Attribute> AdapterTensors::replace(Attribute expr, StringRef path,
                                             bool wasTied) {
  if (auto leaf = dyn_cast<AdapterAttr>(expr))
    return keep(leaf, path);
  // The adapter's tensor has the new number of rows.
  auto resized = dyn_cast<ResizeRowsAttr>(expr);
  auto base = dyn_cast<BaseAttr>(resized ? resized.getOperand() : expr);
  if (base) {
    FailureOr<Attribute> replaced =
        replaceLeaf(base, exprType(expr), path, wasTied);
    return failed(replaced) || *replaced ? replaced : FailureOr(expr);
  }

  auto weight = cast<WeightExprAttrInterface>(expr);
  SmallVector<Attribute> operands;
  bool changed = false;
  for (Attribute operand : weight.getOperandExprs()) {
    FailureOr<Attribute> replaced = replace(operand, path, wasTied);
    if (failed(replaced))
      return failure();
    changed |= *replaced != operand;
    operands.push_back(*replaced);
  }
  if (!changed)
    return expr;
  // The new leaves may have another element type than the old ones.
  if (auto cast = dyn_cast<CastAttr>(expr))
    return castExpr(operands[0], cast.getType().getElementType());
  if (auto concat = dyn_cast<ConcatAttr>(expr)) {
    Attribute joined = operands[0];
    for (Attribute operand : ArrayRef(operands).drop_front())
      joined = concatExprs(joined, operand, concat.getDim());
    return joined;
  }
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](Attribute part) -> std::optional<std::pair<Attribute, WalkResult>> {
        for (auto [before, after] :
             llvm::zip_equal(weight.getOperandExprs(), operands))
          if (part == before)
            return std::make_pair(after, WalkResult::skip());
        return std::nullopt;
      });
  return replacer.replace(expr);
}

LogicalResult AdapterTensors::replaceParameters(ArrayRef<GraphLayer> layers,
                                                bool wasTied) {
  LogicalResult result = changeSlotValues(
      module,
      [&](ApplyOp apply, func::FuncOp block,
          unsigned index) -> FailureOr<Attribute> {
        Attribute value = getSlotValue(apply, block, index);
        FailureOr<Attribute> replaced =
            replace(value, apply.getPath(), wasTied);
        if (failed(replaced) || *replaced == value)
          return failed(replaced) ? replaced
                                  : FailureOr<Attribute>(Attribute());
        return castExpr(*replaced, exprType(value).getElementType());
      });
  if (failed(result))
    return failure();
  // One weight under two names, with equal values.
  for (const GraphLayer &head : layers) {
    if (!head.info.tied || head.info.kind != peft::LayerKind::OutputEmbedding)
      continue;
    std::string tensor = adapter.overwriting(head.info.path + ".weight");
    if (!tensor.empty())
      use(*adapter.findOwn(tensor));
  }
  return success();
}

FailureOr<bool> AdapterTensors::mustUntie(ArrayRef<GraphLayer> layers) {
  auto [embedding, head] = findTied(layers);
  if (!embedding || !head)
    return false;
  // A layer that is trained in full is a parameter of its own, beside the base
  // model's. Otherwise both names mean the same parameter.
  const lora_rt::TensorView *base[2] = {};
  bool isSaved = false;
  for (auto [one, found] : llvm::zip(std::array{embedding, head}, base)) {
    bool isOwn = peft::isSavedInFull(adapter.config(), one->seen);
    isSaved |= isOwn;
    std::string weight = one->info.path + ".weight",
                tensor = adapter.overwriting(weight);
    found = isOwn            ? adapter.findOriginal(weight)
            : tensor.empty() ? nullptr
                             : adapter.findOwn(tensor);
  }
  // `ensure_weight_tying` trains both in full if one of them is named.
  if (!(isSaved && adapter.config().ensureWeightTying) &&
      failed(refuseDifference(base[1], base[0])))
    return failure();
  if (isSaved)
    return true;
  // Rows of the embedding are also rows of the head, unless the head has its
  // own.
  const std::vector<int64_t> *rows = getTokens(*embedding),
                             *rowsOfHead = getTokens(*head);
  if (rows && rowsOfHead && *rows != *rowsOfHead &&
      adapter.config().ensureWeightTying) {
    (void)(module.emitError()
           << adapter.config().where
           << ": 'trainable_token_indices' has other tokens for '"
           << embedding->seen << "' than for '" << head->seen
           << "', which 'ensure_weight_tying' forbids; PEFT refuses it too");
    return failure();
  }
  return rowsOfHead && (!rows || *rows != *rowsOfHead);
}
