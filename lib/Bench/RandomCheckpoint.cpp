//===- RandomCheckpoint.cpp - Models and adapters of random numbers -------===//
//
// Writes a model folder and an adapter folder from a config.json alone: the
// tensors that the importer expects, with numbers that depend only on the seed,
// the tensor's name and the position. So two machines make the same files.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "Json.h"
#include "WorkFolder.h"
#include "lora-mlir/Import/CheckpointTensors.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/Safetensors.h"
#include "lora-runtime/Thread.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <thread>

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

using Kind = CheckpointTensor::Kind;
namespace fs = std::filesystem;

namespace {

/// A tensor to be written, and the distribution of its numbers.
struct RandomTensor {
  TensorSpec spec;
  float mean, deviation;

  uint64_t elements() const {
    uint64_t count = 1;
    for (int64_t extent : spec.shape)
      count *= uint64_t(extent);
    return count;
  }
  uint64_t bytes() const { return elements() * sizeOf(spec.dtype); }
};

/// Writes the tensors of one file in pieces that fit the caches, on all cores.
class TensorWriter {
public:
  TensorWriter(uint64_t seed)
      : seed(seed), threads(std::max(1u, std::thread::hardware_concurrency())),
        buffer(threads * piece * sizeof(float)) {}

  Error writeFile(const std::string &path,
                  std::span<const RandomTensor> tensors) {
    std::vector<TensorSpec> specs;
    for (const RandomTensor &tensor : tensors)
      specs.push_back(tensor.spec);
    Expected<SafetensorsWriter> writer =
        SafetensorsWriter::create(path, std::move(specs));
    if (!writer)
      return writer.takeError();
    for (const RandomTensor &tensor : tensors)
      if (Error error = write(*writer, tensor))
        return error;
    return writer->commit();
  }

private:
  static constexpr uint64_t piece = 1 << 19;

  Error write(SafetensorsWriter &writer, const RandomTensor &tensor) {
    uint64_t width = sizeOf(tensor.spec.dtype), count = tensor.elements();
    for (uint64_t first = 0; first < count; first += threads * piece) {
      uint64_t here = std::min<uint64_t>(threads * piece, count - first);
      std::vector<Thread> helpers;
      for (uint64_t at = piece; at < here; at += piece) {
        auto fillPiece = [&, at] {
          fill(tensor, first + at, std::min(piece, here - at),
               buffer.data() + at * width);
        };
        if (auto helper = Thread::start(fillPiece))
          helpers.push_back(std::move(*helper));
        else
          fillPiece();
      }
      fill(tensor, first, std::min(piece, here), buffer.data());
      for (Thread &helper : helpers)
        helper.join();
      if (Error error = writer.write(tensor.spec.name,
                                     std::span(buffer).first(here * width),
                                     first * width))
        return error;
    }
    return Error::success();
  }

  void fill(const RandomTensor &tensor, uint64_t first, uint64_t count,
            std::byte *target) const {
    std::vector<float> values(count);
    fillRandom(seed, tensor.spec.name, first, tensor.mean, tensor.deviation,
               values);
    // The types are floating-point types, whose conversion cannot fail.
    (void)bool(
        convert(DType::F32, values.data(), tensor.spec.dtype, target, count));
  }

  uint64_t seed;
  uint64_t threads;
  std::vector<std::byte> buffer;
};

RandomTensor modelTensor(const CheckpointTensor &tensor, DType dtype) {
  float mean = tensor.kind == Kind::Norm ? 1.0f : 0.0f;
  // The standard deviation is the `initializer_range` of nearly every model.
  return {{tensor.name, dtype, tensor.shape}, mean, 0.02f};
}

/// Makes the folder, or accepts an empty one.
Error makeFolder(const fs::path &folder) {
  std::error_code code;
  if (fs::exists(folder, code) &&
      !(fs::is_directory(folder, code) && fs::is_empty(folder, code)))
    return makeError(ErrorCode::InvalidArgument, folder.string(),
                     ": is there already; give a new folder, or remove it");
  fs::create_directories(folder, code);
  if (code)
    return makeError(ErrorCode::System, folder.string(),
                     ": cannot be made a folder: ", code.message());
  return Error::success();
}

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GB", double(bytes) * 1e-9);
  return text;
}

} // namespace

/// The type that the config.json names; F32 if it names none.
static Expected<DType> chooseType(const OrderedJson &config,
                                  const CheckpointOptions &options) {
  if (options.dtype)
    return *options.dtype;
  for (const char *key : {"dtype", "torch_dtype"}) {
    if (!config.contains(key) || !config[key].is_string())
      continue;
    std::string name = config[key].get<std::string>();
    for (auto [text, type] :
         {std::pair("float32", DType::F32), std::pair("bfloat16", DType::BF16),
          std::pair("float16", DType::F16)})
      if (name == text)
        return type;
    return makeError(ErrorCode::Unsupported, options.where, ": ", key, " = '",
                     name, "'; choose a type of your own: --dtype");
  }
  return DType::F32;
}

/// transformers' name of a type.
static const char *torchName(DType type) {
  return type == DType::F32    ? "float32"
         : type == DType::BF16 ? "bfloat16"
                               : "float16";
}

