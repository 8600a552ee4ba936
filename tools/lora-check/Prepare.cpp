//===- Prepare.cpp - Functions of tensors out of a module -----------------===//
//
// Makes functions of tensors with static shapes: applications are replaced by
// the bodies of their blocks, slots become arguments, and the new value of a
// state becomes a result.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/IRMapping.h"

#include <map>

using namespace lora;
using namespace lora::check;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using mlir::func::FuncOp;

namespace {

/// Replaces the applications in one public function.
class Flattener {
public:
  Flattener(FuncOp function, mlir::SymbolTable &symbols)
      : function(function), symbols(symbols), body(function.getBody().front()) {
  }

  Error run() {
    for (ApplyOp apply : llvm::to_vector(function.getOps<ApplyOp>()))
      if (Error error = inlineBlock(apply))
        return error;
    // The new results come after the existing ones.
    mlir::Operation *terminator = body.getTerminator();
    for (auto &[name, state] : states) {
      (void)function.insertResult(function.getNumResults(), state.getType(),
                                  {});
      terminator->insertOperands(terminator->getNumOperands(), state);
    }
    return Error::success();
  }

private:
  Error inlineBlock(ApplyOp apply) {
    auto block = symbols.lookup<FuncOp>(apply.getBlock());
    if (block.isDeclaration() || !block.getBody().hasOneBlock())
      return lora_rt::makeError(
          ErrorCode::InvalidArgument, "function '", function.getSymName().str(),
          "' applies '", block.getSymName().str(),
          "', which has no body to run; give the module with its blocks");
    mlir::IRMapping mapping;
    unsigned input = 0;
    for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
      mapping.map(block.getArgument(i), getSlotName(block, i)
                                            ? argumentOf(apply, block, i)
                                            : apply.getInputs()[input++]);
    mlir::OpBuilder builder(apply);
    mlir::Block &inner = block.getBody().front();
    for (mlir::Operation &op : inner.without_terminator())
      builder.clone(op, mapping);
    unsigned output = 0;
    mlir::Operation *terminator = inner.getTerminator();
    for (unsigned i = 0, e = block.getNumResults(); i < e; ++i) {
      mlir::Value value = mapping.lookup(terminator->getOperand(i));
      if (isValueResult(block, i))
        apply.getResult(output++).replaceAllUsesWith(value);
      else if (auto next = block.getResultAttrOfType<mlir::StringAttr>(
                   i, TransformerDialect::kNextAttr))
        states[joinPath(apply.getPath(), next)] = value;
    }
    if (llvm::any_of(apply.getOutputs(),
                     [](mlir::Value left) { return !left.use_empty(); }))
      return lora_rt::makeError(
          ErrorCode::Unsupported, "function '", function.getSymName().str(),
          "' uses the gradients of '", block.getSymName().str(),
          "', which stand in memory: check the function before "
          "-lora-autodiff");
    apply.erase();
    return Error::success();
  }

  /// The argument for a slot. Applications that share a parameter share the
  /// argument.
  mlir::Value argumentOf(ApplyOp apply, FuncOp block, unsigned index) {
    std::string name = joinPath(apply.getPath(), getSlotName(block, index));
    mlir::Type type = block.getArgumentTypes()[index];
    // If a state was updated before, this is its updated value.
    if (auto state = states.find(name); state != states.end())
      return state->second;
    mlir::Value &argument = arguments[{name, type.getAsOpaquePointer()}];
    if (!argument) {
      unsigned position = function.getNumArguments();
      (void)function.insertArgument(position, type, {},
                                    namedLoc(name, apply.getLoc()));
      argument = function.getArgument(position);
    }
    return argument;
  }

