//===- CheckpointFuzzer.cpp - Index and shards that disagree --------------===//
//
// The input describes a folder: {"index": JSON of the index, or its text,
// "files": {name: header without offsets}}.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Tensors.h"
#include "lora-runtime/Checkpoint.h"

#include <set>

static constexpr const char *words[] = {"index",
                                        "files",
                                        "weight_map",
                                        "metadata",
                                        "total_size",
                                        "dtype",
                                        "shape",
                                        "F32",
                                        "a",
                                        "b",
                                        "c",
                                        "1.safetensors",
                                        "2.safetensors",
                                        "model.safetensors",
                                        "..",
                                        "x/y"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::Folder folder;
  static std::set<std::string> written;
  fuzz::Json input = fuzz::parse({reinterpret_cast<const char *>(data), size});
  if (!input.is_object())
    return 0;
  for (const std::string &file : written)
    folder.remove(file);
  written.clear();
  auto write = [&](const std::string &name, std::string_view bytes) {
    folder.write(name, bytes);
    written.insert(name);
  };
  if (input.contains("index"))
    write("model.safetensors.index.json",
          input["index"].is_string() ? input["index"].get<std::string>()
                                     : fuzz::print(input["index"]));
  size_t tensors = 0;
  if (input.contains("files") && input["files"].is_object())
    for (const auto &[name, header] : input["files"].items()) {
      // The name must be that of one file in this folder.
      if (name.empty() || name.size() > 64 || name[0] == '.' ||
          name.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
        continue;
      if (header.is_object())
        tensors += header.size();
      write(name, fuzz::safetensors(header));
    }
  auto checkpoint = lora_rt::Checkpoint::open(folder.path());
  if (!checkpoint) {
    CHECK(checkpoint.message().starts_with(folder.path()));
    return 0;
  }
  CHECK(checkpoint->size() <= tensors);
  for (std::string_view name : checkpoint->names()) {
    const lora_rt::TensorView *tensor = checkpoint->find(name);
    CHECK(tensor && tensor->name == name);
    CHECK(written.count(
        std::filesystem::path(checkpoint->fileOf(name)).filename().string()));
    // Every byte can be read.
    CHECK(!lora_rt::checkFinite(*tensor, checkpoint->fileOf(name)));
  }
  return 0;
}
