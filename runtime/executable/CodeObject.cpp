//===- CodeObject.cpp - Shared objects from memory ------------------------===//
//
// glibc loads objects only from files, so each object is a memory file with a
// name below /proc. Its descriptor stays open as long as the object is loaded:
// the loader identifies objects by name, and would take a reused descriptor
// number for the old object.
//
//===----------------------------------------------------------------------===//

#include "CodeObject.h"
#include "../payload/ElfSections.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lora_rt {

LoadedObject::LoadedObject(LoadedObject &&other) noexcept {
  *this = std::move(other);
}

LoadedObject &LoadedObject::operator=(LoadedObject &&other) noexcept {
  std::swap(handle, other.handle);
  std::swap(fd, other.fd);
  return *this;
}

LoadedObject::~LoadedObject() {
  if (handle)
    dlclose(handle);
  if (fd >= 0)
    close(fd);
}

Expected<LoadedObject> LoadedObject::load(std::span<const std::byte> bytes,
                                          const std::string &name,
                                          bool global) {
  LoadedObject object;
  object.fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (object.fd < 0)
    return makeError(ErrorCode::System, name,
                     ": cannot create a memory file: ", systemMessage(errno));
  for (std::span<const std::byte> rest = bytes; !rest.empty();) {
    ssize_t written = write(object.fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return makeError(ErrorCode::System, name,
                       ": cannot fill a memory file: ", systemMessage(errno));
    rest = rest.subspan(size_t(written));
  }
  std::string path = "/proc/self/fd/" + std::to_string(object.fd);
  object.handle =
      dlopen(path.c_str(), RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!object.handle)
    return makeError(ErrorCode::System, name, ": cannot load: ", dlerror());
  return object;
}

void *LoadedObject::symbol(const char *name) const {
  return dlsym(handle, name);
}

std::map<const void *, std::string> LoadedObject::functions() const {
  std::map<const void *, std::string> names;
  link_map *map = nullptr;
  if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
    return names;
  Expected<MappedFile> file =
      MappedFile::open("/proc/self/fd/" + std::to_string(fd));
  if (!file)
    return names;
  std::span<const std::byte> bytes = file->bytes();
  Expected<ElfSections> sections = ElfSections::parse(bytes, "code");
  if (!sections)
    return names;
  auto symbols = sections->find(".symtab"), strings = sections->find(".strtab");
  if (!symbols || !strings)
    return names;
  std::string_view text(reinterpret_cast<const char *>(bytes.data()) +
                            strings->offset,
                        strings->bytes);
  for (uint64_t i = 0; i + sizeof(Elf64_Sym) <= symbols->bytes;
       i += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, bytes.data() + symbols->offset + i, sizeof(symbol));
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
        symbol.st_name >= text.size())
      continue;
    std::string_view name = text.substr(symbol.st_name);
    names[reinterpret_cast<const void *>(map->l_addr + symbol.st_value)] =
        name.substr(0, name.find('\0'));
  }
  return names;
}

Expected<CodeObject> CodeObject::load(std::span<const std::byte> bytes,
                                      const std::string &where) {
  CodeObject code;
  Expected<LoadedObject> object =
      LoadedObject::load(bytes, "lora-executable", /*global=*/false);
  if (!object)
    return object.takeError();
  code.object = std::move(*object);
  auto query = reinterpret_cast<lora_rt_code_query_fn>(
      code.object.symbol(LORA_RT_CODE_QUERY_SYMBOL));
  if (!query)
    return makeError(ErrorCode::InvalidFile, where,
                     ": its code does not export ", LORA_RT_CODE_QUERY_SYMBOL);
  code.table = query();
  if (!code.table || code.table->struct_size < sizeof(lora_rt_code) ||
      code.table->abi_version != LORA_RT_ABI_VERSION)
    return makeError(ErrorCode::Unsupported, where,
                     ": its code was made for another version of the runtime (",
                     code.table ? code.table->abi_version : 0, ", here ",
                     LORA_RT_ABI_VERSION,
                     "); compile the model again with this installation");
  return code;
}

lora_rt_entry CodeObject::entry(const std::string &name) const {
  for (uint64_t i = 0; i < table->entry_count; ++i)
    if (name == table->entries[i].name)
      return table->entries[i].function;
  return nullptr;
}

} // namespace lora_rt