  FuncOp function;
  mlir::SymbolTable &symbols;
  mlir::Block &body;
  std::map<std::pair<std::string, const void *>, mlir::Value> arguments;
  std::map<std::string, mlir::Value> states;
};

/// A slot of the function itself becomes an ordinary argument.
void dropSlots(FuncOp function) {
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    for (llvm::StringRef name :
         {TransformerDialect::kValueAttr, TransformerDialect::kRoleAttr,
          TransformerDialect::kSlotAttr})
      function.removeArgAttr(
          i, mlir::StringAttr::get(function.getContext(), name));
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    for (llvm::StringRef name :
         {TransformerDialect::kNextAttr, TransformerDialect::kGradAttr})
      function.removeResultAttr(
          i, mlir::StringAttr::get(function.getContext(), name));
}

/// Sets every dynamic dimension.
void setSizes(FuncOp function, int64_t size) {
  auto update = [&](mlir::Type type) -> mlir::Type {
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
    if (!tensor || tensor.hasStaticShape())
      return type;
    llvm::SmallVector<int64_t> shape(tensor.getShape());
    llvm::replace(shape, mlir::ShapedType::kDynamic, size);
    return tensor.clone(shape);
  };
  function.walk([&](mlir::Operation *op) {
    for (mlir::Value result : op->getResults())
      result.setType(update(result.getType()));
    for (mlir::Region &region : op->getRegions())
      for (mlir::Block &block : region)
        for (mlir::Value argument : block.getArguments())
          argument.setType(update(argument.getType()));
  });
  function.setFunctionType(mlir::FunctionType::get(
      function.getContext(), function.getBody().getArgumentTypes(),
      llvm::map_to_vector(function.getResultTypes(), update)));
}

/// Fails for types that cannot be checked, before anything is compiled.
Error verifyTypes(FuncOp function, bool gradients) {
  auto check = [&](const char *what, unsigned index, mlir::Type type) {
    auto where = [&](auto... parts) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      return lora_rt::makeError(ErrorCode::InvalidArgument, "function '",
                                function.getSymName().str(), "', ", what, " ",
                                index, ", is ", text, ": ", parts...);
    };
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
    if (!tensor)
      return where("expected a ranked tensor");
    if (!tensor.hasStaticShape())
      return where("it can run with a static shape only; give a number of "
                   "tokens for every '?' with --tokens");
    mlir::Type element = tensor.getElementType();
    if (gradients && mlir::isa<mlir::FloatType>(element) && !element.isF64())
      return where("differences say nothing about a gradient below f64; write "
                   "the function in f64");
    if (!mlir::isa<mlir::FloatType>(element) && !element.isInteger(32))
      return where("expected elements of f32, bf16, f64 or i32");
    return Error::success();
  };
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (Error error = check("argument", index, type))
      return error;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (Error error = check("result", index, type))
      return error;
  return Error::success();
}

} // namespace

Error lora::check::prepare(mlir::ModuleOp module, int64_t tokens,
                           bool gradients) {
  llvm::SmallVector<FuncOp> functions, blocks;
  for (auto function : module.getOps<FuncOp>())
    (function.isPrivate() ? blocks : functions).push_back(function);
  // If nothing is applied, the blocks themselves are checked.
  bool applied = false;
  module.walk([&](ApplyOp) { applied = true; });
  if (functions.empty() && !applied) {
    std::swap(functions, blocks);
    for (FuncOp function : functions)
      function.setPublic();
  }
  llvm::erase_if(functions, [](FuncOp f) { return f.isDeclaration(); });
  if (functions.empty())
    return lora_rt::makeError(ErrorCode::InvalidArgument,
                              "there is no function with a body to check");
  mlir::SymbolTable symbols(module);
  for (FuncOp function : functions) {
    if (!function.getBody().hasOneBlock())
      return lora_rt::makeError(ErrorCode::InvalidArgument, "function '",
                                function.getSymName().str(),
                                "': expected a body of one block");
    if (Error error = Flattener(function, symbols).run())
      return error;
    dropSlots(function);
    if (tokens > 0)
      setSizes(function, tokens);
    if (Error error = verifyTypes(function, gradients))
      return error;
  }
  for (FuncOp block : blocks)
    symbols.erase(block);
  return Error::success();
}
