//===- TokenizerFuzzer.cpp - Any tokenizer.json may come, and any text ----===//
//
// An input is {"tokenizer": a tokenizer.json, "text": TEXT}. If it is accepted,
// all variants must give the same ids: with and without offsets, stored or not.
// Decoding all ids together and one by one must give the same text.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/Tokenizer.h"

#include <cstring>

using namespace lora_rt;

static constexpr const char *words[] = {
    "type",        "BPE",        "WordPiece",   "Unigram",
    "WordLevel",   "ByteLevel",  "Metaspace",   "Split",
    "Sequence",    "NFC",        "NFKD",        "Replace",
    "Precompiled", "Strip",      "Fuse",        "ByteFallback",
    "Regex",       "String",     "[a-z&&[^b]]", "(?i:a)|\\s+(?!\\S)",
    "(a+)+",       "\\p{Han}+",  "Isolated",    "MergedWithPrevious",
    "Contiguous",  "Removed",    "CTC",         "BertNormalizer",
    "Digits",      "Whitespace", "content",     "vocab",
    "normalized",  "lstrip",     "rstrip",      "single_word"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

static void checkText(const Tokenizer &tokenizer, const Tokenizer &stored,
                      std::string_view text) {
  Expected<TextEncoding> found = tokenizer.encode(text, {.wantsOffsets = true});
  Expected<TextEncoding> plain = tokenizer.encode(text);
  Expected<TextEncoding> again = stored.encode(text);
  if (!found)
    return;
  CHECK(plain && again);
  CHECK(found->ids == plain->ids && found->ids == again->ids);
  size_t count = found->ids.size();
  CHECK(found->offsets.size() == count && found->typeIds.size() == count &&
        found->isAdded.size() == count && found->textOf.size() == count);
  for (TextRange range : found->offsets)
    CHECK(range.end <= text.size() && range.begin <= text.size());
  for (bool skips : {false, true}) {
    Expected<std::string> decoded = tokenizer.decode(found->ids, skips);
    CHECK(decoded);
    TextStream stream = stored.stream(skips);
    std::string all;
    for (uint32_t id : found->ids)
      all += stream.push(id);
    CHECK(all + stream.finish() == *decoded);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Json input =
      fuzz::parse(std::string_view(reinterpret_cast<const char *>(data), size));
  if (!input.is_object() || !input.contains("tokenizer"))
    return 0;
  std::string text;
  if (input.contains("text") && input["text"].is_string())
    text = input["text"].get<std::string>();
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(fuzz::print(input["tokenizer"]), "fuzz");
  if (!tokenizer) {
    CHECK(tokenizer.message().starts_with("fuzz"));
    return 0;
  }
  std::string bytes = tokenizer->store();
  std::vector<uint64_t> place((bytes.size() + 7) / 8);
  std::memcpy(place.data(), bytes.data(), bytes.size());
  Expected<Tokenizer> stored = Tokenizer::fromStored(
      {reinterpret_cast<const std::byte *>(place.data()), bytes.size()},
      "stored");
  CHECK(stored);
  checkText(*tokenizer, *stored, text);
  checkText(*tokenizer, *stored,
            "a b\n\xff \u00e9\u0301\u6f22\xf0\x9f\x98\x80 <s>");
  return 0;
}
