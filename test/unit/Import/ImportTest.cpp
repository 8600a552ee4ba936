//===- ImportTest.cpp - Parameters and the tensors of a checkpoint --------===//
//
// The test writes the checkpoints itself, so that each rule is tested alone.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/Import.h"

#include "../Runtime/TestFiles.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace lora;
using namespace lora_rt;

namespace {

/// A Llama with 2 layers, hidden size 4, 2 heads, feed-forward 6 and 5 tokens.
class Import : public ::testing::Test {
protected:
  Import() {
    add("model.embed_tokens.weight", {5, 4}, 1);
    add("lm_head.weight", {5, 4}, 2);
    add("model.norm.weight", {4});
    for (std::string layer : {"model.layers.0.", "model.layers.1."}) {
      add(layer + "input_layernorm.weight", {4});
      for (const char *name : {"q", "k", "v", "o"})
        add(layer + "self_attn." + name + "_proj.weight", {4, 4});
      add(layer + "post_attention_layernorm.weight", {4});
      add(layer + "mlp.gate_proj.weight", {6, 4});
      add(layer + "mlp.up_proj.weight", {6, 4});
      add(layer + "mlp.down_proj.weight", {4, 6});
    }
  }

  void add(const std::string &name, std::vector<int64_t> shape,
           float first = 0) {
    tensors[name] = {TensorSpec{name, DType::F32, std::move(shape)}, first};
  }

  /// Renames "model." + x to `prefix` + x.
  void setPrefix(const std::string &prefix) {
    std::map<std::string, Tensor> renamed;
    for (auto [name, tensor] : tensors) {
      if (name.starts_with("model."))
        tensor.spec.name = prefix + name.substr(6);
      renamed[tensor.spec.name] = tensor;
    }
    tensors = std::move(renamed);
  }

  /// The IR, or the error message.
  std::string import(const std::string &more = "",
                     std::optional<DType> dtype = std::nullopt,
                     const std::string &family = "llama") {
    folder.write("config.json", R"({"model_type": ")" + family + R"(",
      "vocab_size": 5, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 2,
      "num_attention_heads": 2)" + more +
                                    "}");
    std::vector<TensorSpec> specs;
    for (const auto &[name, tensor] : tensors)
      specs.push_back(tensor.spec);
    auto writer =
        SafetensorsWriter::create(folder.path("model.safetensors"), specs);
    EXPECT_TRUE(bool(writer)) << writer.message();
    for (const auto &[name, tensor] : tensors) {
      size_t count = 1;
      for (int64_t size : tensor.spec.shape)
        count *= size_t(size);
      std::vector<float> values(count, tensor.first);
      if (isFloat(tensor.spec.dtype))
        EXPECT_FALSE(bool(writer->writeFloats(name, values)));
      else
        EXPECT_FALSE(bool(writer->write(
            name, std::vector<std::byte>(
                      bytesOf(tensor.spec.dtype, count).value_or(0)))));
    }
    EXPECT_FALSE(bool(writer->commit()));
    ImportOptions options;
    options.dtype = dtype;
    warnings.clear();
    options.warning = [&](const std::string &text) { warnings += text + "\n"; };
    auto module = importModel(context, folder.root(), options);
    if (!module)
      return module.message();
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream);
    return text;
  }

  static size_t count(const std::string &text, const std::string &part) {
    size_t number = 0;
    for (size_t at = text.find(part); at != std::string::npos;
         at = text.find(part, at + 1))
      ++number;
    return number;
  }

  static void expectIn(const std::string &part, const std::string &text) {
    EXPECT_NE(text.find(part), std::string::npos)
        << "expected: " << part << "\nin: " << text;
  }

  struct Tensor {
    TensorSpec spec;
    float first = 0;
  };
  std::map<std::string, Tensor> tensors;
  std::string warnings;
  TestFolder folder;
  mlir::MLIRContext context;
};

const std::string tied = R"(, "tie_word_embeddings": true)";
const std::string headAtHead = R"(apply @head at "lm_head")";
const std::string headAtEmbedding = R"(apply @head at "model.embed_tokens")";

} // namespace

TEST_F(Import, PrefixMayBeMissing) {
  setPrefix("");
  std::string text = import();
  expectIn(R"(at "model.layers.1")", text);
  EXPECT_EQ(warnings, "");
}

TEST_F(Import, PrefixMayBeInExcess) {
  std::string text = import(R"(, "architectures": ["LlamaModel"])");
  expectIn(R"(at "layers.1")", text);
  expectIn(R"(at "norm")", text);
  EXPECT_EQ(count(text, "@logits"), 0u);
  EXPECT_EQ(count(text, "@head"), 0u);
  expectIn("1 tensor is not part of the model and not used: 'lm_head.weight'",
           warnings);
}

