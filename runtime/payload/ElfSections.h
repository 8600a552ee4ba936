//===- ElfSections.h - One more section for a program -----------*- C++ -*-===//
//
// Reads and rewrites the section header table of a 64-bit little-endian ELF
// file. A section without an address needs no other change: nothing that is
// loaded moves.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PAYLOAD_ELFSECTIONS_H
#define LORA_RUNTIME_PAYLOAD_ELFSECTIONS_H

#include "lora-runtime/File.h"

#include <elf.h>
#include <optional>
#include <string_view>
#include <vector>

namespace lora_rt {

/// The section header table of a program and its names.
class ElfSections {
public:
  static bool isElf(std::span<const std::byte> bytes);

  /// Parses a program; `path` is for messages.
  static Expected<ElfSections> parse(std::span<const std::byte> bytes,
                                     const std::string &path);

  struct Range {
    uint64_t offset;
    uint64_t bytes;
  };

  /// How many sections have this name.
  size_t count(std::string_view name) const;

  /// The place of the first section of this name that has bytes in the file.
  /// The range lies inside the file.
  std::optional<Range> find(std::string_view name) const;

  /// Removes the last section before that of the names, so that the table is as
  /// it was before `writeWith`. Returns false if that section has another name,
  /// or if anything but the names follows it in the file.
  bool removeLast(std::string_view name);

  /// Appends the names and the section header table to `file`, which already
  /// holds the program and the bytes of the new section, and makes the ELF
  /// header point to them.
  Error writeWith(OutputFile &file, std::string_view name, Range place,
                  uint64_t alignment) const;

private:
  bool isNamed(const Elf64_Shdr &section, std::string_view name) const {
    return section.sh_type != SHT_NULL &&
           name == names.c_str() + section.sh_name;
  }

  Elf64_Ehdr header;
  std::vector<Elf64_Shdr> sections;
  std::string names;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_ELFSECTIONS_H
