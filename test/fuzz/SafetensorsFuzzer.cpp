//===- SafetensorsFuzzer.cpp - Any bytes may come as a checkpoint ---------===//

#include "lora-runtime/Safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lora_rt::Expected<lora_rt::SafetensorsFile> file =
      lora_rt::SafetensorsFile::parse(std::as_bytes(std::span(data, size)),
                                      "fuzz");
  if (!file)
    return 0;
  // What was accepted can be read to the last byte.
  unsigned sum = 0;
  for (const lora_rt::TensorView &tensor : file->tensors())
    for (std::byte byte : tensor.bytes)
      sum += unsigned(byte);
  return sum == 1 ? 0 : 0;
}
