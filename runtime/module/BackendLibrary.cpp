//===- BackendLibrary.cpp -------------------------------------------------===//

#include "BackendLibrary.h"
#include "../core/Json.h"
#include "CodeObject.h"

#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <unistd.h>

namespace lora_rt {

namespace {

/// Threads that wait at a barrier spin for about a tenth of a millisecond,
/// which covers the pauses between two kernels, and then sleep: a longer spin
/// would cost a whole time slice when another process needs the core. Nothing
/// that the user has set is changed.
void prepareOpenMP() {
  if (dlopen("libgomp.so.1", RTLD_NOLOAD | RTLD_LAZY))
    return; // It has read its environment already.
  if (!getenv("OMP_WAIT_POLICY"))
    setenv("GOMP_SPINCOUNT", "5000", /*overwrite=*/0);
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// Where a backend lies, seen from the program and from the library that holds
/// this function: beside it or in lib, as built, or where it is installed.
std::vector<std::string> ownFolders() {
  std::vector<std::string> result;
  auto add = [&](const std::string &folder, const char *installed) {
    for (const char *relative : {"", "/../lib"})
      result.push_back(folder + relative);
    result.push_back(folder + "/" + installed);
  };
  char buffer[4096];
  ssize_t length = readlink("/proc/self/exe", buffer, sizeof(buffer));
  if (length > 0)
    add(folderOf(std::string(buffer, size_t(length))), LORA_PRIVATE_FROM_BIN);
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&ownFolders), &info) && info.dli_fname)
    add(folderOf(info.dli_fname), LORA_PRIVATE_FROM_LIB);
  return result;
}

} // namespace

std::string backendFileName(const std::string &engine) {
  return "liblora_backend_" + engine + ".so";
}

std::vector<std::string> backendCandidates(const std::string &file,
                                           const Payload *payload) {
  std::vector<std::string> result;
  if (const char *paths = getenv("LORA_RUNTIME_LIBRARY_PATH")) {
    std::istringstream stream(paths);
    for (std::string folder; std::getline(stream, folder, ':');)
      if (!folder.empty())
        result.push_back(folder + "/" + file);
  }
  for (const std::string &folder : ownFolders())
    result.push_back(folder + "/" + file);
  if (!payload || !payload->find(hostPart))
    return result;
  if (Expected<std::span<const std::byte>> host = payload->verified(hostPart)) {
    std::string_view text(reinterpret_cast<const char *>(host->data()),
                          host->size());
    Expected<Json> json = parseJson(text, "host");
    if (json && json->is_object() && json->contains("backend") &&
        (*json)["backend"].is_string())
      result.push_back((*json)["backend"].get<std::string>());
  }
  return result;
}

namespace {

Expected<const lora_backend *> query(void *symbol, const std::string &where) {
  auto function = reinterpret_cast<lora_backend_query_fn>(symbol);
  const lora_backend *backend = function ? function() : nullptr;
  if (!backend || backend->abi_version != LORA_BACKEND_ABI_VERSION ||
      backend->struct_size < sizeof(lora_backend))
    return makeError(ErrorCode::Unsupported, where,
                     ": not a backend of this version of the runtime");
  return backend;
}

/// Loads what the file carries, in its order; the backend is `file`.
Expected<const lora_backend *> openCarried(const std::string &file,
                                           const Payload &payload) {
  void *symbol = nullptr;
  for (const Payload::Part &part : payload.parts()) {
    if (part.name.rfind(libraryPrefix, 0) != 0)
      continue;
    std::string soname = part.name.substr(libraryPrefix.size());
    // What the process has already is used: two OpenMP libraries would be
    // worse.
    if (soname != file && dlopen(soname.c_str(), RTLD_NOLOAD | RTLD_LAZY))
      continue;
    Expected<std::span<const std::byte>> bytes = payload.verified(part.name);
    if (!bytes)
      return bytes.takeError();
    Expected<LoadedObject> object =
        LoadedObject::load(*bytes, soname, /*global=*/false);
    if (!object)
      return object.takeError();
    if (soname == file)
      symbol = object->symbol(LORA_BACKEND_QUERY_SYMBOL);
    std::move(*object).keep();
  }
  return query(symbol, payload.path() + ": " + file);
}

Expected<const lora_backend *> openFile(const std::string &file,
                                        const Payload *payload) {
  std::string tried;
  for (const std::string &path : backendCandidates(file, payload)) {
    if (access(path.c_str(), R_OK) != 0) {
      tried += "\n  " + path + ": not there";
      continue;
    }
    if (void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return query(dlsym(handle, LORA_BACKEND_QUERY_SYMBOL), path);
    tried += std::string("\n  ") + dlerror();
  }
  return makeError(
      ErrorCode::System, "cannot open ", file, ". Looked at:", tried,
      "\nSet LORA_RUNTIME_LIBRARY_PATH to the folder that has it (build/lib of "
      "lora-mlir), or compile the model with --portable, which carries it.");
}

} // namespace

Expected<const lora_backend *> openBackend(const std::string &engine,
                                           const Payload *payload) {
  static std::mutex mutex;
  static std::map<std::string, const lora_backend *> open;
  if (engine.empty() ||
      engine.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") !=
          std::string::npos)
    return makeError(ErrorCode::InvalidFile, "there is no engine '", engine,
                     "'");
  std::lock_guard lock(mutex);
  auto found = open.find(engine);
  if (found != open.end())
    return found->second;
  prepareOpenMP();
  std::string file = backendFileName(engine);
  bool carried =
      payload && payload->find(std::string(libraryPrefix) + file) != nullptr;
  Expected<const lora_backend *> backend =
      carried ? openCarried(file, *payload) : openFile(file, payload);
  if (!backend)
    return backend.takeError();
  if (engine != (*backend)->name)
    return makeError(ErrorCode::Unsupported, file, ": it offers the engine '",
                     (*backend)->name, "'");
  open.emplace(engine, *backend);
  return *backend;
}

} // namespace lora_rt
