//===- TrainedRows.cpp - Rows of tokens, and vocabularies of other sizes --===//
//
// `trainable_token_indices` puts rows into a table, and also into the head if
// it is the same weight. If the adapter's vocabulary is larger than that of the
// checkpoint, every new row must come from an adapter.
//
//===----------------------------------------------------------------------===//

#include "AdapterTensors.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The first token of a table that has no row, and the base model's tensor from
/// which the table is made. New elements of a bias are zero in transformers,
/// too.
static std::optional<std::pair<int64_t, BaseAttr>>
findMissingRow(Attribute expr, std::set<int64_t> replaced = {}) {
  if (auto rows = dyn_cast<ReplaceRowsAttr>(expr))
    replaced.insert(rows.getIndices().begin(), rows.getIndices().end());
  auto resized = dyn_cast<ResizeRowsAttr>(expr);
  if (resized && exprType(resized).getRank() == 2) {
    int64_t row = exprType(resized.getOperand()).getDimSize(0);
    while (row < resized.getRows() && replaced.count(row))
      ++row;
    if (auto base = dyn_cast<BaseAttr>(resized.getOperand());
        base && row < resized.getRows())
      return std::pair(row, base);
  }
  for (Attribute operand :
       cast<WeightExprAttrInterface>(expr).getOperandExprs())
    if (auto found = findMissingRow(operand, replaced))
      return found;
  return std::nullopt;
}

LogicalResult AdapterTensors::refuseMissingRows() {
  lora_rt::Expected<peft::AdapterFacts> facts = adapter.facts();
  if (!facts)
    return module.emitError() << facts.message();
  // If another adapter determines the vocabulary, its own check applies.
  if (!facts->vocabSize && facts->leastVocabSize == 0)
    return success();
  return changeSlotValues(
      module,
      [&](ApplyOp apply, func::FuncOp block,
          unsigned index) -> FailureOr<Attribute> {
        auto missing = findMissingRow(getSlotValue(apply, block, index));
        if (!missing)
          return Attribute();
        auto [row, base] = *missing;
        InFlightDiagnostic diag =
            module.emitError()
            << adapter.folder() << ": holds no row of token " << row << " for '"
            << joinPath(apply.getPath(), base.getName()) << "', which has "
            << base.getType().getDimSize(0) << " rows in the base model, but ";
        if (facts->vocabSize)
          diag << "tensor '" << facts->vocabSource
               << "' is for a vocabulary of " << *facts->vocabSize;
        else
          diag << "trainable_token_indices has token "
               << facts->leastVocabSize - 1;
        diag << "; PEFT computes with random numbers there: save the adapter "
                "with save_pretrained(..., save_embedding_layers=True), or "
                "give the model whose vocabulary was resized before training";
        return failure();
      });
}

const std::vector<int64_t> *
AdapterTensors::getTokens(const GraphLayer &known) const {
  for (const auto &[name, tokens] : adapter.config().trainableTokens)
    if (name.empty() ? known.isTokenEmbedding
                     : StringRef(known.seen).ends_with(name) &&
                           known.info.kind != peft::LayerKind::Other)
      return &tokens;
  return nullptr;
}

