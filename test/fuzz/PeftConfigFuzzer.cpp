//===- PeftConfigFuzzer.cpp - Any text may come as adapter_config.json ----===//

#include "lora-mlir/Import/PeftAdapter.h"

using namespace lora::peft;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto config =
      parsePeftConfig({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!config)
    return 0;
  // What was accepted can be applied and written.
  const ModuleInfo modules[] = {
      {"model.layers.0.self_attn.q_proj", ModuleKind::Linear},
      {"lm_head", ModuleKind::OutputEmbedding}};
  (void)selectTargets(*config, modules, {"q_proj"});
  (void)parsePeftConfig(writePeftConfig(*config), "written");
  return 0;
}
