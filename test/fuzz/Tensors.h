//===- Tensors.h - Safetensors files from short descriptions ----*- C++ -*-===//

#ifndef LORA_TEST_FUZZ_TENSORS_H
#define LORA_TEST_FUZZ_TENSORS_H

#include "JsonMutator.h"
#include "lora-runtime/Numeric.h"

#include <cstring>

namespace fuzz {

/// Gives each entry {dtype, shape} of a header the next place in the data, as
/// far as it makes sense and as long as `limit` bytes last; returns the bytes
/// of data.
inline uint64_t layOut(Json &header, uint64_t limit) {
  uint64_t offset = 0;
  if (!header.is_object())
    return 0;
  for (auto &[name, entry] : header.items()) {
    if (name == "__metadata__" || !entry.is_object() ||
        !entry.contains("dtype") || !entry["dtype"].is_string() ||
        !entry.contains("shape") || !entry["shape"].is_array())
      continue;
    auto type =
        lora_rt::parseSafetensorsName(entry["dtype"].get<std::string>());
    uint64_t bytes = type ? lora_rt::sizeOf(*type) : limit + 1;
    for (const Json &extent : entry["shape"])
      if (!extent.is_number_unsigned() ||
          __builtin_mul_overflow(bytes, extent.get<uint64_t>(), &bytes))
        bytes = limit + 1;
    if (bytes > limit - offset)
      continue;
    entry["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
  }
  return offset;
}

/// A file with this header.
inline std::string safetensors(const std::string &header,
                               std::string_view data) {
  uint64_t size = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &size, 8);
  file += header;
  file += data;
  return file;
}

/// A file with the tensors that `header` describes, places left out, full of
/// zeros.
inline std::string safetensors(Json header) {
  uint64_t bytes = layOut(header, /*limit=*/1 << 16);
  return safetensors(print(header), std::string(bytes, '\0'));
}

} // namespace fuzz

#endif // LORA_TEST_FUZZ_TENSORS_H
