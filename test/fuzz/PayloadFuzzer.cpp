//===- PayloadFuzzer.cpp - Any file may come as a compiled model ----------===//
//
// Parts lie on pages: an input is a file whose zeros are counted, so that it
// stays small. The mutator takes a file apart, changes a part or the table of
// contents, and writes it with checksums that are mostly right.
//
//===----------------------------------------------------------------------===//

#include "../../runtime/payload/PayloadFormat.h"
#include "Check.h"
#include "JsonMutator.h"
#include "PackSource.h"
#include "lora-runtime/Payload.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace lora_rt;

static constexpr const char *words[] = {
    "name",     "offset", "bytes",       "xxh3",   "code",  "pack",
    "manifest", "host",   "lib/libx.so", "params", "plain", "f32"};

/// A zero is followed by how many there are, in two bytes.
static std::string expand(std::string_view input) {
  std::string file;
  for (size_t i = 0; i < input.size() && file.size() < (1 << 18); ++i) {
    if (input[i] != 0) {
      file += input[i];
      continue;
    }
    uint16_t count = 1;
    if (i + 2 < input.size())
      std::memcpy(&count, input.data() + i + 1, 2);
    file.append(count, '\0');
    i += 2;
  }
  return file;
}

static std::string condense(std::string_view file) {
  std::string input;
  for (size_t i = 0; i < file.size();) {
    if (file[i] != 0) {
      input += file[i++];
      continue;
    }
    size_t end = std::min(file.find_first_not_of('\0', i), file.size());
    uint16_t count = uint16_t(std::min<size_t>(end - i, 0xffff));
    input += '\0';
    input.append(reinterpret_cast<const char *>(&count), 2);
    i += count;
  }
  return input;
}

namespace {

/// A payload, taken apart.
struct Parts {
  std::string before; ///< a program in front of it
  PayloadHeader header = {};
  fuzz::Json table;
  std::vector<std::string> contents;
  std::string after;

  bool take(const std::string &file);
  std::string build(fuzz::JsonMutator &mutator);
};

} // namespace

bool Parts::take(const std::string &file) {
  size_t start = file.find(std::string(payloadMagic, 8));
  if (start == std::string::npos || file.size() - start < sizeof(header))
    return false;
  before = file.substr(0, start);
  std::string payload = file.substr(start);
  std::memcpy(&header, payload.data(), sizeof(header));
  if (header.tableOffset > payload.size() ||
      header.tableBytes > payload.size() - header.tableOffset)
    return false;
  table = fuzz::parse(
      std::string_view(payload).substr(header.tableOffset, header.tableBytes));
  if (!table.is_array() || table.size() > 64)
    return false;
  for (const fuzz::Json &entry : table) {
    auto field = [&](const char *key) -> uint64_t {
      return entry.is_object() && entry.contains(key) &&
                     entry[key].is_number_unsigned()
                 ? entry[key].get<uint64_t>()
                 : 0;
    };
    uint64_t offset = std::min<uint64_t>(field("offset"), payload.size());
    contents.push_back(payload.substr(offset, field("bytes")));
  }
  after = payload.substr(header.tableOffset + header.tableBytes);
  return true;
}

/// Parts in order on pages, and a table that fits unless it is damaged later.
std::string Parts::build(fuzz::JsonMutator &mutator) {
  std::string payload(sizeof(header), '\0');
  for (size_t i = 0; i < contents.size(); ++i) {
    payload.resize((payload.size() + pageBytes - 1) / pageBytes * pageBytes);
    fuzz::Json &entry = table[i];
    if (entry.is_object() && mutator.pick(16)) {
      entry["offset"] = payload.size();
      entry["bytes"] = contents[i].size();
      entry["xxh3"] = checksum(std::as_bytes(std::span(contents[i])));
    }
    payload += contents[i];
  }
  if (mutator.pick(2))
    mutator.mutateOnce(table);
  payload.resize((payload.size() + 7) / 8 * 8);
  std::string text = fuzz::print(table);
  header.tableOffset = payload.size();
  header.tableBytes = text.size();
  header.payloadBytes = payload.size() + text.size();
  if (mutator.pick(16))
    header.tableChecksum = XXH3_64bits(text.data(), text.size());
  payload += text;
  std::memcpy(payload.data(), &header, sizeof(header));
  return before + payload + after;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  fuzz::JsonMutator mutator(seed, words);
  std::string file = expand({reinterpret_cast<const char *>(data), size});
  Parts parts;
  if (mutator.pick(4) == 0 || !parts.take(file)) {
    file = fuzz::mutateBytes(std::move(file), 1 << 18);
  } else {
    if (!parts.contents.empty()) {
      std::string &content =
          parts.contents[mutator.pick(parts.contents.size())];
      content = content.starts_with("{")
                    ? mutator.mutate(content, 1 << 15)
                    : fuzz::mutateBytes(content, content.size() + 64);
    }
    file = parts.build(mutator);
  }
  std::string input = condense(file);
  if (input.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile memory;
  std::string path =
      memory.set(expand({reinterpret_cast<const char *>(data), size}));
  Expected<Payload> payload = Payload::open(path);
  CHECK(Payload::isPresent(path) || !payload);
  if (!payload) {
    CHECK(payload.message().starts_with(path));
    return 0;
  }
  for (const Payload::Part &part : payload->parts()) {
    (void)payload->verified(part.name);
    payload->prefetch(part);
  }
  Expected<std::span<const std::byte>> text = payload->verified(manifestPart);
  if (!text)
    return 0;
  Expected<Manifest> manifest = Manifest::parse(
      {reinterpret_cast<const char *>(text->data()), text->size()}, path);
  if (!manifest)
    return 0;
  // A parameter that is found can be read to its last byte.
  ParameterSource source = packSource(*payload, /*verify=*/false),
                  verified = packSource(*payload, /*verify=*/true);
  for (const Manifest::Param &param : manifest->params) {
    Expected<const void *> place = source(param);
    if (!place)
      continue;
    std::string copy(static_cast<const char *>(*place), param.bytes);
    bool isWhole = checksum(std::as_bytes(std::span(copy))) == param.checksum;
    CHECK(bool(verified(param)) == isWhole);
  }
  return 0;
}
