//===- ModelFolder.cpp - Writing a Hugging Face folder --------------------===//
//
// Writes the shards, their index and config.json of a new model folder. Tensors
// come from a callback one at a time. The folder's StagedFolder makes it appear
// when it is complete.
//
//===----------------------------------------------------------------------===//

#include "ModelFolder.h"
#include "Json.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <tuple>
#include <xxhash.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::OrderedJson;
namespace fs = std::filesystem;

std::vector<OutputTensor>
lora::listTensors(const lora_rt::Checkpoint &checkpoint) {
  std::vector<OutputTensor> tensors;
  for (std::string_view name : checkpoint.names()) {
    const lora_rt::TensorView &view = *checkpoint.find(name);
    tensors.push_back({{view.name, view.dtype, view.shape},
                       fs::path(checkpoint.fileOf(name)).filename().string()});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const OutputTensor &a, const OutputTensor &b) {
              return std::tie(a.file, a.spec.name) <
                     std::tie(b.file, b.spec.name);
            });
  return tensors;
}

unsigned lora::modeOfWeights(const lora_rt::Checkpoint &checkpoint) {
  std::set<std::string> files;
  for (std::string_view name : checkpoint.names())
    files.emplace(checkpoint.fileOf(name));
  unsigned mode = 0666;
  for (const std::string &file : files)
    mode &= modeOfCopy(file);
  return mode;
}

Error lora::writeShards(
    const StagedFolder &folder, std::vector<OutputTensor> tensors,
    const Producer &produce, unsigned mode,
    const std::function<void(const std::string &)> &progress) {
  std::map<std::string, std::vector<const OutputTensor *>> shards;
  uint64_t total = 0, parameters = 0, done = 0;
  for (const OutputTensor &tensor : tensors) {
    shards[tensor.file].push_back(&tensor);
    uint64_t elements = 1;
    for (int64_t extent : tensor.spec.shape)
      elements *= uint64_t(extent);
    parameters += elements;
    total += elements * lora_rt::sizeOf(tensor.spec.dtype);
  }
  OrderedJson map = OrderedJson::object();
  using Clock = std::chrono::steady_clock;
  Clock::time_point last = Clock::now();
  for (const auto &[file, members] : shards) {
    std::vector<lora_rt::TensorSpec> specs;
    for (const OutputTensor *tensor : members)
      specs.push_back(tensor->spec);
    auto writer =
        lora_rt::SafetensorsWriter::create(folder.pathOf(file), specs);
    if (!writer)
      return writer.takeError();
    for (const OutputTensor *tensor : members) {
      auto bytes = produce(*tensor);
      if (!bytes)
        return bytes.takeError();
      if (Error error = writer->write(tensor->spec.name, *bytes))
        return error;
      done += bytes->size();
      if (progress && Clock::now() - last > std::chrono::seconds(2)) {
        last = Clock::now();
        progress("wrote " + std::to_string(done >> 20) + " of " +
                 std::to_string(total >> 20) + " MiB");
      }
    }
    if (Error error = writer->commit())
      return error;
    if (Error error = folder.limitMode(file, mode))
      return error;
  }
  if (shards.size() == 1 && shards.begin()->first == "model.safetensors")
    return Error::success();
  std::map<std::string, std::string> sorted;
  for (const OutputTensor &tensor : tensors)
    sorted[tensor.spec.name] = tensor.file;
  for (const auto &[name, file] : sorted)
    map[name] = file;
  OrderedJson index;
  index["metadata"]["total_parameters"] = parameters;
  index["metadata"]["total_size"] = total;
  index["weight_map"] = std::move(map);
  return folder.writeText("model.safetensors.index.json", index.dump(2) + "\n",
                          mode);
}

Expected<std::string>
lora::editConfig(const std::string &text, const std::string &where,
                 const std::map<std::string, std::string> &values) {
  // The other parser has checked duplicate keys and depth already.
  auto checked = lora_rt::parseJson(text, where);
  if (!checked)
    return checked.takeError();
  if (values.empty())
    return text;
  OrderedJson json =
      OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  for (const auto &[key, value] : values)
    json[key] = OrderedJson::parse(value);
  return json.dump(2) + "\n";
}

std::string lora::checksum(std::span<const std::byte> bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return llvm::toHex(
      llvm::ArrayRef<uint8_t>(canonical.digest, sizeof(canonical.digest)),
      /*LowerCase=*/true);
}
