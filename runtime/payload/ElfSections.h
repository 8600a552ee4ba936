//===- ElfSections.h - One more section for a program -----------*- C++ -*-===//
//
// Reads and rewrites the section header table of a 64-bit little-endian ELF
// file, which is all that adding a section without an address takes: nothing
// that is loaded moves.
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

  /// Where the first section of this name with bytes in the file has them; the
  /// range lies inside the file.
  std::optional<Range> find(std::string_view name) const;

  /// Forgets the last section, not counting that of the names, as if
  /// `writeWith` had not added it. False if it has another name, or if anything
  /// but the names lies behind it in the file.
  bool removeLast(std::string_view name);

  /// Appends to `file`, which holds the program and the new section's bytes,
  /// the names and the table, and makes the ELF header point to them.
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