TEST_F(Import, OtherPrefixesAreMissingTensors) {
  setPrefix("language_model.model.");
  expectIn("the checkpoint lacks 'model.embed_tokens.weight', "
           "'model.layers.0.input_layernorm.weight'",
           import());
}

TEST_F(Import, PrefixMayBeThereTwice) {
  setPrefix("model.model.");
  expectIn(R"(at "model.layers.1")", import());
  EXPECT_EQ(warnings, "");
}

TEST_F(Import, PrefixesOfOtherFamiliesAreOtherTensors) {
  for (const char *prefix : {"transformer.", "bert."}) {
    std::map<std::string, Tensor> all = tensors;
    setPrefix(prefix);
    expectIn("the checkpoint lacks 'model.embed_tokens.weight'", import());
    // The same without a head, where names have no prefix.
    expectIn("the checkpoint lacks 'embed_tokens.weight'",
             import(R"(, "architectures": ["LlamaModel"])"));
    tensors = all;
  }
}

TEST_F(Import, NamesOfWrappedModelsAreExplained) {
  std::map<std::string, Tensor> all = tensors;
  struct Case {
    const char *prefix, *text;
  };
  for (auto [prefix, text] : {
           Case{"_orig_mod.model.", "a model that torch.compile had wrapped; "
                                    "save model._orig_mod"},
           Case{"module.model.", "DistributedDataParallel"},
           Case{"_fsdp_wrapped_module.model.", "FSDP"},
           Case{"model._fsdp_wrapped_module.", "FSDP"},
           Case{"base_model.model.model.", "a PEFT model with its adapter"},
           Case{"language_model.model.", "several modalities"},
           Case{"pretrained_model.model.", "a value head"},
       }) {
    setPrefix(prefix);
    std::string message = import();
    expectIn("; '" + std::string(prefix) +
                 "embed_tokens.weight' stands in its place: the file is that "
                 "of ",
             message);
    expectIn(text, message);
    tensors = all;
  }
  // One layer that an adapter wraps.
  std::string name = "model.layers.1.self_attn.q_proj.";
  tensors.erase(name + "weight");
  add(name + "base_layer.weight", {4, 4});
  std::string message = import();
  expectIn("lacks '" + name + "weight'; '" + name +
               "base_layer.weight' stands in its place: the file is that of a "
               "PEFT model with its adapter; make the plain model of it with "
               "merge_and_unload()",
           message);
}

TEST_F(Import, TensorsThatHoldNothing) {
  for (std::vector<int64_t> shape : {std::vector<int64_t>{0}, {0, 4}}) {
    tensors["model.layers.1.mlp.down_proj.weight"].spec.shape = shape;
    expectIn("tensor 'model.layers.1.mlp.down_proj.weight' is " +
                 shapeText(shape) +
                 ", so it holds nothing: the model was saved under DeepSpeed "
                 "ZeRO-3",
             import());
  }
}

TEST_F(Import, OneParameterUnderTwoNames) {
  add("layers.1.mlp.up_proj.weight", {6, 4}, 3);
  expectIn("tensors 'model.layers.1.mlp.up_proj.weight' and "
           "'layers.1.mlp.up_proj.weight' are the same parameter",
           import());
  tensors["layers.1.mlp.up_proj.weight"].first = 0;
  expectIn(R"(at "model.layers.1")", import());
  EXPECT_EQ(warnings, "");
}

TEST_F(Import, UnusedTensorsOfAnyType) {
  for (DType type : {DType::F4, DType::F8E8M0, DType::C64, DType::I8}) {
    tensors["extra"] = {TensorSpec{"extra", type, {2}}, 0};
    expectIn(R"(at "model.layers.1")", import());
    expectIn("1 tensor is not part of the model and not used: 'extra'",
             warnings);
  }
}

TEST_F(Import, BuffersAreKnownByTheirWholeNames) {
  add("model.layers.1.self_attn.rotary_emb.inv_freq", {1});
  add("model.rotary_emb.inv_freq", {1});
  import();
  EXPECT_EQ(warnings, "");
  // Names that end in the same way, but belong to layers that do not exist or
  // to other families.
  for (const char *name :
       {"model.layers.2.self_attn.rotary_emb.inv_freq",
        "model.layers.1.rotary_emb.inv_freq", "x.rotary_emb.inv_freq",
        "model.layers.1.attn.bias", "model.layers.0.attn.masked_bias",
        "embeddings.position_ids", "model.learned_position_ids"}) {
    add(name, {2});
    import();
    expectIn("1 tensor is not part of the model and not used: '" +
                 std::string(name) + "'",
             warnings);
    tensors.erase(name);
  }
}

