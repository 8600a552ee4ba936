//===- AdaptedModel.cpp - What adapters make of a checkpoint's tensors ----===//
//
// The graph is imported in f32, so that no part of an expression is rounded to
// a narrower type.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "lora-mlir/Compiler/Compiler.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/ContextThreads.h"
#include "mlir/Pass/PassManager.h"

#include <set>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;
using mlir::Attribute;

/// The only operand of an expression; null if it has none or several.
static Attribute onlyOperand(Attribute expr) {
  auto operands = mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs();
  return operands.size() == 1 ? operands.front() : Attribute();
}

AdaptedModel::AdaptedModel() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  enableThreads(context);
  context.loadDialect<LoRADialect, TransformerDialect,
                      mlir::arith::ArithDialect, mlir::func::FuncDialect>();
}

std::vector<AdaptedModel::Slot> AdaptedModel::collectSlots() {
  std::vector<Slot> slots;
  std::set<std::pair<std::string, bool>> known;
  mlir::SymbolTable symbols(*opened.graph);
  opened.graph->walk([&](ApplyOp apply) {
    auto block = symbols.lookup<mlir::func::FuncOp>(apply.getBlock());
    for (mlir::BlockArgument arg : block.getArguments()) {
      unsigned index = arg.getArgNumber();
      mlir::StringAttr name = getSlotName(block, index);
      if (!name || getSlotRole(block, index) == Role::State)
        continue;
      Slot slot;
      slot.path = apply.getPath().str();
      slot.name = joinPath(slot.path, name);
      slot.value = getSlotValue(apply, block, index);
      for (mlir::OpOperand &use : arg.getUses()) {
        bool second = use.getOperandNumber() == 1;
        slot.isLinear |=
            second && mlir::isa<transformer::LinearOp>(use.getOwner());
        slot.isEmbedding |=
            second && mlir::isa<transformer::EmbeddingOp>(use.getOwner());
      }
      if (known.insert(slot.key()).second)
        slots.push_back(std::move(slot));
    }
  });
  return slots;
}

Error AdaptedModel::attach(const Note &warning) {
  if (Error error = opened.attach(/*train=*/false, warning))
    return error;
  DiagnosticText diagnostics(context, warning);
  mlir::PassManager passes(&context);
  passes.addPass(createMerge());
  if (mlir::failed(passes.run(*opened.graph)))
    return diagnostics.takeError("the adapter could not be merged");
  std::string left;
  opened.graph->walk([&](mlir::Operation *op) {
    if (mlir::isa_and_nonnull<LoRADialect>(op->getDialect()) && left.empty())
      left = op->getName().getStringRef().str();
  });
  if (!left.empty())
    return makeError(ErrorCode::Unsupported,
                     opened.adapters.front().files.folder(),
                     ": the adapter cannot be folded into the weights of this "
                     "model: a ",
                     left, " is left; compile it with --unmerged");
  return Error::success();
}

void AdaptedModel::listParameters(const std::vector<Slot> &slots) {
  std::set<std::string> tables, linears;
  for (const Slot &slot : slots) {
    if (slot.isEmbedding)
      tables.insert(slot.name);
    if (slot.isLinear)
      linears.insert(slot.name);
  }
  for (const Slot &slot : slots) {
    if (slot.isLinear && tables.count(slot.name))
      continue;
    const TensorView *stored = resolveTensor(opened.checkpoint, slot.name);
    if (!stored)
      continue; // An adapter contains this tensor.
    bool transposed = false;
    for (Attribute expr = slot.value; expr && !mlir::isa<BaseAttr>(expr);
         expr = onlyOperand(expr))
      transposed ^= mlir::isa<TransposeAttr>(expr);
    all.push_back({slot.name, stored, slot.isLinear, transposed,
                   slot.isEmbedding && linears.count(slot.name) != 0});
  }
}

Expected<std::unique_ptr<AdaptedModel>>
AdaptedModel::open(const std::string &modelFolder,
                   const std::vector<NamedAdapter> &named,
                   const Note &warning) {
  std::unique_ptr<AdaptedModel> model(new AdaptedModel());
  ImportOptions options;
  // No rounding inside of expressions: the writer rounds once.
  options.dtype = lora_rt::DType::F32;
  options.warning = warning;
  auto opened = OpenedModel::open(model->context, modelFolder, named, options);
  if (!opened)
    return opened.takeError();
  model->opened = std::move(*opened);
  std::vector<Slot> before = model->collectSlots();
  model->listParameters(before);
  if (!named.empty()) {
    if (Error error = model->attach(warning))
      return error;
    if (Error error = model->compare(before, model->collectSlots()))
      return error;
  }
  return model;
}
