//===- CodeObject.cpp -----------------------------------------------------===//
//
// glibc loads objects from files only; a memory file has a name below /proc.
// Its descriptor stays open as long as the object is loaded: the loader knows
// objects by name, and a reused descriptor number would be taken for the old
// object.
//
//===----------------------------------------------------------------------===//

#include "CodeObject.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <dlfcn.h>
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

Expected<CodeObject> CodeObject::load(std::span<const std::byte> bytes,
                                      const std::string &where) {
  CodeObject code;
  Expected<LoadedObject> object =
      LoadedObject::load(bytes, "lora-module", /*global=*/false);
  if (!object)
    return object.takeError();
  code.object = std::move(*object);
  auto query = reinterpret_cast<lora_rt_module_query_fn>(
      code.object.symbol(LORA_RT_MODULE_QUERY_SYMBOL));
  if (!query)
    return makeError(ErrorCode::InvalidFile, where,
                     ": its code does not export ",
                     LORA_RT_MODULE_QUERY_SYMBOL);
  code.table = query();
  if (!code.table || code.table->struct_size < sizeof(lora_rt_module) ||
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
