//===- text-tokens.cpp - Tokenizers on the command line -------------------===//
//
//   text-tokens TOKENIZER --serve     answers requests on standard input
//
// TOKENIZER is a model's folder, a tokenizer.json, or a sentencepiece .model.
//
// A request is 'E', flags (1: special tokens, 2: a pair), and one or two texts;
// or 'D', flags (1: without special tokens), and ids. A text or a list is its
// length and its bytes or numbers; all numbers have 32 bits. The answer to 'E'
// is lists of ids, type ids and offsets (begin, end), to 'D' the text. A
// failure is a length of 2^32 - 1 and a text.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/File.h"
#include "lora-runtime/Tokenizer.h"

#include <cstdio>
#include <filesystem>

using namespace lora_rt;

namespace {

Expected<Tokenizer> open(const std::string &path) {
  if (std::filesystem::is_directory(path))
    return Tokenizer::load(path);
  Expected<std::string> text = readTextFile(path, uint64_t(1) << 30);
  if (!text)
    return text.takeError();
  return path.ends_with(".model") ? Tokenizer::fromSentencePiece(*text, path)
                                  : Tokenizer::fromJson(*text, path);
}

int fail(const Error &error) {
  std::fprintf(stderr, "text-tokens: %s\n", error.message().c_str());
  return 1;
}

bool read(void *data, size_t bytes) {
  return std::fread(data, 1, bytes, stdin) == bytes;
}
bool readNumber(uint32_t &value) { return read(&value, sizeof value); }
bool readText(std::string &text) {
  uint32_t bytes = 0;
  if (!readNumber(bytes))
    return false;
  text.resize(bytes);
  return read(text.data(), bytes);
}

void writeNumber(uint32_t value) {
  std::fwrite(&value, sizeof value, 1, stdout);
}
void writeText(std::string_view text) {
  writeNumber(uint32_t(text.size()));
  std::fwrite(text.data(), 1, text.size(), stdout);
}
void writeFailure(const std::string &message) {
  writeNumber(UINT32_MAX);
  writeText(message);
}

void answerEncode(const Tokenizer &tokenizer, uint32_t flags,
                  const std::string &first, const std::string &second) {
  EncodeOptions options;
  options.addSpecialTokens = flags & 1;
  options.wantsOffsets = true;
  auto encode = [&] {
    return flags & 2 ? tokenizer.encode(first, second, options)
                     : tokenizer.encode(first, options);
  };
  Expected<TextEncoding> result = encode();
  if (!result)
    return writeFailure(result.message());
  options.wantsOffsets = false;
  Expected<TextEncoding> plain = encode();
  if (!plain || plain->ids != result->ids)
    return writeFailure("ids with and without offsets differ");
  writeNumber(uint32_t(result->ids.size()));
  std::fwrite(result->ids.data(), 4, result->ids.size(), stdout);
  std::fwrite(result->typeIds.data(), 4, result->typeIds.size(), stdout);
  std::fwrite(result->offsets.data(), 8, result->offsets.size(), stdout);
}

void answerDecode(const Tokenizer &tokenizer, uint32_t flags,
                  const std::vector<uint32_t> &ids) {
  Expected<std::string> text = tokenizer.decode(ids, flags & 1);
  if (!text)
    return writeFailure(text.message());
  TextStream stream = tokenizer.stream(flags & 1);
  std::string sum;
  for (size_t i = 0; i <= ids.size(); ++i) {
    std::string part = i < ids.size() ? stream.push(ids[i]) : stream.finish();
    // The sum is UTF-8, so a cut character has its end in a later part.
    if (!part.empty() && (part[0] & 0xc0) == 0x80)
      return writeFailure("a part of a stream begins inside of a character");
    sum += part;
  }
  if (sum != *text)
    return writeFailure("the texts of a stream and of decoding at once differ");
  writeText(*text);
}

int serve(const Tokenizer &tokenizer) {
  char kind;
  while (read(&kind, 1)) {
    uint32_t flags = 0, count = 0;
    std::string first, second;
    std::vector<uint32_t> ids;
    if (!readNumber(flags))
      return 1;
    if (kind == 'E') {
      if (!readText(first) || ((flags & 2) && !readText(second)))
        return 1;
      answerEncode(tokenizer, flags, first, second);
    } else {
      if (!readNumber(count))
        return 1;
      ids.resize(count);
      if (!read(ids.data(), 4 * size_t(count)))
        return 1;
      answerDecode(tokenizer, flags, ids);
    }
    // Requests arrive in batches; answers are flushed before it waits for the
    // next one.
    std::fflush(stdout);
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3 || std::string_view(argv[2]) != "--serve") {
    std::fprintf(stderr, "usage: text-tokens TOKENIZER --serve\n");
    return 1;
  }
  Expected<Tokenizer> tokenizer = open(argv[1]);
  if (!tokenizer)
    return fail(tokenizer.takeError());
  return serve(*tokenizer);
}
