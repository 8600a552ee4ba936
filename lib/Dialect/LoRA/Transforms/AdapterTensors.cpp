//===- AdapterTensors.cpp - The tensors of an adapter as leaves -----------===//
//
// Implements AdapterTensors.h: makes the leaves, replaces base weights and rows
// of tables, and compares tensors that must be equal. Every tensor is counted;
// refuseUnused reports those that are left.
//
//===----------------------------------------------------------------------===//

#include "AdapterTensors.h"
#include "SlotValues.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>
#include <array>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

static Type elementType(MLIRContext *context, lora_rt::DType type) {
  switch (type) {
  case lora_rt::DType::F64:
    return Float64Type::get(context);
  case lora_rt::DType::F32:
    return Float32Type::get(context);
  case lora_rt::DType::BF16:
    return BFloat16Type::get(context);
  case lora_rt::DType::F16:
    return Float16Type::get(context);
  default:
    return {};
  }
}

FailureOr<Attribute> AdapterTensors::get(const std::string &tensor,
                                         StringRef path,
                                         RankedTensorType type) {
  const lora_rt::TensorView *view = adapter.find(tensor);
  Type element = elementType(module.getContext(), view->dtype);
  if (!element)
    return module.emitError()
           << adapter.folder() << ": expected tensor '" << view->name
           << "' to be of F32, F16, BF16 or F64, but got "
           << std::string(lora_rt::safetensorsName(view->dtype));
  if (ArrayRef<int64_t>(view->shape) != type.getShape())
    return module.emitError() << adapter.folder() << ": expected tensor '"
                              << view->name << "' to have shape "
                              << lora_rt::shapeText({type.getShape().data(),
                                                     type.getShape().size()})
                              << ", but got " << lora_rt::shapeText(view->shape)
                              << "; does the adapter belong to this model?";
  use(*view);
  StringRef local = tensor;
  if (!path.empty())
    local = local.drop_front(path.size() + 1);
  MLIRContext *context = module.getContext();
  return Attribute(AdapterAttr::get(
      context, StringAttr::get(context, name), StringAttr::get(context, local),
      RankedTensorType::get(type.getShape(), element, type.getEncoding())));
}

FailureOr<Attribute> AdapterTensors::getOf(const GraphModule &target,
                                           StringRef suffix,
                                           ArrayRef<int64_t> shape) {
  std::string tensor = joinPath(target.info.path, suffix);
  if (!adapter.find(tensor))
    return module.emitError()
           << adapter.folder() << ": no tensor '" << adapter.keyOf(tensor)
           << "', although adapter_config.json targets '" << target.info.path
           << "'" << lora_rt::suggestion(tensor, adapter.names());
  return get(
      tensor, target.path,
      RankedTensorType::get(shape, Float32Type::get(module.getContext())));
}

LogicalResult AdapterTensors::refuseUnused(ArrayRef<GraphModule> modules) {
  std::string_view unused;
  for (std::string_view tensor : adapter.names())
    if (!used.count(adapter.findOwn(tensor)->name)) {
      unused = tensor;
      break;
    }
  if (unused.empty())
    return success();
  const peft::PeftConfig &config = adapter.config();
  InFlightDiagnostic diag = module.emitError()
                            << adapter.folder() << ": tensor '"
                            << peft::fileKey(unused) << "' is not used: ";
  auto [owner, role] = StringRef(unused).rsplit(".lora_");
  bool isBranch = !role.empty();
  if (role == "magnitude_vector" && !config.dora)
    return diag << "adapter_config.json does not say 'use_dora'";
  if (role == "B.bias" && !config.loraBias)
    return diag << "adapter_config.json does not say 'lora_bias'";
  if (role.starts_with("velora_") || role.starts_with("monteclora_"))
    return diag << "adapter_config.json has neither 'velora_config' nor "
                   "'monteclora_config'";
  if (!isBranch)
    owner = StringRef(unused).rsplit(".token_adapter.").first;
  bool isRows = !isBranch && owner != StringRef(unused);
  if (!isBranch && !isRows)
    owner = StringRef(unused).rsplit('.').first;
  if (owner.ends_with(".base_layer"))
    owner = owner.drop_back(StringRef(".base_layer").size());
  std::vector<std::string_view> names;
  for (const GraphModule &known : modules) {
    std::string_view path = known.seen;
    if (path == std::string_view(owner))
      return isBranch ? diag << "adapter_config.json does not target '" << owner
                             << "'"
             : isRows ? diag << "'trainable_token_indices' does not name '"
                             << owner << "'"
                      : diag << "'" << owner
                             << "' has no such parameter in this model";
    names.push_back(path);
  }
  return diag << "the model has no module '" << owner << "'"
              << lora_rt::suggestion(std::string_view(owner), names);
}

/// Whether two tensors have the same values, in any types.
static bool areEqual(const lora_rt::TensorView &a,
                     const lora_rt::TensorView &b) {
  if (a.shape != b.shape)
    return false;
  if (a.dtype == b.dtype)
    return std::ranges::equal(a.bytes, b.bytes);
  std::vector<float> x(size_t(a.elements())), y(x.size());
  return !lora_rt::convertToFloat(a.dtype, a.bytes.data(), x) &&
         !lora_rt::convertToFloat(b.dtype, b.bytes.data(), y) && x == y;
}

