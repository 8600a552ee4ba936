//===- ElfSections.cpp - One more section for a program -------------------===//
//
// Implements ElfSections.h. Every offset and size of the file is checked before
// it is used. The tables of programs that strip, objcopy or patchelf rewrote
// are accepted.
//
//===----------------------------------------------------------------------===//

#include "ElfSections.h"

#include <algorithm>
#include <cstring>

namespace lora_rt {

namespace {

/// The limit for the names of all sections. A program with debug information
/// has some thousand bytes of names.
constexpr uint64_t maxNameBytes = uint64_t(16) << 20;

/// Whether a section has bytes in the file. For sections without bytes,
/// sh_offset and sh_size say nothing about the file.
bool hasBytes(const Elf64_Shdr &section) {
  return section.sh_type != SHT_NULL && section.sh_type != SHT_NOBITS;
}

/// Whether a section has bytes, and they lie inside a file of `size` bytes.
bool isInside(const Elf64_Shdr &section, uint64_t size) {
  return hasBytes(section) && section.sh_offset <= size &&
         section.sh_size <= size - section.sh_offset;
}

} // namespace

bool ElfSections::isElf(std::span<const std::byte> bytes) {
  return bytes.size() >= sizeof(Elf64_Ehdr) &&
         std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
}

Expected<ElfSections> ElfSections::parse(std::span<const std::byte> bytes,
                                         const std::string &path) {
  auto fail = [&](const char *what) {
    return makeError(ErrorCode::InvalidFile, path, ": ", what);
  };
  ElfSections result;
  if (!isElf(bytes))
    return fail("not a program (ELF)");
  Elf64_Ehdr &header = result.header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB)
    return fail("not a 64-bit little-endian program");
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shoff > bytes.size() ||
      bytes.size() - header.e_shoff <
          uint64_t(header.e_shnum) * sizeof(Elf64_Shdr))
    return fail("its section header table is missing or damaged; copy or "
                "compile the file again");
  result.sections.resize(header.e_shnum);
  std::memcpy(result.sections.data(), bytes.data() + header.e_shoff,
              header.e_shnum * sizeof(Elf64_Shdr));
  if (header.e_shstrndx >= header.e_shnum)
    return fail("its section names are missing");
  const Elf64_Shdr &strings = result.sections[header.e_shstrndx];
  if (strings.sh_type != SHT_STRTAB || !isInside(strings, bytes.size()) ||
      strings.sh_size == 0 || strings.sh_size > maxNameBytes)
    return fail("its section names are damaged");
  result.names.assign(reinterpret_cast<const char *>(bytes.data()) +
                          strings.sh_offset,
                      strings.sh_size);
  if (result.names.back() != '\0')
    return fail("its section names are damaged");
  for (const Elf64_Shdr &section : result.sections)
    if (section.sh_name >= result.names.size() ||
        (hasBytes(section) && !isInside(section, bytes.size())))
      return fail("a section lies outside the file; the file is incomplete");
  return result;
}

size_t ElfSections::count(std::string_view name) const {
  return size_t(std::count_if(
      sections.begin(), sections.end(),
      [&](const Elf64_Shdr &section) { return isNamed(section, name); }));
}

std::optional<ElfSections::Range>
ElfSections::find(std::string_view name) const {
  for (const Elf64_Shdr &section : sections)
    if (isNamed(section, name) && hasBytes(section))
      return Range{section.sh_offset, section.sh_size};
  return std::nullopt;
}

bool ElfSections::removeLast(std::string_view name) {
  // strip puts the section of names at the end of the table.
  size_t count = sections.size(), names = header.e_shstrndx;
  if (count < 2 || names >= count)
    return false;
  size_t last = names == count - 1 ? count - 2 : count - 1;
  const Elf64_Shdr removed = sections[last];
  if (!isNamed(removed, name) || !hasBytes(removed))
    return false;
  for (size_t i = 0; i < count; ++i)
    if (i != names && i != last && hasBytes(sections[i]) &&
        sections[i].sh_offset + sections[i].sh_size > removed.sh_offset)
      return false;
  // patchelf moves the program headers to the end of the file.
  uint64_t headerBytes = uint64_t(header.e_phnum) * header.e_phentsize;
  if (headerBytes > removed.sh_offset ||
      header.e_phoff > removed.sh_offset - headerBytes)
    return false;
  if (removed.sh_name + name.size() + 1 == this->names.size())
    this->names.resize(removed.sh_name);
  sections.erase(sections.begin() + ptrdiff_t(last));
  if (names > last)
    --header.e_shstrndx;
  return true;
}

Error ElfSections::writeWith(OutputFile &file, std::string_view name,
                             Range place, uint64_t alignment) const {
  // More sections need an extended form of the table, which is not supported.
  if (sections.size() + 1 >= SHN_LORESERVE)
    return makeError(ErrorCode::Unsupported, file.path(), ": the program has ",
                     sections.size(), " sections, which leaves no space for '",
                     name, "'");
  std::vector<Elf64_Shdr> table = sections;
  std::string strings = names;
  Elf64_Shdr added = {};
  added.sh_name = Elf64_Word(strings.size());
  added.sh_type = SHT_PROGBITS;
  added.sh_offset = place.offset;
  added.sh_size = place.bytes;
  added.sh_addralign = alignment;
  table.push_back(added);
  strings.append(name);
  strings.push_back('\0');

  table[header.e_shstrndx].sh_offset = file.position();
  table[header.e_shstrndx].sh_size = strings.size();
  if (Error error = file.append(std::as_bytes(std::span(strings))))
    return error;
  if (Error error = file.alignTo(alignof(Elf64_Shdr)))
    return error;
  Elf64_Ehdr changed = header;
  changed.e_shoff = file.position();
  changed.e_shnum = Elf64_Half(table.size());
  if (Error error = file.append(std::as_bytes(std::span(table))))
    return error;
  return file.writeAt(0, std::as_bytes(std::span(&changed, 1)));
}

} // namespace lora_rt
