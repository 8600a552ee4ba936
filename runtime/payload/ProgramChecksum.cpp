//===- ProgramChecksum.cpp - Whether a stub is what it was ----------------===//
//
// Implements programChecksum: hashes the ELF header without its section fields,
// then the flags, addresses and bytes of each loaded segment.
//
//===----------------------------------------------------------------------===//

#include "ProgramChecksum.h"
#include "ElfSections.h"

#include "lora-runtime/Payload.h"

#include <algorithm>
#include <cstring>
#include <elf.h>

namespace lora_rt {

Expected<std::string> programChecksum(std::span<const std::byte> bytes,
                                      const std::string &path) {
  auto fail = [&](const char *what) {
    return makeError(ErrorCode::InvalidFile, path, ": its program ", what,
                     "; copy or compile the file again");
  };
  if (!ElfSections::isElf(bytes))
    return fail("is damaged (it has no ELF header)");
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phoff > bytes.size() ||
      bytes.size() - header.e_phoff <
          uint64_t(header.e_phnum) * sizeof(Elf64_Phdr))
    return fail("is damaged (its program headers lie outside the file)");
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), bytes.data() + header.e_phoff,
              segments.size() * sizeof(Elf64_Phdr));

  header.e_shoff = 0;
  header.e_shentsize = header.e_shnum = header.e_shstrndx = 0;
  auto headerBytes = std::as_bytes(std::span(&header, 1));
  std::string text = checksum(headerBytes);
  for (const Elf64_Phdr &segment : segments) {
    if (segment.p_type != PT_LOAD)
      continue;
    if (segment.p_offset > bytes.size() ||
        segment.p_filesz > bytes.size() - segment.p_offset)
      return fail("is damaged (a segment lies outside the file)");
    std::span<const std::byte> content =
        bytes.subspan(segment.p_offset, segment.p_filesz);
    // The header is part of the first segment, and was hashed before.
    if (segment.p_offset < sizeof(header))
      content = content.subspan(
          std::min(content.size(), sizeof(header) - segment.p_offset));
    for (uint64_t number :
         {uint64_t(segment.p_flags), uint64_t(segment.p_vaddr),
          uint64_t(segment.p_filesz), uint64_t(segment.p_memsz)})
      text += "," + std::to_string(number);
    text += "," + checksum(content);
  }
  return checksum(std::as_bytes(std::span(text)));
}

} // namespace lora_rt