TEST_F(Import, AnAdapterInTheModelsFolder) {
  folder.write("adapter_config.json", R"({"peft_type": "LORA"})");
  expectIn("the folder holds a model and an adapter (adapter_config.json), "
           "which transformers would add to it",
           import());
  ImportOptions options;
  options.adapterFolders = {folder.root() + "/."};
  auto module = importModel(context, folder.root(), options);
  EXPECT_TRUE(bool(module)) << module.message();
}

TEST_F(Import, TokensThatSeeAll) {
  std::string causal = import(), text = import(R"(, "is_causal": false)");
  EXPECT_EQ(count(causal, R"(attention = )"), 0u);
  EXPECT_EQ(count(causal, "cache_write"), 2u);
  expectIn(R"(attention = "bidirectional")", text);
  EXPECT_EQ(count(text, R"(pooled = "first")"), 0u);
  // Tokens of later calls would change these values, so they cannot be kept.
  EXPECT_EQ(count(text, "cache"), 0u);
  EXPECT_EQ(warnings, "");
  // A window in both directions excludes nothing for up to three tokens.
  text = import(R"(, "is_causal": false, "num_key_value_heads": 2,
                   "sliding_window": 2)",
                std::nullopt, "mistral");
  expectIn("max_positions = 3", text);
  EXPECT_EQ(count(text, "window ="), 0u);
  expectIn("so the model takes up to 3 tokens, which all see each other",
           warnings);
}

/// transformers uses decoder.bias if the checkpoint has it. If not, and if
/// nothing is tied, it begins with zeros.
TEST_F(Import, TheBiasOfMaskedWordsHasTwoNames) {
  tensors.clear();
  auto linear = [&](const std::string &name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  auto norm = [&](const std::string &name) {
    add(name + ".weight", {4});
    add(name + ".bias", {4});
  };
  std::string embeddings = "bert.embeddings.";
  add(embeddings + "word_embeddings.weight", {5, 4});
  add(embeddings + "position_embeddings.weight", {3, 4});
  add(embeddings + "token_type_embeddings.weight", {2, 4});
  norm(embeddings + "LayerNorm");
  for (std::string layer : {"bert.encoder.layer.0.", "bert.encoder.layer.1."}) {
    for (const char *name : {"attention.self.query", "attention.self.key",
                             "attention.self.value", "attention.output.dense"})
      linear(layer + name, 4, 4);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", 6, 4);
    linear(layer + "output.dense", 4, 6);
    norm(layer + "output.LayerNorm");
  }
  linear("cls.predictions.transform.dense", 4, 4);
  norm("cls.predictions.transform.LayerNorm");
  add("cls.predictions.bias", {5}, 1);
  add("embeddings.position_ids", {1, 3});
  std::string more = R"(, "architectures": ["BertForMaskedLM"],
                        "max_position_embeddings": 3)";
  auto resolved = [&] {
    auto checkpoint = Checkpoint::open(folder.root());
    EXPECT_TRUE(bool(checkpoint)) << checkpoint.message();
    return resolveTensor(*checkpoint, "cls.predictions.bias")->name;
  };
  expectIn("@logits", import(more, std::nullopt, "bert"));
  EXPECT_EQ(warnings, "");
  EXPECT_EQ(resolved(), "cls.predictions.bias");
  std::string untied = more + R"(, "tie_word_embeddings": false)";
  add("cls.predictions.decoder.weight", {5, 4}, 2);
  expectIn("the checkpoint lacks 'cls.predictions.decoder.bias'",
           import(untied, std::nullopt, "bert"));
  add("cls.predictions.decoder.bias", {5}, 3);
  expectIn("@logits", import(untied, std::nullopt, "bert"));
  EXPECT_EQ(resolved(), "cls.predictions.decoder.bias");
  expectIn("not used: 'cls.predictions.bias'", warnings);
  expectIn("@logits", import(more, std::nullopt, "bert"));
}

TEST_F(Import, BothTensorsWithoutTying) {
  expectIn(headAtHead, import());
  // They are equal, but remain two parameters.
  tensors["lm_head.weight"].first = 1;
  expectIn(headAtHead, import());
  EXPECT_EQ(count(import(), "tied = true"), 0u);
}

TEST_F(Import, TiedAndDifferentIsNotTied) {
  std::string text = import(tied);
  expectIn(headAtHead, text);
  EXPECT_EQ(count(text, "tied = true"), 0u);
}

TEST_F(Import, TiedAndEqualIsTied) {
  tensors["lm_head.weight"].first = 1;
  std::string text = import(tied);
  expectIn(headAtEmbedding, text);
  expectIn("tied = true", text);
  EXPECT_EQ(warnings, "");
}

