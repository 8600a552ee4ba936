//===- SafetensorsFuzzer.cpp - Any bytes as a checkpoint ------------------===//
//
// The mutator changes the header as JSON, mostly writes its right length, and
// often gives the tensors new offsets, so that the code after these checks is
// tested. A file that is accepted is compared with the format.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Tensors.h"
#include "lora-runtime/Checkpoint.h"

static constexpr const char *words[] = {
    "__metadata__", "dtype",   "shape",   "data_offsets", "format", "pt",
    "F64",          "F32",     "F16",     "BF16",         "I64",    "U8",
    "BOOL",         "F8_E4M3", "F8_E5M2", "I16",          "U16",    "I32",
    "U32",          "U64",     "weight"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  uint64_t length = 0;
  if (size >= 8)
    std::memcpy(&length, data, 8);
  if (seed % 8 == 0 || size < 8 || length > size - 8 || maxSize < 64)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string file(reinterpret_cast<const char *>(data), size);
  std::string header = file.substr(8, length), values = file.substr(8 + length);
  fuzz::JsonMutator mutator(seed, words);
  header = mutator.mutate(header, maxSize - 8);
  if (mutator.pick(2)) {
    fuzz::Json json = fuzz::parse(header);
    if (!json.is_discarded()) {
      values.resize(fuzz::layOut(json, 4096), '\1');
      header = fuzz::print(json);
    }
  }
  // Spaces at the end belong to the header.
  header.append(mutator.pick(4) ? 0 : mutator.pick(9), ' ');
  std::string result = fuzz::safetensors(header, values);
  if (mutator.pick(16) == 0)
    result[mutator.pick(8)] ^= char(1 << mutator.pick(8));
  result.resize(std::min(result.size(), maxSize));
  std::copy(result.begin(), result.end(), data);
  return result.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  lora_rt::Expected<lora_rt::SafetensorsFile> file =
      lora_rt::SafetensorsFile::parse(bytes, "fuzz");
  if (!file) {
    CHECK(file.message().starts_with("fuzz: "));
    return 0;
  }
  // Tensors fill the data without gaps, each with as many bytes as its shape
  // needs.
  uint64_t header;
  std::memcpy(&header, data, 8);
  const std::byte *next = bytes.data() + 8 + header;
  size_t finite = 0;
  for (const lora_rt::TensorView &tensor : file->tensors()) {
    CHECK(tensor.bytes.data() == next);
    next += tensor.bytes.size();
    uint64_t elements = 1;
    for (int64_t extent : tensor.shape)
      elements *= uint64_t(extent);
    CHECK(tensor.bytes.size() == elements * lora_rt::sizeOf(tensor.dtype));
    CHECK(file->find(tensor.name) == &tensor);
    finite += !lora_rt::checkFinite(tensor, "fuzz");
    CHECK(!file->get(tensor.name + "x") || file->find(tensor.name + "x"));
  }
  CHECK(next == bytes.data() + size);
  CHECK(finite <= file->tensors().size());
  return 0;
}