static Error writeModel(const CheckpointOptions &options, OrderedJson config,
                        DType dtype, const std::vector<RandomTensor> &tensors,
                        CheckpointFacts &facts) {
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = torchName(dtype);
  if (Error error = writeTextFile(facts.modelFolder + "/config.json",
                                  config.dump(2) + "\n"))
    return error;
  std::vector<std::vector<RandomTensor>> shards(1);
  uint64_t bytes = 0;
  for (const RandomTensor &tensor : tensors) {
    if (bytes > 0 && bytes + tensor.bytes() > options.shardBytes) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.bytes();
    shards.back().push_back(tensor);
  }
  facts.shards = shards.size();
  TensorWriter writer(options.seed);
  OrderedJson index = {{"metadata", {{"total_size", facts.bytes}}},
                       {"weight_map", OrderedJson::object()}};
  for (size_t i = 0; i < shards.size(); ++i) {
    char name[64] = "model.safetensors";
    if (shards.size() > 1)
      std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors",
                    i + 1, shards.size());
    if (Error error =
            writer.writeFile(facts.modelFolder + "/" + name, shards[i]))
      return error;
    for (const RandomTensor &tensor : shards[i])
      index["weight_map"][tensor.spec.name] = name;
    if (options.progress && shards.size() > 1)
      options.progress("wrote " + std::string(name));
  }
  if (shards.size() == 1)
    return Error::success();
  return writeTextFile(facts.modelFolder + "/model.safetensors.index.json",
                       index.dump(2) + "\n");
}

/// The tensors of an adapter: A as PEFT initializes it, and B with small
/// values, as after a short training.
static std::vector<RandomTensor>
adapterTensors(const std::vector<CheckpointTensor> &model, int64_t rank) {
  std::vector<RandomTensor> tensors;
  for (const CheckpointTensor &tensor : model) {
    if (tensor.nameInLayer.empty() || !tensor.isMatrix())
      continue;
    std::string module = tensor.name.substr(0, tensor.name.rfind(".weight"));
    tensors.push_back({{peft::fileKey(module + ".lora_A.weight"),
                        DType::F32,
                        {rank, tensor.inputs()}},
                       0.0f,
                       1.0f / std::sqrt(3.0f * float(tensor.inputs()))});
    tensors.push_back({{peft::fileKey(module + ".lora_B.weight"),
                        DType::F32,
                        {tensor.outputs(), rank}},
                       0.0f,
                       0.01f});
  }
  return tensors;
}

static Error writeAdapter(const CheckpointOptions &options,
                          const ModelConfig &config,
                          const std::vector<CheckpointTensor> &model,
                          const std::vector<RandomTensor> &tensors,
                          const CheckpointFacts &facts) {
  std::set<std::string> targets;
  bool isConv1D = false;
  for (const CheckpointTensor &tensor : model) {
    if (tensor.nameInLayer.empty() || !tensor.isMatrix())
      continue;
    targets.insert(
        tensor.nameInLayer.substr(0, tensor.nameInLayer.rfind(".weight")));
    isConv1D |= tensor.kind == Kind::Conv1D;
  }
  OrderedJson json = {{"peft_type", "LORA"},
                      {"r", options.rank},
                      {"lora_alpha", 2 * options.rank},
                      {"lora_dropout", 0.0},
                      {"bias", "none"},
                      {"fan_in_fan_out", isConv1D},
                      {"init_lora_weights", true},
                      {"inference_mode", true},
                      {"base_model_name_or_path", facts.modelFolder},
                      {"target_modules", targets}};
  if (!config.isEncoder() && config.head == ModelHead::LanguageModel)
    json["task_type"] = "CAUSAL_LM";
  std::string path = facts.adapterFolder + "/adapter_config.json";
  Expected<peft::PeftConfig> parsed = peft::parsePeftConfig(json.dump(), path);
  if (!parsed)
    return parsed.takeError();
  if (Error error = writeTextFile(path, peft::writePeftConfig(*parsed)))
    return error;
  return TensorWriter(options.seed)
      .writeFile(facts.adapterFolder + "/adapter_model.safetensors", tensors);
}

Expected<CheckpointFacts>
lora::bench::writeRandomCheckpoint(const CheckpointOptions &options) {
  Expected<ModelConfig> config =
      parseModelConfig(options.config, options.where);
  if (!config)
    return config.takeError();
  // The text is parsed leniently, because parseModelConfig has checked it.
  auto json = OrderedJson::parse(options.config, nullptr, false);
  Expected<DType> dtype = chooseType(json, options);
  if (!dtype)
    return dtype.takeError();

  CheckpointFacts facts;
  fs::path folder = options.folder;
  std::vector<CheckpointTensor> model = checkpointTensors(*config);
  std::vector<RandomTensor> tensors, adapter;
  for (const CheckpointTensor &tensor : model) {
    tensors.push_back(modelTensor(tensor, *dtype));
    facts.parameters += tensor.elements();
    facts.bytes += tensors.back().bytes();
  }
  if (options.rank)
    adapter = adapterTensors(model, options.rank);
  uint64_t adapterBytes = 0;
  for (const RandomTensor &tensor : adapter) {
    facts.adapterParameters += int64_t(tensor.elements());
    adapterBytes += tensor.bytes();
  }
  facts.branches = int64_t(adapter.size() / 2);

  if (options.writesModel) {
    facts.modelFolder = (folder / "model").string();
    if (Error error = makeFolder(facts.modelFolder))
      return error;
  }
  if (options.rank) {
    facts.adapterFolder = (folder / "adapter").string();
    if (Error error = makeFolder(facts.adapterFolder))
      return error;
  }
  if (Error error =
          checkSpace(options.folder,
                     adapterBytes + (options.writesModel ? facts.bytes : 0)))
    return error;
  if (options.progress && options.writesModel)
    options.progress("writing " + std::to_string(tensors.size()) +
                     " tensors, " + gigabytes(facts.bytes) + ", to " +
                     facts.modelFolder);
  if (options.writesModel)
    if (Error error = writeModel(options, json, *dtype, tensors, facts))
      return error;
  if (options.rank)
    if (Error error = writeAdapter(options, *config, model, adapter, facts))
      return error;
  return facts;
}