LogicalResult AdapterTensors::replaceRows(const GraphLayer &target,
                                          ArrayRef<int64_t> tokens) {
  constexpr StringLiteral suffix = "token_adapter.trainable_tokens_delta";
  std::string tensor = joinPath(target.info.path, suffix);
  if (!adapter.find(tensor))
    return module.emitError()
           << adapter.folder() << ": no tensor '" << adapter.keyOf(tensor)
           << "', although adapter_config.json has trainable_token_indices of '"
           << target.seen << "'"
           << lora_rt::suggestion(tensor, adapter.names());
  std::set<int64_t> seen;
  for (int64_t token : tokens)
    if (!seen.insert(token).second)
      return module.emitError()
             << adapter.config().where << ": trainable_token_indices has "
             << token << " twice";
  std::string weight = joinPath(target.path, joinPath(target.local, "weight"));
  return changeSlotValues(
      module,
      [&](ApplyOp apply, func::FuncOp block,
          unsigned index) -> FailureOr<Attribute> {
        if (joinPath(apply.getPath(), getSlotName(block, index)) != weight)
          return Attribute();
        Attribute value = getSlotValue(apply, block, index);
        RankedTensorType type = exprType(value);
        for (int64_t token : tokens)
          if (token >= type.getDimSize(0)) {
            (void)(module.emitError()
                   << adapter.config().where << ": trainable_token_indices has "
                   << token << ", but the vocabulary ends at "
                   << type.getDimSize(0));
            return failure();
          }
        FailureOr<Attribute> rows = get(
            tensor, apply.getPath(),
            RankedTensorType::get({int64_t(tokens.size()), type.getDimSize(1)},
                                  type.getElementType()));
        if (failed(rows))
          return failure();
        return castExpr(ReplaceRowsAttr::get(module.getContext(),
                                             stripCast(value), *rows, tokens),
                        type.getElementType());
      });
}

LogicalResult
AdapterTensors::refuseAdaptedRows(ArrayRef<GraphLayer> layers,
                                  ArrayRef<peft::Target> targets) {
  for (const peft::Target &target : targets) {
    const GraphLayer &known = layers[target.layer];
    if (getTokens(known))
      return module.emitError()
             << adapter.config().where << ": '" << known.seen
             << "' is a target and in trainable_token_indices; PEFT refuses it "
                "too";
  }
  return success();
}

LogicalResult AdapterTensors::refuseRowsOfParted(ArrayRef<GraphLayer> layers) {
  if (!getModelFacts(module).value_or(ModelFacts()).isParted)
    return success();
  auto embedding = llvm::find_if(
      layers, [](const GraphLayer &known) { return known.isTokenEmbedding; });
  auto head = llvm::find_if(layers, [](const GraphLayer &known) {
    return known.info.kind == peft::LayerKind::OutputEmbedding;
  });
  if (embedding == layers.end() || head == layers.end() ||
      !getTokens(*embedding) || getTokens(*head))
    return success();
  return module.emitError()
         << adapter.config().where << ": the rows of trainable_token_indices "
         << "are those of '" << head->seen << "', too, but another adapter has "
         << "parted it from '" << embedding->seen
         << "'; attach this adapter before that one";
}

LogicalResult AdapterTensors::replaceRows(ArrayRef<GraphLayer> layers,
                                          bool wasTied) {
  bool found = false;
  constexpr StringLiteral suffix = "token_adapter.trainable_tokens_delta";
  auto embedding = llvm::find_if(
      layers, [](const GraphLayer &known) { return known.isTokenEmbedding; });
  // The heads for masked words of BERT and RoBERTa have their own slot for the
  // weight of the embedding.
  wasTied |= getModelFacts(module).value_or(ModelFacts()).isTied;
  for (const GraphLayer &known : layers) {
    bool isHead =
        wasTied && known.info.kind == peft::LayerKind::OutputEmbedding;
    const std::vector<int64_t> *tokens = getTokens(known);
    // If both are one weight, the rows of the embedding are those of the head,
    // and PEFT may save them under both names. A head that is trained in full
    // is another weight.
    if (isHead && embedding != layers.end()) {
      if (!tokens && !peft::isSavedInFull(adapter.config(), known.seen))
        tokens = getTokens(*embedding);
      if (tokens && known.info.tied) {
        if (auto *copy = adapter.findOwn(joinPath(known.info.path, suffix)))
          use(*copy);
        continue;
      }
    }
    if (!tokens)
      continue;
    if (failed(replaceRows(known, *tokens)))
      return failure();
    found = true;
  }
  if (!found && !adapter.config().trainableTokens.empty())
    return module.emitError()
           << adapter.config().where
           << ": trainable_token_indices names no embedding of the model";
  return success();
}
