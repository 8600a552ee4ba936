//===- PayloadReader.cpp - Opening a compiled file ------------------------===//
//
// Finds the payload in a file, checks its header and its table of contents, and
// gives out parts. A part's bytes are compared with their checksum when
// `verified` is called, not before.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "ElfSections.h"
#include "PayloadFormat.h"
#include "ProgramChecksum.h"
#include "lora-runtime/Payload.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lora_rt {

namespace {

/// The place of the payload in a file; nullopt if the file has none. A file
/// that is not a program is a payload as a whole.
Expected<std::optional<ElfSections::Range>> locate(const MappedFile &file) {
  std::span<const std::byte> bytes = file.bytes();
  if (!ElfSections::isElf(bytes))
    return std::optional(ElfSections::Range{0, bytes.size()});
  Expected<ElfSections> sections = ElfSections::parse(bytes, file.path());
  if (!sections)
    return sections.takeError();
  if (sections->count(payloadSection) > 1)
    return makeError(ErrorCode::InvalidFile, file.path(), ": has two sections ",
                     payloadSection, "; copy or compile the file again");
  std::optional<ElfSections::Range> place = sections->find(payloadSection);
  if (!place && sections->count(payloadSection))
    return makeError(ErrorCode::InvalidFile, file.path(), ": its section ",
                     payloadSection,
                     " has no bytes in the file; copy or compile the file "
                     "again");
  return place;
}

/// Names are printed, and become names of memory files.
bool isPartName(const std::string &name) {
  return !name.empty() && name.size() <= maxPartName &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

/// Whether no two of the ranges share a byte. Empty ranges share none.
bool areDisjoint(std::vector<ElfSections::Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ElfSections::Range &a, const ElfSections::Range &b) {
              return a.offset < b.offset;
            });
  uint64_t end = 0;
  for (const ElfSections::Range &range : ranges) {
    if (range.bytes == 0)
      continue;
    if (range.offset < end)
      return false;
    end = range.offset + range.bytes;
  }
  return true;
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
  // Weights are used where they lie, so their alignment matters.
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
  return !place || place->has_value();
}

Error Payload::readTable() {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, path(), ": ", parts...);
  };
  Expected<std::optional<ElfSections::Range>> place = locate(file);
  if (!place)
    return place.takeError();
  if (!*place)
    return fail("a program without a compiled model; lora-compile makes files "
                "with one");
  start = (*place)->offset;
  std::span<const std::byte> payload =
      file.bytes().subspan(start, (*place)->bytes);
  PayloadHeader header;
  if (payload.size() < sizeof(header) ||
      std::memcmp(payload.data(), payloadMagic, sizeof(payloadMagic)) != 0)
    return fail("not a compiled model; lora-compile makes them");
  std::memcpy(&header, payload.data(), sizeof(header));
  if (header.version != payloadVersion)
    return fail("compiled model of version ", header.version,
                ", but this runtime reads version ", payloadVersion,
                "; compile the model again with this installation");
  if ((*place)->offset % pageBytes != 0 ||
      header.headerBytes != sizeof(header) ||
      header.payloadBytes > payload.size() ||
      header.tableOffset > header.payloadBytes ||
      header.tableBytes > header.payloadBytes - header.tableOffset ||
      header.tableBytes > maxTableBytes)
    return fail("the compiled model is incomplete; copy or compile it again");
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
  std::vector<ElfSections::Range> ranges = {
      {0, sizeof(header)}, {header.tableOffset, header.tableBytes}};
  for (const Json &entry : *json) {
    if (!entry.is_object() || entry.size() != 4 || !entry.contains("name") ||
        !entry["name"].is_string() || !entry.contains("offset") ||
        !isIndex(entry["offset"]) || !entry.contains("bytes") ||
        !isIndex(entry["bytes"]) || !entry.contains("xxh3") ||
        !entry["xxh3"].is_string())
      return fail("the table of contents has an entry that is not understood");
    std::string name = entry["name"].get<std::string>();
    if (!isPartName(name))
      return fail("the table of contents has a name of ", name.size(),
                  " bytes that no part has, '", name, "'");
    if (find(name))
      return fail("the table of contents names '", name, "' twice");
    uint64_t offset = entry["offset"].get<uint64_t>();
    uint64_t bytes = entry["bytes"].get<uint64_t>();
    if (offset % pageBytes != 0 || offset > header.payloadBytes ||
        bytes > header.payloadBytes - offset)
      return fail("part '", name, "' lies outside the compiled model");
    ranges.push_back({offset, bytes});
    table.push_back({name, offset + (*place)->offset, bytes,
                     entry["xxh3"].get<std::string>()});
  }
  if (!areDisjoint(std::move(ranges)))
    return fail("parts of the compiled model overlap; copy or compile it "
                "again");
  return Error::success();
}

void Payload::prefetch(const Part &part) const {
  if (descriptor() < 0)
    return; // The payload is in memory, not in a file.
  // This is only advice. Without it, pages are read when they are accessed.
  (void)posix_fadvise(descriptor(), off_t(part.offset), off_t(part.bytes),
                      POSIX_FADV_WILLNEED);
}

const Payload::Part *Payload::find(std::string_view name) const {
  auto found = std::find_if(table.begin(), table.end(), [&](const Part &part) {
    return part.name == name;
  });
  return found == table.end() ? nullptr : &*found;
}

Error Payload::verifyProgram() const {
  if (front().empty())
    return Error::success();
  Expected<std::span<const std::byte>> stored = verified(programPart);
  if (!stored)
    return stored.takeError();
  Expected<std::string> found = programChecksum(front(), path());
  if (!found)
    return found.takeError();
  std::string_view expected(reinterpret_cast<const char *>(stored->data()),
                            stored->size());
  if (*found != expected)
    return makeError(ErrorCode::InvalidFile, path(),
                     ": the program in front of the compiled model is damaged "
                     "(its checksum differs); copy or compile the file again");
  return Error::success();
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
