//===- damage-safetensors.cpp - Wrong checkpoints for tests ---------------===//
//
// Copies a safetensors file and changes one thing in it. Nothing is checked,
// because the result is meant to be wrong.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Safetensors.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

using namespace lora_rt;

static constexpr const char *usage =
    R"(Usage: damage-safetensors IN.safetensors OUT.safetensors CHANGE

CHANGE is one of

  header FROM TO           replaces the first FROM in the header, which keeps its right length
  length N                 writes N as the length of the header
  nest N                   adds a tensor whose value is N lists inside each other
  set TENSOR INDEX VALUE   writes VALUE (nan, inf or a number) as an element, counted from 0, of an F32, F16 or BF16 tensor

Example: damage-safetensors model.safetensors nan.safetensors set lm_head.weight 5 nan
)";

static int fail(const std::string &message) {
  std::cerr << "damage-safetensors: error: " << message << "\n";
  return 1;
}

static int write(const std::string &path, uint64_t length,
                 const std::string &header, const std::string &data) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), 8);
  file << header << data;
  file.close();
  return file ? 0 : fail(path + ": cannot be written");
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 4) {
    std::cerr << usage;
    return 2;
  }
  const std::string &change = arguments[2];
  Expected<std::string> bytes = readTextFile(arguments[0]);
  if (!bytes)
    return fail(bytes.message());
  uint64_t length;
  std::memcpy(&length, bytes->data(), 8);
  std::string header = bytes->substr(8, length),
              data = bytes->substr(8 + length);

  if (change == "length")
    return write(arguments[1], std::strtoull(arguments[3].c_str(), nullptr, 10),
                 header, data);
  if (change == "nest") {
    size_t levels = std::strtoull(arguments[3].c_str(), nullptr, 10);
    header.insert(1, "\"nested\":" + std::string(levels, '[') +
                         std::string(levels, ']') + ",");
    return write(arguments[1], header.size(), header, data);
  }
  if (change == "header" && arguments.size() == 5) {
    size_t place = header.find(arguments[3]);
    if (place == std::string::npos)
      return fail("the header has no '" + arguments[3] + "'");
    header.replace(place, arguments[3].size(), arguments[4]);
    return write(arguments[1], header.size(), header, data);
  }
  if (change == "set" && arguments.size() == 6) {
    Expected<SafetensorsFile> file = SafetensorsFile::open(arguments[0]);
    if (!file)
      return fail(file.message());
    Expected<const TensorView *> tensor = file->get(arguments[3]);
    if (!tensor)
      return fail(tensor.message());
    size_t index = std::strtoull(arguments[4].c_str(), nullptr, 10),
           size = sizeOf((*tensor)->dtype);
    if (int64_t(index) >= (*tensor)->elements())
      return fail("there are fewer elements");
    float value = std::strtof(arguments[5].c_str(), nullptr);
    char element[8];
    if (Error error = convert(DType::F32, &value, (*tensor)->dtype, element, 1))
      return fail(error.message());
    const std::byte *start = file->tensors().front().bytes.data();
    size_t place = size_t((*tensor)->bytes.data() - start) + index * size;
    data.replace(place, size, element, size);
    return write(arguments[1], length, header, data);
  }
  std::cerr << usage;
  return 2;
}
