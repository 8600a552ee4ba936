//===- AdaptedGraph.cpp - Adapters on the graph of a compiled file --------===//
//
// The parameters of a compiled file already have the types and shapes of the
// graph's slots: casts, transpositions and offsets were applied when the file
// was written. So the value of each slot is its tensor, unchanged. What
// adapters add to it is found by the same rules as for a model folder.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "lora-mlir/Compiler/Compiler.h"
#include "lora-mlir/IRFile.h"
#include "lora-mlir/Import/Import.h"
#include "mlir/Parser/Parser.h"

#include <set>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

/// The reason why the adapter is not a sum W + s B A, by its config; empty if
/// it is one.
static std::string nonlinearity(const peft::PeftConfig &config) {
  using Init = peft::PeftConfig::Init;
  if (config.dora)
    return "DoRA ('use_dora') scales whole rows of weights";
  if (config.init == Init::Pissa || config.init == Init::Olora)
    return "PiSSA and OLoRA ('init_lora_weights') also change the base weights";
  if (config.loraBias)
    return "'lora_bias' adds biases";
  if (config.bias != peft::PeftConfig::Bias::None)
    return "'bias' replaces biases";
  if (!config.trainableTokens.empty())
    return "'trainable_token_indices' replaces rows of the embedding";
  if (!config.modulesToSave.empty())
    return "'modules_to_save' replaces '" + config.modulesToSave.front() + "'";
  return {};
}

/// Fails if an adapter was made for another model than the graph's.
static Error checkFit(mlir::ModuleOp graph, const peft::PeftAdapter &adapter,
                      const std::string &where) {
  auto refuse = [&](const auto &...reason) {
    return makeError(ErrorCode::Unsupported, adapter.folder(), ": ", reason...,
                     ", which cannot be done in the compiled file ", where,
                     "; compile the model with this adapter");
  };
  if (std::string reason = nonlinearity(adapter.config()); !reason.empty())
    return refuse("is no sum W + s B A: ", reason);
  auto facts = adapter.facts();
  if (!facts)
    return facts.takeError();
  std::optional<ModelFacts> model = getModelFacts(graph);
  if (!model)
    return makeError(ErrorCode::InvalidFile, where,
                     ": its graph does not say which model it is; compile the "
                     "model again");
  if (facts->head && model->head != *facts->head)
    return refuse("was made for a model with another head (",
                  lora_rt::headName(*facts->head), " instead of ",
                  lora_rt::headName(model->head), ")");
  if (facts->vocabSize && *facts->vocabSize != model->vocabSize)
    return refuse("was made for a vocabulary of ", *facts->vocabSize,
                  " instead of ", model->vocabSize);
  return Error::success();
}

/// The folders of the adapters, as "A" or "A or B".
static std::string foldersOf(const std::vector<NamedAdapter> &named) {
  std::string text;
  for (const NamedAdapter &adapter : named)
    text += (text.empty() ? "" : " or ") + adapter.folder;
  return text;
}

/// Makes each slot's value the tensor of its name, in the slot's type.
static void takeTensorsAsTheyAre(mlir::ModuleOp graph) {
  for (auto block : graph.getOps<mlir::func::FuncOp>())
    for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
      block.removeArgAttr(i, TransformerDialect::kValueAttr);
  graph.walk([](ApplyOp apply) { apply.removeValuesAttr(); });
}

Expected<std::unique_ptr<AdaptedModel>>
AdaptedModel::openGraph(std::string_view text, lora_rt::Checkpoint tensors,
                        const std::vector<NamedAdapter> &named,
                        const Note &warning) {
  std::unique_ptr<AdaptedModel> model(new AdaptedModel());
  const std::string where = tensors.folder();
  model->opened.checkpoint = std::move(tensors);
  // MLIR's lexer needs a zero byte after the text.
  const std::string terminated(text);
  if (Error error = checkIRText(terminated, where + ": part 'graph'"))
    return error;
  {
    DiagnosticText diagnostics(model->context);
    model->opened.graph = mlir::parseSourceString<mlir::ModuleOp>(
        terminated, mlir::ParserConfig(&model->context), "graph");
    if (!model->opened.graph)
      return diagnostics.takeError(
          where + ": its graph cannot be read; compile the model again");
  }
  if (Error error = model->opened.openAdapters(named))
    return error;
  for (const OpenedAdapter &adapter : model->opened.adapters)
    if (Error error = checkFit(*model->opened.graph, adapter.files, where))
      return error;
  takeTensorsAsTheyAre(*model->opened.graph);
  std::vector<Slot> before = model->collectSlots();
  if (Error error = model->attach(warning))
    return error;
  std::vector<Slot> after = model->collectSlots();
  std::set<std::pair<std::string, bool>> known;
  std::set<std::string> names;
  for (const Slot &slot : before) {
    known.insert(slot.key());
    names.insert(slot.name);
  }
  for (const Slot &slot : after)
    if (!known.count(slot.key()))
      return makeError(
          ErrorCode::Unsupported, foldersOf(named), ": needs a parameter '",
          slot.name, "' of its own, which ", where, " does not have",
          slot.name == "lm_head.weight" ? " (it does not do the same to the "
                                          "embedding and the head, which "
                                          "share a tensor there)"
                                        : "",
          "; compile the model with this adapter");
  if (Error error = model->compare(before, after))
    return error;
  // The file has no code for some entries of the graph (a bare encoder's
  // pooler). It then has no parameters for them either.
  std::erase_if(model->changed, [&](const AdaptedTensor &tensor) {
    return !tensor.stored && names.count(tensor.name);
  });
  for (const AdaptedTensor &tensor : model->changed)
    if (!tensor.merge)
      return makeError(ErrorCode::Unsupported, foldersOf(named), ": changes '",
                       tensor.name, "' of ", where,
                       " in another way than by adding s B A; compile the "
                       "model with this adapter");
  return model;
}