TEST_F(Import, TiedWithEitherTensorAlone) {
  std::map<std::string, Tensor> all = tensors;
  tensors.erase("lm_head.weight");
  expectIn(headAtEmbedding, import(tied));
  auto checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(bool(checkpoint));
  EXPECT_EQ(resolveTensor(*checkpoint, "lm_head.weight")->name,
            "model.embed_tokens.weight");

  tensors = all;
  tensors.erase("model.embed_tokens.weight");
  expectIn(headAtEmbedding, import(tied));
  checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(bool(checkpoint));
  EXPECT_EQ(resolveTensor(*checkpoint, "model.embed_tokens.weight")->name,
            "lm_head.weight");
  EXPECT_EQ(warnings, "");
}

TEST_F(Import, UntiedNeedsBoth) {
  tensors.erase("lm_head.weight");
  expectIn("the checkpoint lacks 'lm_head.weight'", import());
  expectIn("config.json must say \"tie_word_embeddings\": true", import());
}

TEST_F(Import, ResolvesNames) {
  setPrefix("");
  import();
  auto checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(bool(checkpoint));
  std::string name = "model.layers.1.mlp.up_proj.weight";
  ASSERT_NE(resolveTensor(*checkpoint, name), nullptr);
  EXPECT_EQ(resolveTensor(*checkpoint, name)->name, name.substr(6));
  EXPECT_EQ(resolveTensor(*checkpoint, "model.layers.2.mlp.up_proj.weight"),
            nullptr);
  auto missing = getTensor(*checkpoint, "layers.1.mlp.up_proj.weights");
  ASSERT_FALSE(bool(missing));
  expectIn("did you mean 'layers.1.mlp.up_proj.weight'", missing.message());
}

TEST_F(Import, WrongShape) {
  tensors["model.layers.1.mlp.down_proj.weight"].spec.shape = {6, 4};
  expectIn("tensor 'model.layers.1.mlp.down_proj.weight' is [6, 4], but "
           "config.json calls for [4, 6]",
           import());
}

TEST_F(Import, QuantizedTensor) {
  tensors["model.layers.0.mlp.down_proj.weight"].spec.dtype = DType::I8;
  expectIn("tensor 'model.layers.0.mlp.down_proj.weight' is I8; supported are",
           import());
}

TEST_F(Import, UnusedTensors) {
  add("model.layers.0.self_attn.rotary_emb.inv_freq", {1});
  import();
  EXPECT_EQ(warnings, "");
  add("model.layers.0.self_attn.q_proj.bias", {4});
  import();
  expectIn("1 tensor is not part of the model and not used: "
           "'model.layers.0.self_attn.q_proj.bias'",
           warnings);
}

TEST_F(Import, TypeOfMostElements) {
  for (auto &[name, tensor] : tensors)
    if (tensor.spec.shape.size() == 2)
      tensor.spec.dtype = DType::BF16;
  std::string text = import();
  expectIn(R"(tensor<4xbf16> {transformer.slot = "input_layernorm.weight", )"
           R"(transformer.value = #transformer.cast<#transformer.base<)"
           R"("input_layernorm.weight", tensor<4xf32>> to tensor<4xbf16>>})",
           text);
  expectIn(R"(tensor<6x4xbf16> {transformer.slot = "mlp.up_proj.weight"})",
           text);
  text = import("", DType::F32);
  expectIn(R"(tensor<4xf32> {transformer.slot = "input_layernorm.weight"})",
           text);
  expectIn("cannot compute in f16", import("", DType::F16));
}

TEST_F(Import, LayersThatDifferInTypesHaveBlocksOfTheirOwn) {
  std::string text = import();
  EXPECT_EQ(count(text, "func.func private @decoder"), 1u);
  tensors["model.layers.1.mlp.up_proj.weight"].spec.dtype = DType::F16;
  text = import();
  EXPECT_EQ(count(text, "func.func private @decoder"), 2u);
  expectIn(R"(apply @decoder at "model.layers.0")", text);
  expectIn(R"(apply @decoder.1 at "model.layers.1")", text);
}

TEST_F(Import, LayersThatDifferInWindowsHaveBlocksOfTheirOwn) {
  for (const char *layer : {"model.layers.0.", "model.layers.1."})
    for (const char *name : {"q", "k", "v"})
      add(std::string(layer) + "self_attn." + name + "_proj.bias", {4});
  std::string text = import(R"(, "num_key_value_heads": 2,
    "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1)",
                            std::nullopt, "qwen2");
  expectIn(R"(apply @decoder at "model.layers.0")", text);
  expectIn(R"(apply @decoder.1 at "model.layers.1")", text);
  EXPECT_EQ(count(text, "window = 3 : i64"), 1u);
  EXPECT_LT(text.find("@decoder.1("), text.find("window = 3 : i64"));

  text = import(R"(, "num_key_value_heads": 2, "use_sliding_window": true,
    "sliding_window": 3, "max_window_layers": 0)",
                std::nullopt, "qwen2");
  EXPECT_EQ(count(text, "func.func private @decoder"), 1u);
  EXPECT_EQ(count(text, "window = 3 : i64"), 1u);
}
