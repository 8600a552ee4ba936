//===- BuildIdentity.cpp - The build IDs of loaded objects ----------------===//
//
// The ELF notes are in memory, so no file is read for them.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/BuildIdentity.h"

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <link.h>
#include <string_view>
#include <sys/stat.h>

namespace {

/// The build ID in the notes of a segment, in hexadecimal digits; empty if
/// there is none.
std::string findBuildId(const char *notes, size_t size, size_t alignment) {
  auto aligned = [&](size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    size_t name = sizeof(note), description = name + aligned(note.n_namesz);
    size_t end = description + aligned(note.n_descsz);
    if (end > size)
      break;
    if (note.n_type == NT_GNU_BUILD_ID &&
        std::string_view(notes + name, note.n_namesz) ==
            std::string_view("GNU\0", 4)) {
      std::string digits;
      for (size_t i = 0; i < note.n_descsz; ++i) {
        auto byte = static_cast<unsigned char>(notes[description + i]);
        digits += "0123456789abcdef"[byte >> 4];
        digits += "0123456789abcdef"[byte & 15];
      }
      return digits;
    }
    notes += end;
    size -= end;
  }
  return {};
}

/// Describes a file by everything that changes when it is written again.
std::string describeFile(const char *path) {
  struct stat facts;
  if (stat(*path ? path : "/proc/self/exe", &facts) != 0)
    return {};
  std::string text = "file";
  for (uint64_t number :
       {uint64_t(facts.st_dev), uint64_t(facts.st_ino), uint64_t(facts.st_size),
        uint64_t(facts.st_mtim.tv_sec), uint64_t(facts.st_mtim.tv_nsec)})
    text += " " + std::to_string(number);
  return text;
}

int addObject(dl_phdr_info *info, size_t, void *result) {
  auto &identity = *static_cast<std::string *>(result);
  // The kernel provides this object. It has no file.
  if (std::string_view(info->dlpi_name).find("linux-vdso") !=
      std::string_view::npos)
    return 0;
  std::string id;
  for (size_t i = 0; i < info->dlpi_phnum && id.empty(); ++i)
    if (const ElfW(Phdr) &segment = info->dlpi_phdr[i];
        segment.p_type == PT_NOTE)
      id = findBuildId(
          reinterpret_cast<const char *>(info->dlpi_addr + segment.p_vaddr),
          segment.p_memsz, segment.p_align == 8 ? 8 : 4);
  if (id.empty())
    id = describeFile(info->dlpi_name);
  if (id.empty()) {
    identity.clear();
    return 1;
  }
  identity += id + "\n";
  return 0;
}

} // namespace

const std::string &lora::buildIdentity() {
  static const std::string identity = [] {
    std::string result;
    dl_iterate_phdr(addObject, &result);
    return result;
  }();
  return identity;
}
