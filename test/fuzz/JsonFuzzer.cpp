//===- JsonFuzzer.cpp - Any text may come as JSON -------------------------===//
//
// A text is accepted if the JSON library accepts it and it keeps to the limits;
// the values are then the same.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Json.h"
#include "JsonMutator.h"

static constexpr const char *words[] = {"a", "b", "\\u0000", "key"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  if (seed % 2)
    return LLVMFuzzerMutate(data, size, maxSize);
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  lora_rt::Expected<lora_rt::Json> value = lora_rt::parseJson(text, "fuzz");
  lora_rt::Json expected =
      lora_rt::Json::parse(text.begin(), text.end(), nullptr,
                           /*allow_exceptions=*/false);
  if (!value) {
    bool isLimit = value.message().find("stands twice") != std::string::npos ||
                   value.message().find("deeper than") != std::string::npos ||
                   value.message().find("more than") != std::string::npos;
    // The library takes a zero byte as the end of the text.
    CHECK(isLimit || expected.is_discarded() ||
          text.find('\0') != std::string_view::npos);
    CHECK(value.message().find("not valid JSON at line") != std::string::npos ||
          isLimit);
    return 0;
  }
  CHECK(!expected.is_discarded() && *value == expected);
  std::string written =
      value->dump(-1, ' ', false, lora_rt::Json::error_handler_t::replace);
  lora_rt::Expected<lora_rt::Json> again =
      lora_rt::parseJson(written, "written");
  CHECK(again && *again == *value);
  return 0;
}
