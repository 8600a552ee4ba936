//===- payload-part.cpp - Takes a part out of a compiled file -------------===//
//
// For tests that look at the native code or the manifest of a compiled file, or
// that need a file without a part or with another one in its place.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Payload.h"

#include <iostream>
#include <optional>
#include <string_view>

using namespace lora_rt;

static int fail(const std::string &message) {
  std::cerr << "payload-part: error: " << message << "\n";
  return 1;
}

/// Writes the file again without a part, or with the contents of a file as that
/// part. The checksums fit what is written.
static int rewrite(const Payload &payload, std::string_view name,
                   std::optional<std::string> content,
                   const std::string &output) {
  std::optional<MappedFile> replacement;
  if (content) {
    auto file = MappedFile::open(*content);
    if (!file)
      return fail(file.message());
    replacement = std::move(*file);
  }
  auto writer = PayloadWriter::createLike(output, payload);
  if (!writer)
    return fail(writer.message());
  for (const Payload::Part &part : payload.parts()) {
    if (part.name == programPart)
      continue; // The writer adds the program.
    bool isNamed = part.name == name;
    if (isNamed && !replacement)
      continue;
    if (Error error = writer->addPart(part.name, isNamed ? replacement->bytes()
                                                         : payload.bytes(part)))
      return fail(error.message());
  }
  if (Error error = writer->commit())
    return fail(error.message());
  return 0;
}

int main(int argc, char **argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  bool without = words.size() == 4 && words[1] == "--without";
  bool with = words.size() == 5 && words[1] == "--with";
  if (words.size() != 1 && words.size() != 2 && !without && !with) {
    std::cerr << "Usage: payload-part FILE [PART]\n"
                 "       payload-part FILE --without PART OUT\n"
                 "       payload-part FILE --with PART CONTENT OUT\n"
                 "Lists the parts of a compiled file, or writes one (manifest, "
                 "code, pack, host, graph, adapter, exact, lib:SONAME) to "
                 "standard output, or writes the file without one, or with the "
                 "file CONTENT in its place.\n"
                 "Example: payload-part model.bin code > code.so\n";
    return 2;
  }
  auto payload = Payload::open(words[0]);
  if (!payload)
    return fail(payload.message());
  if (words.size() == 1) {
    for (const Payload::Part &part : payload->parts())
      std::cout << part.name << " " << part.bytes << "\n";
    return 0;
  }
  if (without)
    return rewrite(*payload, words[2], std::nullopt, words[3]);
  if (with)
    return rewrite(*payload, words[2], words[3], words[4]);
  auto bytes = payload->verified(words[1]);
  if (!bytes)
    return fail(bytes.message());
  std::cout.write(reinterpret_cast<const char *>(bytes->data()),
                  std::streamsize(bytes->size()));
  return std::cout.flush() ? 0 : 1;
}
