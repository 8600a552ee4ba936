//===- PackWeights.cpp - Which weights take oneDNN's layout ---------------===//
//
// Sets the encoding #onednn.packed<"any"> on slots of blocks. A slot is packed
// if every reader takes a packed operand, in all functions that bind the same
// name at the same path. So each weight has one form in the pack.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"

namespace lora::onednn {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h.inc"
} // namespace lora::onednn

using namespace mlir;
using namespace lora;
using namespace lora::onednn;

namespace {

/// What the readers of a slot in one block permit.
enum class Readers {
  Matmuls,    // All are matmuls with a transposed weight: pack.
  Embeddings, // All are embeddings: pack if a matmul elsewhere does.
  Others      // Another op reads it row by row: leave it plain.
};

Readers getReaders(BlockArgument slot) {
  bool matmuls = false, embeddings = false;
  for (OpOperand &use : slot.getUses()) {
    if (auto matmul = dyn_cast<MatmulOp>(use.getOwner());
        matmul && matmul.getTransposeB() && &use == &matmul.getBMutable())
      matmuls = true;
    else if (auto embedding =
                 dyn_cast<transformer::EmbeddingOp>(use.getOwner());
             embedding && embedding.getIds().getType().hasStaticShape())
      embeddings = true;
    else
      return Readers::Others;
  }
  if (matmuls && embeddings)
    return Readers::Others;
  return matmuls      ? Readers::Matmuls
         : embeddings ? Readers::Embeddings
                      : Readers::Others;
}

/// Whether an argument is a frozen matrix of a type that oneDNN packs.
bool isCandidate(func::FuncOp block, unsigned index) {
  if (!transformer::getSlotName(block, index) ||
      transformer::getSlotRole(block, index) != transformer::Role::Frozen)
    return false;
  auto type = cast<RankedTensorType>(block.getArgumentTypes()[index]);
  return type.getRank() == 2 && !type.getEncoding() &&
         (type.getElementType().isF32() || type.getElementType().isBF16());
}

struct PackWeightsPass : onednn::impl::PackWeightsBase<PackWeightsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);

    // The full names, by what their readers permit, over all applications.
    llvm::StringSet<> packedNames, plainNames;
    llvm::DenseMap<Operation *, llvm::SmallVector<std::string>> paths;
    module.walk([&](transformer::ApplyOp apply) {
      auto block = symbols.lookup<func::FuncOp>(apply.getBlock());
      if (!block)
        return;
      paths[block].push_back(apply.getPath().str());
      for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
        if (!transformer::getSlotName(block, i))
          continue;
        std::string name = transformer::joinPath(
            apply.getPath(), transformer::getSlotName(block, i));
        Readers readers = isCandidate(block, i)
                              ? getReaders(block.getArgument(i))
                              : Readers::Others;
        if (readers == Readers::Matmuls)
          packedNames.insert(name);
        else if (readers == Readers::Others)
          plainNames.insert(name);
      }
    });

    for (auto block : module.getOps<func::FuncOp>()) {
      for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
        if (!isCandidate(block, i) || paths[block].empty() ||
            getReaders(block.getArgument(i)) == Readers::Others)
          continue;
        StringAttr slot = transformer::getSlotName(block, i);
        bool packed = llvm::all_of(paths[block], [&](StringRef path) {
          std::string name = transformer::joinPath(path, slot);
          return packedNames.contains(name) && !plainNames.contains(name);
        });
        if (!packed)
          continue;
        pack(block, i);
        ++numPacked;
      }
    }
  }

private:
  /// Gives argument `index` the encoding, and lets embeddings gather from it.
  void pack(func::FuncOp block, unsigned index) {
    BlockArgument slot = block.getArgument(index);
    auto plain = cast<RankedTensorType>(slot.getType());
    auto type = RankedTensorType::get(plain.getShape(), plain.getElementType(),
                                      PackedAttr::get(&getContext(), "any"));
    slot.setType(type);
    SmallVector<Type> inputs(block.getArgumentTypes());
    inputs[index] = type;
    block.setType(
        FunctionType::get(&getContext(), inputs, block.getResultTypes()));
    for (Operation *user : llvm::make_early_inc_range(slot.getUsers())) {
      auto embedding = dyn_cast<transformer::EmbeddingOp>(user);
      if (!embedding)
        continue;
      OpBuilder builder(embedding);
      RankedTensorType result = embedding.getResult().getType();
      Value out =
          tensor::EmptyOp::create(builder, embedding.getLoc(),
                                  result.getShape(), result.getElementType());
      auto gather = GatherOp::create(builder, embedding.getLoc(), result,
                                     embedding.getIds(), slot, out,
                                     PackedAttr(), TypeAttr());
      embedding.replaceAllUsesWith(gather.getResult());
      embedding.erase();
    }
  }
};

} // namespace
