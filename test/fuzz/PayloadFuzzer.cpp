//===- PayloadFuzzer.cpp - Any file as a compiled model -------------------===//
//
// Parts lie on pages, so files are mostly zeros. An input counts the zeros, so
// that it stays small. The mutator takes a file apart, changes a part, the
// table of contents or the sections of the program around it, and writes it
// again with offsets and checksums that are mostly right. So the readers after
// these checks are tested.
//
//===----------------------------------------------------------------------===//

#include "../../runtime/payload/PayloadFormat.h"
#include "Check.h"
#include "ElfProgram.h"
#include "JsonMutator.h"
#include "PackSource.h"
#include "Tensors.h"
#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/Payload.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace lora_rt;

static constexpr const char *words[] = {
    "name", "offset",  "bytes",   "xxh3",  "code",        "pack",
    "host", "adapter", "graph",   "exact", "lib:libx.so", "manifest",
    "f32",  "params",  "backend", "plain", "checksum",    "merged"};

/// A zero is followed by two bytes that say how many zeros there are.
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

/// The parts of a payload.
struct Parts {
  PayloadHeader header = {};
  fuzz::Json table;
  std::vector<std::string> contents;

  bool take(const std::string &payload);
  void mutate(fuzz::JsonMutator &mutator);
  std::string build(fuzz::JsonMutator &mutator);

private:
  std::string *find(const char *name);
  void mendPlaces();
};

} // namespace

/// A number of an object; 0 if it has none.
static uint64_t field(const fuzz::Json &entry, const char *key) {
  return entry.is_object() && entry.contains(key) &&
                 entry[key].is_number_unsigned()
             ? entry[key].get<uint64_t>()
             : 0;
}

bool Parts::take(const std::string &payload) {
  if (payload.size() < sizeof(header) ||
      !payload.starts_with(std::string_view(payloadMagic, 8)))
    return false;
  std::memcpy(&header, payload.data(), sizeof(header));
  if (header.tableOffset > payload.size() ||
      header.tableBytes > payload.size() - header.tableOffset)
    return false;
  table = fuzz::parse(
      std::string_view(payload).substr(header.tableOffset, header.tableBytes));
  if (!table.is_array() || table.size() > 64)
    return false;
  for (const fuzz::Json &entry : table) {
    uint64_t offset =
        std::min<uint64_t>(field(entry, "offset"), payload.size());
    contents.push_back(payload.substr(offset, field(entry, "bytes")));
  }
  return true;
}

std::string *Parts::find(const char *name) {
  for (size_t i = 0; i < contents.size(); ++i)
    if (table[i].is_object() && table[i].contains("name") &&
        table[i]["name"] == name)
      return &contents[i];
  return nullptr;
}

/// Gives each parameter of the manifest the next offset in the pack, with as
/// many bytes as its shape needs and their checksum.
void Parts::mendPlaces() {
  std::string *manifest = find("manifest"), *pack = find("pack");
  fuzz::Json json = manifest ? fuzz::parse(*manifest) : fuzz::Json();
  if (!pack || !json.is_object() || !json.contains("params") ||
      !json["params"].is_array())
    return;
  pack->clear();
  for (fuzz::Json &param : json["params"]) {
    uint64_t bytes = fuzz::bytesOf(param, parseManifestName);
    if (bytes == 0 || bytes > 1 << 14 || pack->size() > 1 << 16)
      continue;
    pack->resize((pack->size() + pageBytes - 1) / pageBytes * pageBytes);
    param["offset"] = pack->size();
    param["bytes"] = bytes;
    std::string content(bytes, '\1');
    param["xxh3"] = checksum(std::as_bytes(std::span(content)));
    *pack += content;
  }
  *manifest = fuzz::print(json);
}

void Parts::mutate(fuzz::JsonMutator &mutator) {
  if (contents.empty())
    return;
  std::string &content = contents[mutator.pick(contents.size())];
  content = content.starts_with("{")
                ? mutator.mutate(content, 1 << 15)
                : fuzz::mutateBytes(content, content.size() + 64);
  if (mutator.pick(4) == 0)
    mendPlaces();
}

/// Puts the parts on pages in order, with a table that fits, unless it is
/// damaged later.
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
  if (mutator.pick(3) == 0)
    mutator.mutateOnce(table);
  payload.resize((payload.size() + 7) / 8 * 8);
  std::string text = fuzz::print(table);
  std::memcpy(header.magic, payloadMagic, sizeof(header.magic));
  header.version = payloadVersion;
  header.headerBytes = sizeof(header);
  header.tableOffset = payload.size();
  header.tableBytes = text.size();
  header.payloadBytes = payload.size() + text.size();
  header.tableChecksum = XXH3_64bits(text.data(), text.size());
  if (mutator.pick(16) == 0) {
    uint64_t *fields[] = {&header.tableOffset, &header.tableBytes,
                          &header.payloadBytes, &header.tableChecksum};
    *fields[mutator.pick(4)] = mutator.size();
  }
  payload += text;
  std::memcpy(payload.data(), &header, sizeof(header));
  return payload;
}

/// A file that differs little from `file`; empty if `file` cannot be taken
/// apart.
static std::string mutateFile(const std::string &file,
                              fuzz::JsonMutator &mutator) {
  fuzz::ElfProgram program;
  bool isProgram = program.take(file);
  Parts parts;
  if (!parts.take(isProgram ? program.content(file) : file))
    return "";
  if (mutator.pick(3))
    parts.mutate(mutator);
  std::string payload = parts.build(mutator);
  // Payloads alone become programs, and programs become payloads alone.
  if (mutator.pick(8) == 0)
    isProgram = !isProgram;
  if (!isProgram)
    return payload;
  bool isChanged = mutator.pick(2);
  return program.build(payload, mutator, isChanged);
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  fuzz::JsonMutator mutator(seed, words);
  std::string file = expand({reinterpret_cast<const char *>(data), size});
  std::string changed =
      mutator.pick(8) ? mutateFile(file, mutator) : std::string();
  if (changed.empty())
    changed = fuzz::mutateBytes(std::move(file), 1 << 18);
  std::string input = condense(changed);
  if (input.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

/// A file that can be read can be written again after its own program, and then
/// has the same contents.
static void writeAgain(const Payload &payload) {
  static fuzz::Folder folder;
  std::string path = folder.path() + "/again";
  Expected<PayloadWriter> writer = PayloadWriter::createLike(path, payload);
  if (!writer) {
    CHECK(!payload.front().empty());
    return;
  }
  for (const Payload::Part &part : payload.parts())
    CHECK(!writer->addPart(part.name, payload.bytes(part)));
  CHECK(!writer->commit());
  Expected<Payload> again = Payload::open(path);
  CHECK(again && again->parts().size() == payload.parts().size());
  for (const Payload::Part &part : payload.parts()) {
    Expected<std::span<const std::byte>> bytes = again->verified(part.name);
    std::span<const std::byte> before = payload.bytes(part);
    CHECK(bytes && std::equal(bytes->begin(), bytes->end(), before.begin(),
                              before.end()));
  }
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
  (void)readAdapterPart(*payload);
  writeAgain(*payload);
  Expected<std::span<const std::byte>> text = payload->verified(manifestPart);
  if (!text)
    return 0;
  Expected<Manifest> manifest = Manifest::parse(
      {reinterpret_cast<const char *>(text->data()), text->size()}, path);
  if (!manifest)
    return 0;
  (void)manifest->contract();
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
