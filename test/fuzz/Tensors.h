//===- Tensors.h - Safetensors from short descriptions ----------*- C++ -*-===//
//
// Makes files for fuzzers whose inputs have only names, types and shapes.
// Offsets are computed and the data is zero, so an input is some hundred bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_FUZZ_TENSORS_H
#define LORA_TEST_FUZZ_TENSORS_H

#include "JsonMutator.h"
#include "lora-runtime/Numeric.h"

#include <cstring>

namespace fuzz {

/// The bytes of an object with `dtype` and `shape`; UINT64_MAX if it has none
/// of them, or if they do not fit. `parseName` knows the names of types.
template <typename ParseName>
uint64_t bytesOf(const Json &entry, ParseName parseName) {
  constexpr uint64_t none = UINT64_MAX;
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry["shape"].is_array())
    return none;
  auto type = parseName(entry["dtype"].get<std::string>());
  uint64_t bytes = type ? lora_rt::sizeOf(*type) : none;
  for (const Json &extent : entry["shape"])
    if (!extent.is_number_unsigned() || bytes == none ||
        __builtin_mul_overflow(bytes, extent.get<uint64_t>(), &bytes))
      return none;
  return bytes;
}

/// Gives each entry {dtype, shape} of a header the next offsets in the data.
/// Entries without a size are left out, and so are those beyond `limit` bytes.
/// Returns the number of bytes of data.
inline uint64_t layOut(Json &header, uint64_t limit) {
  uint64_t offset = 0;
  if (!header.is_object())
    return 0;
  for (auto &[name, entry] : header.items()) {
    uint64_t bytes = name == "__metadata__"
                         ? UINT64_MAX
                         : bytesOf(entry, lora_rt::parseSafetensorsName);
    if (bytes > limit - offset)
      continue;
    entry["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
  }
  return offset;
}

/// A file with this header and this data.
inline std::string safetensors(const std::string &header,
                               std::string_view data) {
  uint64_t size = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &size, 8);
  file += header;
  file += data;
  return file;
}

/// A file with the tensors that `header` describes without offsets. All data is
/// zero.
inline std::string safetensors(Json header) {
  uint64_t bytes = layOut(header, /*limit=*/1 << 16);
  return safetensors(print(header), std::string(bytes, '\0'));
}

} // namespace fuzz

#endif // LORA_TEST_FUZZ_TENSORS_H
