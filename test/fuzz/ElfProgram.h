//===- ElfProgram.h - Programs around a payload -----------------*- C++ -*-===//
//
// A program as its header and its sections. It is written with offsets that fit
// its contents, and some of them are then changed. Random changes of bytes
// would nearly always destroy the table of sections or its offset, so no
// later check would be tested.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_FUZZ_ELFPROGRAM_H
#define LORA_TEST_FUZZ_ELFPROGRAM_H

#include "JsonMutator.h"

#include <cstring>
#include <elf.h>

namespace fuzz {

class ElfProgram {
public:
  /// A program with the section `.lora_payload` and the section of names.
  ElfProgram() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shstrndx = 2;
    sections.resize(3);
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_PROGBITS;
    sections[2].sh_name = 15;
    sections[2].sh_type = SHT_STRTAB;
  }

  /// Takes the program of a file. Returns false and changes nothing if the file
  /// has none.
  bool take(const std::string &file) {
    Elf64_Ehdr found;
    if (file.size() < sizeof(found) || !file.starts_with(ELFMAG))
      return false;
    std::memcpy(&found, file.data(), sizeof(found));
    if (found.e_shoff > file.size() || found.e_shnum == 0 ||
        found.e_shnum > 64 || found.e_shstrndx >= found.e_shnum ||
        (file.size() - found.e_shoff) / sizeof(Elf64_Shdr) < found.e_shnum)
      return false;
    header = found;
    sections.resize(found.e_shnum);
    std::memcpy(sections.data(), file.data() + found.e_shoff,
                sections.size() * sizeof(Elf64_Shdr));
    const Elf64_Shdr &strings = sections[found.e_shstrndx];
    names = file.substr(std::min<uint64_t>(strings.sh_offset, file.size()),
                        std::min<uint64_t>(strings.sh_size, 4096));
    return true;
  }

  /// The bytes of its payload in the file from which it was taken.
  std::string content(const std::string &file) const {
    for (const Elf64_Shdr &section : sections)
      if (isPayload(section))
        return file.substr(std::min<uint64_t>(section.sh_offset, file.size()),
                           section.sh_size);
    return "";
  }

  std::string build(const std::string &payload, JsonMutator &mutator,
                    bool isChanged) {
    constexpr size_t page = 4096;
    if (isChanged && mutator.pick(4) == 0)
      changeNumberOfSections(mutator);
    std::string file(page, '\0');
    file += payload;
    for (Elf64_Shdr &section : sections)
      if (isPayload(section) && mutator.pick(16)) {
        section.sh_offset = page;
        section.sh_size = payload.size();
      }
    if (header.e_shstrndx < sections.size()) {
      Elf64_Shdr &strings = sections[header.e_shstrndx];
      strings.sh_offset = file.size();
      strings.sh_size = names.size();
    }
    file += names;
    header.e_shoff = file.size();
    header.e_shnum = Elf64_Half(sections.size());
    if (isChanged && mutator.pick(4))
      changeSection(sections[mutator.pick(sections.size())], mutator);
    else if (isChanged)
      changeHeader(mutator);
    file.append(reinterpret_cast<const char *>(sections.data()),
                sections.size() * sizeof(Elf64_Shdr));
    std::memcpy(file.data(), &header, sizeof(header));
    return file;
  }

private:
  bool isPayload(const Elf64_Shdr &section) const {
    return section.sh_name < names.size() &&
           std::strcmp(names.c_str() + section.sh_name, ".lora_payload") == 0;
  }

  void changeNumberOfSections(JsonMutator &mutator) {
    size_t which = mutator.pick(sections.size());
    if (mutator.pick(2) && sections.size() < 64)
      sections.push_back(sections[which]);
    else if (sections.size() > 1)
      sections.erase(sections.begin() + ptrdiff_t(which));
  }

  static void changeSection(Elf64_Shdr &section, JsonMutator &mutator) {
    static constexpr Elf64_Word types[] = {
        SHT_NULL, SHT_PROGBITS, SHT_STRTAB, SHT_NOBITS, SHT_NOTE, SHT_SYMTAB};
    for (size_t changes = 1 + mutator.pick(3); changes; --changes)
      switch (mutator.pick(6)) {
      case 0:
      case 1:
        section.sh_type = types[mutator.pick(std::size(types))];
        break;
      case 2:
        section.sh_offset = near(section.sh_offset, mutator);
        break;
      case 3:
        section.sh_size = near(section.sh_size, mutator);
        break;
      case 4:
        section.sh_name = Elf64_Word(near(section.sh_name, mutator));
        break;
      default:
        section.sh_addralign = mutator.size();
        break;
      }
  }

  void changeHeader(JsonMutator &mutator) {
    switch (mutator.pick(7)) {
    case 0:
      header.e_shoff = near(header.e_shoff, mutator);
      break;
    case 1:
      header.e_shnum = Elf64_Half(near(header.e_shnum, mutator));
      break;
    case 2:
      header.e_shstrndx = Elf64_Half(near(header.e_shstrndx, mutator));
      break;
    case 3:
      header.e_shentsize = Elf64_Half(mutator.size());
      break;
    case 4:
      header.e_phoff = mutator.size();
      header.e_phnum = Elf64_Half(mutator.pick(3));
      header.e_phentsize = sizeof(Elf64_Phdr);
      break;
    case 5:
      header.e_phnum = header.e_phentsize = Elf64_Half(mutator.size());
      break;
    default:
      names = mutateBytes(names, names.size() + 16);
      break;
    }
  }

  static uint64_t near(uint64_t value, JsonMutator &mutator) {
    return mutator.pick(2) ? mutator.size() : value + mutator.pick(33) - 16;
  }

  Elf64_Ehdr header = {};
  std::vector<Elf64_Shdr> sections;
  std::string names = std::string("\0.lora_payload\0.names", 22);
};

} // namespace fuzz

#endif // LORA_TEST_FUZZ_ELFPROGRAM_H
