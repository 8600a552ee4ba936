//===- make-adapter.cpp - Adapter folders of any shape for tests ----------===//
//
// Writes adapter_config.json and adapter_model.safetensors for tests of an
// adapter's names, shapes and settings. The numbers depend only on the tensors'
// names.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Safetensors.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

using namespace lora_rt;

static constexpr const char *usage =
    R"(Usage: make-adapter DIR CONFIG [NAME=SIZExSIZE...]

Writes DIR/adapter_config.json, CONFIG being the text between its braces ("peft_type" is added), and DIR/adapter_model.safetensors with a
random F32 tensor per NAME, to which "base_model.model." is added.

Example: make-adapter /tmp/a '"r": 2, "target_modules": ["q"]' q.lora_A.weight=2x6 q.lora_B.weight=4x2
)";

/// Uniform in (-1, 1), from a counter that starts at the name's hash
/// (splitmix64).
static std::vector<float> randomValues(const std::string &name, int64_t count) {
  uint64_t state = 0xcbf29ce484222325u;
  for (unsigned char character : name)
    state = (state ^ character) * 0x100000001b3u;
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    value = float(z >> 40) / float(1 << 23) - 1.0f;
  }
  return values;
}

static int fail(const std::string &message) {
  std::cerr << "make-adapter: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    std::cerr << usage;
    return 1;
  }
  std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  auto config =
      nlohmann::ordered_json::parse(std::string("{\"peft_type\": \"LORA\"") +
                                        (*argv[2] ? ", " : "") + argv[2] + "}",
                                    nullptr, /*allow_exceptions=*/false);
  if (config.is_discarded())
    return fail(std::string("not JSON: ") + argv[2]);
  std::ofstream(folder / "adapter_config.json") << config.dump(2);

  std::vector<TensorSpec> specs;
  for (int i = 3; i < argc; ++i) {
    std::string text = argv[i];
    size_t equals = text.find('=');
    if (equals == std::string::npos)
      return fail("expected NAME=SIZExSIZE, but got " + text);
    std::vector<int64_t> shape;
    for (size_t at = equals; at != std::string::npos; at = text.find('x', at))
      shape.push_back(std::atoll(text.c_str() + ++at));
    specs.push_back(
        {"base_model.model." + text.substr(0, equals), DType::F32, shape});
  }
  auto writer = SafetensorsWriter::create(
      (folder / "adapter_model.safetensors").string(), specs);
  if (!writer)
    return fail(writer.message());
  for (const TensorSpec &spec : specs) {
    int64_t count = 1;
    for (int64_t size : spec.shape)
      count *= size;
    if (Error error =
            writer->writeFloats(spec.name, randomValues(spec.name, count)))
      return fail(error.message());
  }
  if (Error error = writer->commit())
    return fail(error.message());
  return 0;
}
