//===- ManifestFuzzer.cpp - Any text may come as a manifest ---------------===//

#include "lora-runtime/Manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lora_rt::Expected<lora_rt::Manifest> manifest = lora_rt::Manifest::parse(
      {reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!manifest)
    return 0;
  // Sizes that were accepted can be computed with.
  (void)manifest->regionElements();
  for (const lora_rt::Manifest::State &state : manifest->states)
    (void)state.bytes(4097);
  for (const lora_rt::Manifest::Primitive &primitive : manifest->primitives)
    (void)lora_rt::withLayout(primitive, "plain");
  return 0;
}