LogicalResult AdapterTensors::refuseParameters(const BaseTensors &baseTensor) {
  for (std::string_view tensor : adapter.names()) {
    if (tensor.find(".lora_") != std::string_view::npos)
      continue;
    const lora_rt::TensorView *view = adapter.findOwn(tensor);
    std::string parameter(tensor);
    if (size_t at = parameter.rfind(".base_layer."); at != std::string::npos)
      parameter.erase(at, StringRef(".base_layer").size());
    const lora_rt::TensorView *base =
        baseTensor ? baseTensor(parameter) : nullptr;
    if (base && areEqual(*view, *base)) {
      use(*view);
      sameAsBase.insert(view->name);
      continue;
    }
    return module.emitError()
           << adapter.folder() << ": tensor '" << peft::fileKey(tensor)
           << "' replaces a parameter of the base model"
           << (base ? " by other values" : "")
           << ", but training writes only low-rank matrices; train with PEFT"
           << (base ? ", or give the model that the adapter was made on" : "");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Parameters of the base model
//===----------------------------------------------------------------------===//

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
  if (own && their && own->dtype == their->dtype &&
      own->shape == their->shape &&
      std::equal(own->bytes.begin(), own->bytes.end(), their->bytes.begin(),
                 their->bytes.end())) {
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
  // If PEFT trains a module in full, it saves it in full.
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

LogicalResult AdapterTensors::replaceParameters(ArrayRef<GraphModule> modules,
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
  for (const GraphModule &head : modules) {
    if (!head.info.tied || head.info.kind != peft::ModuleKind::OutputEmbedding)
      continue;
    std::string tensor = adapter.overwriting(head.info.path + ".weight");
    if (!tensor.empty())
      use(*adapter.findOwn(tensor));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Rows of tokens
//===----------------------------------------------------------------------===//

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
AdapterTensors::getTokens(const GraphModule &known) const {
  for (const auto &[name, tokens] : adapter.config().trainableTokens)
    if (name.empty() ? isTokenEmbedding(known)
                     : StringRef(known.seen).ends_with(name) &&
                           known.info.kind != peft::ModuleKind::Other)
      return &tokens;
  return nullptr;
}

LogicalResult AdapterTensors::refuseDifference(const lora_rt::TensorView *a,
                                               const lora_rt::TensorView *b) {
  if (!a || !b || areEqual(*a, *b))
    return success();
  return module.emitError()
         << adapter.folder() << ": tensors '" << a->name << "' and '" << b->name
         << "' differ, but are one parameter of the model, which ties them";
}

FailureOr<bool> AdapterTensors::mustUntie(ArrayRef<GraphModule> modules) {
  auto [embedding, head] = findTied(modules);
  if (!embedding || !head)
    return false;
  // A module that is trained in full is a parameter of its own, beside the base
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

LogicalResult AdapterTensors::replaceRows(const GraphModule &target,
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
  std::string weight = joinPath(target.path, slotName(target.local, "weight"));
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
AdapterTensors::refuseAdaptedRows(ArrayRef<GraphModule> modules,
                                  ArrayRef<peft::Target> targets) {
  for (const peft::Target &target : targets) {
    const GraphModule &known = modules[target.module];
    if (getTokens(known))
      return module.emitError()
             << adapter.config().where << ": '" << known.seen
             << "' is a target and in trainable_token_indices; PEFT refuses it "
                "too";
  }
  return success();
}

LogicalResult
AdapterTensors::refuseRowsOfParted(ArrayRef<GraphModule> modules) {
  if (!getModelFacts(module).value_or(ModelFacts()).isParted)
    return success();
  auto embedding = llvm::find_if(modules, isTokenEmbedding);
  auto head = llvm::find_if(modules, [](const GraphModule &known) {
    return known.info.kind == peft::ModuleKind::OutputEmbedding;
  });
  if (embedding == modules.end() || head == modules.end() ||
      !getTokens(*embedding) || getTokens(*head))
    return success();
  return module.emitError()
         << adapter.config().where << ": the rows of trainable_token_indices "
         << "are those of '" << head->seen << "', too, but another adapter has "
         << "parted it from '" << embedding->seen
         << "'; attach this adapter before that one";
}

LogicalResult AdapterTensors::replaceRows(ArrayRef<GraphModule> modules,
                                          bool wasTied) {
  bool found = false;
  constexpr StringLiteral suffix = "token_adapter.trainable_tokens_delta";
  auto embedding = llvm::find_if(modules, isTokenEmbedding);
  // BERT's and RoBERTa's heads for masked words have a slot of their own for
  // the embedding's weight.
  wasTied |= getModelFacts(module).value_or(ModelFacts()).isTied;
  for (const GraphModule &known : modules) {
    bool isHead =
        wasTied && known.info.kind == peft::ModuleKind::OutputEmbedding;
    const std::vector<int64_t> *tokens = getTokens(known);
    // If both are one weight, the rows of the embedding are those of the head,
    // and PEFT may save them under both names. A head that is trained in full
    // is another weight.
    if (isHead && embedding != modules.end()) {
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
