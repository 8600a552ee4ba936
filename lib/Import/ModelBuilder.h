//===- ModelBuilder.h - Blocks and entries of a model -----------*- C++ -*-===//
//
// The class has several source files: the parts of blocks (BlockParts.cpp), the
// blocks of decoders and of encoders (DecoderBlocks.cpp, EncoderBlocks.cpp),
// and the entries (ModelBuilder.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_MODELBUILDER_H
#define LORA_MLIR_LIB_IMPORT_MODELBUILDER_H

#include "ModelPlan.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

namespace lora {

/// Settings of the graph that depend neither on the model nor on the
/// checkpoint.
struct GraphOptions {
  /// Whether rotary frequencies that depend on the length of a call are fixed
  /// to those of short calls. The calls of such a graph must not be longer than
  /// `switchLength`.
  bool fixedFrequencies = false;
};

class ModelBuilder {
public:
  ModelBuilder(mlir::MLIRContext &context, const ModelConfig &config,
               const ModelPlan &plan, const GraphOptions &options);

  /// Builds the module, which `importModel` describes.
  mlir::OwningOpRef<mlir::ModuleOp> build();

private:
  /// An argument that is not a parameter, with the name that it is printed by;
  /// of an entry also what the runtime gives.
  struct Input {
    llvm::StringRef name;
    mlir::Type type;
    std::optional<transformer::InputKind> kind = std::nullopt;
  };
  /// A block or entry under construction, with its inputs, parameters and
  /// states by name.
  struct Block {
    mlir::func::FuncOp function;
    llvm::StringMap<mlir::Value> values;
    mlir::Value get(const llvm::Twine &name) const {
      return values.lookup(name.str());
    }
  };
  /// The queries, keys and values of a layer's tokens.
  struct Projections {
    mlir::Value q, k, v;
  };

  //===--------------------------------------------------------------------===//
  // Parts of blocks
  //===--------------------------------------------------------------------===//

  mlir::Type elementType(lora_rt::DType dtype);
  mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape,
                                mlir::Type element) {
    return mlir::RankedTensorType::get(shape, element);
  }
  /// [tokens, width] in the compute type.
  mlir::RankedTensorType activation(int64_t width) {
    return tensor({mlir::ShapedType::kDynamic, width}, type);
  }
  mlir::RankedTensorType hidden() { return activation(config.hiddenSize); }
  mlir::RankedTensorType ids() {
    return tensor({mlir::ShapedType::kDynamic}, b.getI32Type());
  }
  mlir::RankedTensorType sequence() {
    return tensor({4, mlir::ShapedType::kDynamic}, b.getI32Type());
  }
  mlir::RankedTensorType angles(const RopeConfig &rope) {
    return tensor(
        {mlir::ShapedType::kDynamic, int64_t(rope.frequencies.size())},
        b.getF32Type());
  }
  /// The type of logits: rows in f32.
  mlir::RankedTensorType logits() {
    return tensor({mlir::ShapedType::kDynamic, outputs()}, b.getF32Type());
  }
  int64_t outputs() const {
    return config.head == ModelHead::LanguageModel ? config.vocabSize
                                                   : config.labels;
  }
  mlir::Location named(llvm::StringRef name) {
    return mlir::NameLoc::get(b.getStringAttr(name));
  }

  /// Begins a function and moves the builder into its body. A function with a
  /// plan is a block.
  Block begin(llvm::StringRef name, llvm::ArrayRef<Input> inputs,
              llvm::ArrayRef<mlir::Type> results,
              const BlockPlan *plan = nullptr,
              llvm::ArrayRef<std::string> states = {});
  /// Begins an entry, whose inputs have a kind each.
  Block beginEntry(llvm::StringRef name, llvm::ArrayRef<Input> inputs,
                   mlir::Type result, transformer::OutputKind output);
  /// Ends it.
  void finish(Block &block, mlir::ValueRange results);

  /// The type of a slot, and its weight expression; null for the base tensor of
  /// that type.
  std::pair<mlir::RankedTensorType, mlir::Attribute>
  slotOf(const Parameter &parameter, lora_rt::DType stored);

  mlir::Value linear(Block &block, llvm::StringRef layer, mlir::Value x);
  /// The last linear layer of a model; its result is f32.
  mlir::Value head(Block &block, llvm::StringRef layer, mlir::Value x);
  mlir::Value rmsNorm(Block &block, llvm::StringRef layer, mlir::Value x);
  mlir::Value layerNorm(Block &block, llvm::StringRef layer, mlir::Value x);
  mlir::Value activate(llvm::StringRef layer, mlir::Value x);
  mlir::Value tanh(llvm::StringRef layer, mlir::Value x);
  mlir::Value add(llvm::StringRef name, mlir::Value x, mlir::Value y);
  mlir::Value slice(llvm::StringRef name, mlir::Value x, int64_t offset,
                    int64_t width);
  mlir::Value lookUp(llvm::StringRef name, mlir::Value ids, mlir::Value table);
  mlir::Value positionRows(mlir::Value sequence);
  /// The states of an attention layer, LAYER.key_cache and LAYER.value_cache.
  /// There are none if tokens see those after them, because then nothing can be
  /// kept from one call to the next.
  llvm::SmallVector<std::string> states(const std::string &layer);
  /// Writes keys and values to the states of a layer, and returns the caches.
  /// `next` gets the new values of the states.
  Projections cached(Block &block, const std::string &layer, Projections parts,
                     llvm::SmallVectorImpl<mlir::Value> &next);
  mlir::Value attend(Block &block, llvm::StringRef layer, Projections parts,
                     std::optional<int64_t> window);

  //===--------------------------------------------------------------------===//
  // Blocks
  //===--------------------------------------------------------------------===//

  Projections projections(Block &block, mlir::Value x);
  mlir::Value feedForward(Block &block, mlir::Value x);
  void buildDecoder(llvm::StringRef name, const BlockPlan &plan,
                    const LayerConfig &layer);
  void buildGPT2(llvm::StringRef name, const BlockPlan &plan);
  void buildTable(llvm::StringRef name, const BlockPlan &plan);
  void buildNorm();
  void buildEncoderEmbedding();
  void buildEncoder(llvm::StringRef name, const BlockPlan &plan);
  void buildPooler();
  void buildHead();

  //===--------------------------------------------------------------------===//
  // Entries
  //===--------------------------------------------------------------------===//

  mlir::Value apply(llvm::StringRef block, const std::string &path,
                    mlir::ValueRange inputs, mlir::Type result);
  /// Builds a block for each kind of layer, and returns the block of each
  /// layer.
  std::vector<std::string> buildLayers();
  mlir::Value embed(Block &entry);
  /// The cosines and sines of each of the model's rotary settings.
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>
  buildAngles(Block &entry);
  /// Whether the frequencies are an input of each call.
  bool hasFrequencies() const;
  void buildHiddenStates(llvm::ArrayRef<std::string> layers);
  void buildLogits();
  void buildPooled();
  transformer::ModelFacts describe() const;

  const ModelConfig &config;
  const ModelPlan &plan;
  GraphOptions options;
  mlir::OpBuilder b;
  mlir::Type type;
  mlir::ModuleOp module;
};

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_MODELBUILDER_H
