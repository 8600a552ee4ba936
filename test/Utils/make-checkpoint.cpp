//===- make-checkpoint.cpp - Random models of any shape for tests ---------===//
//
// Writes a Hugging Face folder of a Llama with random weights, and a PEFT
// adapter for it. They serve tests of shapes (depth, width), which need no
// trained model. The numbers depend only on the tensors' names.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Safetensors.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

using namespace lora_rt;

static constexpr const char *usage =
    R"(Usage: make-checkpoint DIR [OPTION VALUE...]

Writes a random Llama to DIR/model and an adapter of it (q_proj and v_proj of every layer) to DIR/adapter.

Options, each with a number:
  --layers 4   --hidden 48   --heads 6   --kv-heads 3   --intermediate 80   --vocab 259   --positions 512   --rank 3
  --bf16 0     1: weights in BF16 instead of F32

Example: make-checkpoint /tmp/deep --layers 40
)";

namespace {

struct Shape {
  std::map<std::string, int64_t> values = {
      {"layers", 4},      {"hidden", 48}, {"heads", 6},
      {"kv-heads", 3},    {"vocab", 259}, {"intermediate", 80},
      {"positions", 512}, {"rank", 3},    {"bf16", 0}};
  int64_t operator[](const std::string &name) const { return values.at(name); }
};

} // namespace

/// Uniform in (-1, 1), from a counter that starts at the name's hash
/// (splitmix64).
static std::vector<float> randomValues(const std::string &name, int64_t count,
                                       float scale) {
  uint64_t state = 0xcbf29ce484222325u;
  for (unsigned char character : name)
    state = (state ^ character) * 0x100000001b3u;
  std::vector<float> values(count);
  for (float &value : values) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    value = scale * (float(z >> 40) / float(1 << 23) - 1.0f);
  }
  return values;
}

/// Norm weights are near 1. Matrices keep the variance of their input.
static Error writeTensors(const std::string &path,
                          const std::vector<TensorSpec> &specs) {
  auto writer = SafetensorsWriter::create(path, specs);
  if (!writer)
    return writer.takeError();
  for (const TensorSpec &spec : specs) {
    bool isMatrix = spec.shape.size() == 2;
    int64_t count = spec.shape[0] * (isMatrix ? spec.shape[1] : 1);
    float scale = isMatrix ? std::sqrt(3.0f / float(spec.shape[1])) : 0.25f;
    std::vector<float> values = randomValues(spec.name, count, scale);
    if (!isMatrix)
      for (float &value : values)
        value += 1.0f;
    if (Error error = writer->writeFloats(spec.name, values))
      return error;
  }
  return writer->commit();
}

static std::vector<TensorSpec> modelTensors(const Shape &shape) {
  DType type = shape["bf16"] ? DType::BF16 : DType::F32;
  int64_t hidden = shape["hidden"], headDim = hidden / shape["heads"];
  int64_t keys = shape["kv-heads"] * headDim, wide = shape["intermediate"];
  std::vector<TensorSpec> specs;
  auto add = [&](const std::string &name, std::vector<int64_t> sizes) {
    specs.push_back({name + ".weight", type, std::move(sizes)});
  };
  add("model.embed_tokens", {shape["vocab"], hidden});
  add("model.norm", {hidden});
  add("lm_head", {shape["vocab"], hidden});
  for (int64_t i = 0; i < shape["layers"]; ++i) {
    std::string layer = "model.layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm", {hidden});
    add(layer + "post_attention_layernorm", {hidden});
    add(layer + "self_attn.q_proj", {hidden, hidden});
    add(layer + "self_attn.k_proj", {keys, hidden});
    add(layer + "self_attn.v_proj", {keys, hidden});
    add(layer + "self_attn.o_proj", {hidden, hidden});
    add(layer + "mlp.gate_proj", {wide, hidden});
    add(layer + "mlp.up_proj", {wide, hidden});
    add(layer + "mlp.down_proj", {hidden, wide});
  }
  return specs;
}

static std::vector<TensorSpec> adapterTensors(const Shape &shape) {
  int64_t hidden = shape["hidden"], rank = shape["rank"];
  int64_t keys = shape["kv-heads"] * (hidden / shape["heads"]);
  std::vector<TensorSpec> specs;
  for (int64_t i = 0; i < shape["layers"]; ++i)
    for (const char *target : {"q_proj", "v_proj"}) {
      std::string path = "base_model.model.model.layers." + std::to_string(i) +
                         ".self_attn." + target;
      int64_t out = target[0] == 'q' ? hidden : keys;
      specs.push_back({path + ".lora_A.weight", DType::F32, {rank, hidden}});
      specs.push_back({path + ".lora_B.weight", DType::F32, {out, rank}});
    }
  return specs;
}

static nlohmann::json modelConfig(const Shape &shape) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_act", "silu"},
          {"hidden_size", shape["hidden"]},
          {"intermediate_size", shape["intermediate"]},
          {"max_position_embeddings", shape["positions"]},
          {"num_attention_heads", shape["heads"]},
          {"num_hidden_layers", shape["layers"]},
          {"num_key_value_heads", shape["kv-heads"]},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"tie_word_embeddings", false},
          {"vocab_size", shape["vocab"]}};
}

static nlohmann::json adapterConfig(const Shape &shape) {
  return {
      {"peft_type", "LORA"},       {"task_type", "CAUSAL_LM"},
      {"r", shape["rank"]},        {"lora_alpha", 2 * shape["rank"] + 1},
      {"lora_dropout", 0.0},       {"bias", "none"},
      {"init_lora_weights", true}, {"target_modules", {"q_proj", "v_proj"}}};
}

static bool report(Error error) {
  if (error)
    std::cerr << "make-checkpoint: error: " << error.message() << "\n";
  return bool(error);
}

int main(int argc, char **argv) {
  Shape shape;
  if (argc < 2 || argc % 2 != 0 || argv[1][0] == '-') {
    std::cerr << usage;
    return argc == 2 && std::string_view(argv[1]) == "--help" ? 0 : 2;
  }
  for (int i = 2; i < argc; i += 2) {
    std::string name = argv[i];
    auto entry = shape.values.find(name.substr(name.find_first_not_of('-')));
    if (entry == shape.values.end()) {
      std::cerr << "make-checkpoint: error: unknown option '" << name << "'\n";
      return 2;
    }
    entry->second = std::atoll(argv[i + 1]);
  }
  std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder / "model");
  std::filesystem::create_directories(folder / "adapter");
  if (report(writeTensors(folder / "model" / "model.safetensors",
                          modelTensors(shape))) ||
      report(writeTensors(folder / "adapter" / "adapter_model.safetensors",
                          adapterTensors(shape))))
    return 1;
  std::ofstream(folder / "model" / "config.json")
      << modelConfig(shape).dump(2) << "\n";
  std::ofstream(folder / "adapter" / "adapter_config.json")
      << adapterConfig(shape).dump(2) << "\n";
  return 0;
}
