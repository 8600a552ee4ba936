//===- PayloadReader.cpp --------------------------------------------------===//

#include "../core/Json.h"
#include "ElfSections.h"
#include "PayloadFormat.h"
#include "lora-runtime/Payload.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lora_rt {

namespace {

/// Where the payload of a file lies; nullopt if it has none.
Expected<std::optional<ElfSections::Range>> locate(const MappedFile &file) {
  std::span<const std::byte> bytes = file.bytes();
  if (!ElfSections::isElf(bytes))
    return std::optional(ElfSections::Range{0, bytes.size()});
  Expected<ElfSections> sections = ElfSections::parse(bytes, file.path());
  if (!sections)
    return sections.takeError();
  return sections->find(payloadSection);
}

} // namespace

Expected<Payload> Payload::read(MappedFile file) {
  Payload payload;
  payload.file = std::move(file);
  if (Error error = payload.readTable())
    return error;
  return payload;
}

Expected<Payload> Payload::open(const std::string &path) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return read(std::move(*file));
}

Expected<Payload> Payload::openDescriptor(int descriptor) {
  Expected<MappedFile> file = MappedFile::fromDescriptor(
      descriptor, "descriptor " + std::to_string(descriptor));
  if (!file)
    return file.takeError();
  return read(std::move(*file));
}

Expected<Payload> Payload::openMemory(std::span<const std::byte> bytes) {
  // Weights are used where they lie.
  if (reinterpret_cast<uintptr_t>(bytes.data()) % 64 != 0)
    return makeError(ErrorCode::InvalidArgument,
                     "a compiled model in memory begins at a multiple of 64 "
                     "bytes, but this one does not");
  return read(MappedFile::fromMemory(bytes, "the model in memory"));
}

bool Payload::isPresent(const std::string &path) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return false;
  Expected<std::optional<ElfSections::Range>> place = locate(*file);
  return place && place->has_value();
}

Error Payload::readTable() {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, path(), ": ", parts...);
  };
  Expected<std::optional<ElfSections::Range>> place = locate(file);
  if (!place)
    return place.takeError();
  if (!*place)
    return fail("a program without a compiled module; lora-compile makes files "
                "with one");
  start = (*place)->offset;
  std::span<const std::byte> payload =
      file.bytes().subspan(start, (*place)->bytes);
  PayloadHeader header;
  if (payload.size() < sizeof(header) ||
      std::memcmp(payload.data(), payloadMagic, sizeof(payloadMagic)) != 0)
    return fail("not a compiled module; lora-compile makes them");
  std::memcpy(&header, payload.data(), sizeof(header));
  if (header.version != payloadVersion)
    return fail("compiled module of version ", header.version,
                ", but this runtime reads version ", payloadVersion,
                "; compile the model again with this installation");
  if ((*place)->offset % pageBytes != 0 ||
      header.payloadBytes > payload.size() ||
      header.tableOffset > header.payloadBytes ||
      header.tableBytes > header.payloadBytes - header.tableOffset)
    return fail("the compiled module is incomplete; copy or compile it again");
  std::string_view text(reinterpret_cast<const char *>(payload.data()) +
                            header.tableOffset,
                        header.tableBytes);
  if (XXH3_64bits(text.data(), text.size()) != header.tableChecksum)
    return fail("the table of contents is damaged; copy or compile it again");
  Expected<Json> json = parseJson(text, path());
  if (!json)
    return json.takeError();
  if (!json->is_array() || json->size() > maxParts)
    return fail("the table of contents is not a list of at most ", maxParts,
                " parts");
  for (const Json &entry : *json) {
    if (!entry.is_object() || entry.size() != 4 || !entry.contains("name") ||
        !entry["name"].is_string() || !entry.contains("offset") ||
        !isIndex(entry["offset"]) || !entry.contains("bytes") ||
        !isIndex(entry["bytes"]) || !entry.contains("xxh3") ||
        !entry["xxh3"].is_string())
      return fail("the table of contents has an entry that is not understood");
    if (find(entry["name"].get<std::string>()))
      return fail("the table of contents names '",
                  entry["name"].get<std::string>(), "' twice");
    uint64_t offset = entry["offset"].get<uint64_t>();
    uint64_t bytes = entry["bytes"].get<uint64_t>();
    if (offset % pageBytes != 0 || offset > header.payloadBytes ||
        bytes > header.payloadBytes - offset)
      return fail("part '", entry["name"].get<std::string>(),
                  "' lies outside the module");
    table.push_back({entry["name"].get<std::string>(),
                     offset + (*place)->offset, bytes,
                     entry["xxh3"].get<std::string>()});
  }
  return Error::success();
}

void Payload::prefetch(const Part &part) const {
  if (descriptor() < 0)
    return; // It is in memory.
  // Only advice: without it pages come when they are touched.
  (void)posix_fadvise(descriptor(), off_t(part.offset), off_t(part.bytes),
                      POSIX_FADV_WILLNEED);
}

const Payload::Part *Payload::find(std::string_view name) const {
  auto found = std::find_if(table.begin(), table.end(), [&](const Part &part) {
    return part.name == name;
  });
  return found == table.end() ? nullptr : &*found;
}

Expected<std::span<const std::byte>>
Payload::verified(std::string_view name) const {
  const Part *part = find(name);
  if (!part)
    return makeError(ErrorCode::InvalidFile, path(), ": it has no part '", name,
                     "'; compile the model again");
  std::span<const std::byte> content = bytes(*part);
  if (checksum(content) != part->checksum)
    return makeError(ErrorCode::InvalidFile, path(), ": part '", name,
                     "' is damaged (its checksum differs); copy or compile the "
                     "file again");
  return content;
}

} // namespace lora_rt
