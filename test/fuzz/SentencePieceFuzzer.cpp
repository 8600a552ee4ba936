//===- SentencePieceFuzzer.cpp - Any bytes may come as tokenizer.model ----===//

#include "Check.h"
#include "lora-runtime/Tokenizer.h"

using namespace lora_rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Expected<Tokenizer> tokenizer = Tokenizer::fromSentencePiece(bytes, "fuzz");
  if (!tokenizer) {
    CHECK(tokenizer.message().starts_with("fuzz"));
    return 0;
  }
  for (std::string_view text :
       {std::string_view("  All human\tbeings \u00e9\u0301 \xff\u6f22 </s>"),
        bytes.substr(0, 100)}) {
    Expected<TextEncoding> found =
        tokenizer->encode(text, {.wantsOffsets = true});
    if (!found)
      continue;
    CHECK(found->offsets.size() == found->ids.size());
    CHECK(tokenizer->decode(found->ids));
  }
  return 0;
}
