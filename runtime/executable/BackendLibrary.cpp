//===- BackendLibrary.cpp - Finding and opening a backend -----------------===//
//
// Implements BackendLibrary.h: the places in their order, the environment of
// OpenMP, and libraries that a file carries. Each error says which places were
// tried, and what is wrong with them.
//
//===----------------------------------------------------------------------===//

#include "BackendLibrary.h"
#include "../core/Fork.h"
#include "../core/Json.h"
#include "CodeObject.h"
#include "TrustedLibrary.h"

#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

namespace lora_rt {

namespace {

/// Removes the variables of oneDNN and OpenMP from the environment of a program
/// that has rights which its user does not have. Some of them name files that
/// would be written.
void forgetVariables() {
  std::vector<std::string> names;
  for (char **entry = environ; entry && *entry; ++entry)
    for (std::string_view prefix : {"ONEDNN_", "DNNL_", "OMP_", "GOMP_"})
      if (std::string_view(*entry).starts_with(prefix))
        names.emplace_back(*entry, strcspn(*entry, "="));
  for (const std::string &name : names)
    unsetenv(name.c_str());
}

/// Threads that wait at a barrier spin for about a tenth of a millisecond,
/// which covers the pauses between two kernels, and then sleep. Longer spinning
/// would cost a whole time slice if another process needs the core. Variables
/// that the user has set are not changed.
void prepareOpenMP() {
  if (getauxval(AT_SECURE))
    forgetVariables();
  if (dlopen("libgomp.so.1", RTLD_NOLOAD | RTLD_LAZY))
    return; // A loaded libgomp has already read its environment.
  if (!getenv("OMP_WAIT_POLICY"))
    setenv("GOMP_SPINCOUNT", "5000", /*overwrite=*/0);
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// The folders in which a backend may be, relative to the program and to the
/// library that contains this function: beside it or in lib, as in a build
/// tree, or where it is installed.
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

std::string recordedBackend(const Payload &payload) {
  if (!payload.find(hostPart))
    return {};
  Expected<std::span<const std::byte>> host = payload.verified(hostPart);
  if (!host)
    return {};
  std::string_view text(reinterpret_cast<const char *>(host->data()),
                        host->size());
  Expected<Json> json = parseJson(text, "host");
  if (!json || !json->is_object() || !json->contains("backend") ||
      !(*json)["backend"].is_string())
    return {};
  return (*json)["backend"].get<std::string>();
}

std::vector<std::string> backendCandidates(const std::string &file,
                                           const Payload *payload) {
  std::vector<std::string> result;
  // A relative path would mean another library in each folder, and a file may
  // open no other library than a backend.
  if (payload)
    if (std::string path = recordedBackend(*payload);
        path.starts_with("/") && path.ends_with("/" + file))
      result.push_back(path);
  // This is ignored for a program with rights that its user does not have.
  if (const char *paths = secure_getenv("LORA_RUNTIME_LIBRARY_PATH")) {
    std::istringstream stream(paths);
    for (std::string folder; std::getline(stream, folder, ':');)
      if (!folder.empty())
        result.push_back(folder + "/" + file);
  }
  for (const std::string &folder : ownFolders())
    result.push_back(folder + "/" + file);
  return result;
}

bool carriesBackend(const Payload &payload, const std::string &engine) {
  return payload.find(std::string(libraryPrefix) + backendFileName(engine));
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

/// Loads the libraries that the file carries, in its order; the backend is
/// `file`.
Expected<const lora_backend *> openCarried(const std::string &file,
                                           const Payload &payload) {
  void *symbol = nullptr;
  for (const Payload::Part &part : payload.parts()) {
    if (part.name.rfind(libraryPrefix, 0) != 0)
      continue;
    std::string soname = part.name.substr(libraryPrefix.size());
    // A library that the process has already is used: two OpenMP libraries
    // would be worse.
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

/// Opens the first candidate that can be opened; `opened` is set to its path.
Expected<const lora_backend *>
openFile(const std::string &file, const Payload *payload, std::string &opened) {
  std::string tried;
  for (const std::string &path : backendCandidates(file, payload)) {
    Expected<void *> handle = openTrusted(path);
    if (!handle) {
      tried += "\n  " + handle.message();
      continue;
    }
    Expected<const lora_backend *> backend =
        query(dlsym(*handle, LORA_BACKEND_QUERY_SYMBOL), path);
    if (backend) {
      opened = path;
      return backend;
    }
    tried += "\n  " + backend.message();
  }
  return makeError(
      ErrorCode::System, "cannot open ", file, ". Looked at:", tried,
      payload ? "\nThe file does not carry it: it was compiled where the first "
                "of these is, and runs on its own only there. "
              : "\n",
      "Compile the model with --portable, which puts it into the file; or "
      "install lora-mlir on this machine; or set LORA_RUNTIME_LIBRARY_PATH to "
      "the folder that has it (build/lib of lora-mlir).");
}

} // namespace

Expected<const lora_backend *> openBackend(const std::string &engine,
                                           const Payload *payload,
                                           std::string *path) {
  struct Opened {
    const lora_backend *backend = nullptr;
    std::string path;
  };
  static std::mutex mutex;
  static std::map<std::string, Opened> open;
  if (engine.empty() ||
      engine.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") !=
          std::string::npos)
    return makeError(ErrorCode::InvalidFile, "there is no engine '", engine,
                     "'");
  std::lock_guard lock(mutex);
  auto found = open.find(engine);
  if (found == open.end()) {
    prepareOpenMP();
    watchForks();
    std::string file = backendFileName(engine), opened;
    Expected<const lora_backend *> backend =
        payload && carriesBackend(*payload, engine)
            ? openCarried(file, *payload)
            : openFile(file, payload, opened);
    if (!backend)
      return backend.takeError();
    if (engine != (*backend)->name)
      return makeError(ErrorCode::Unsupported, file, ": it offers the engine '",
                       (*backend)->name, "'");
    found = open.emplace(engine, Opened{*backend, opened}).first;
  }
  if (path)
    *path = found->second.path;
  return found->second.backend;
}

} // namespace lora_rt
