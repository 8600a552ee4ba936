//===- CompiledFile.cpp - The parts that every compiled file has ----------===//
//
// Implements CompiledFile.h: finds the stub and the backend, collects the
// libraries for --portable, and checks whether a file runs here.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/CompiledFile.h"
#include "../core/Json.h"
#include "BackendLibrary.h"
#include "CpuFeatures.h"
#include "TrustedLibrary.h"
#include "lora-runtime/Manifest.h"

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <set>
#include <unistd.h>

namespace lora_rt {

namespace {

/// glibc's libraries belong to the machine. To carry them would mix versions.
const std::set<std::string> systemLibraries = {
    "libc.so.6",  "libm.so.6",      "libpthread.so.0",      "libdl.so.2",
    "librt.so.1", "libresolv.so.2", "ld-linux-x86-64.so.2", "linux-vdso.so.1",
};

/// The names in the dynamic section of a loaded library.
struct Names {
  std::string soname;
  std::vector<std::string> needed;
};

Names namesOf(const link_map &library) {
  const char *strings = nullptr;
  for (const ElfW(Dyn) *entry = library.l_ld; entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_STRTAB)
      strings = reinterpret_cast<const char *>(entry->d_un.d_ptr);
  Names names;
  if (!strings)
    return names;
  for (const ElfW(Dyn) *entry = library.l_ld; entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_SONAME)
      names.soname = strings + entry->d_un.d_val;
    else if (entry->d_tag == DT_NEEDED)
      names.needed.push_back(strings + entry->d_un.d_val);
  }
  return names;
}

/// Adds a library after the libraries that it needs.
Error collect(const link_map &library, const link_map *all,
              std::set<std::string> &seen,
              std::vector<std::pair<std::string, std::string>> &result) {
  Names names = namesOf(library);
  if (names.soname.empty() || !seen.insert(names.soname).second)
    return Error::success();
  for (const std::string &needed : names.needed) {
    if (systemLibraries.count(needed))
      continue;
    const link_map *found = nullptr;
    for (const link_map *other = all; other && !found; other = other->l_next)
      // Entries without a path are the program itself and the vDSO.
      if (other->l_name[0] == '/' && namesOf(*other).soname == needed)
        found = other;
    if (!found)
      return makeError(ErrorCode::System, names.soname, " needs ", needed,
                       ", which is not loaded");
    if (Error error = collect(*found, all, seen, result))
      return error;
  }
  result.emplace_back(names.soname, library.l_name);
  return Error::success();
}

} // namespace

Expected<std::string> stubPath() {
  char buffer[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", buffer, sizeof(buffer));
  std::string self(buffer, length > 0 ? size_t(length) : 0);
  std::string folder = self.substr(0, self.rfind('/') + 1);
  // Relative paths in a build tree, and when installed.
  for (const char *relative : {"", LORA_PRIVATE_FROM_BIN "/"})
    if (std::string path = folder + relative + "lora-stub";
        access(path.c_str(), R_OK) == 0)
      return path;
  return makeError(
      ErrorCode::System, folder, "lora-stub and ", folder,
      LORA_PRIVATE_FROM_BIN,
      "/lora-stub: the stub of compiled files is in neither place; build the "
      "target lora-stub, or install the tools again");
}

Expected<std::string> backendPath(const std::string &engine) {
  std::string file = backendFileName(engine), tried;
  for (const std::string &path : backendCandidates(file, nullptr)) {
    Expected<std::string> trusted = trustedPath(path);
    if (trusted)
      return trusted;
    tried += "\n  " + trusted.message();
  }
  return makeError(
      ErrorCode::System, "cannot find ", file, ". Looked at:", tried,
      "\nSet LORA_RUNTIME_LIBRARY_PATH to the folder that has it.");
}

Error addHostPart(PayloadWriter &writer, const std::string &backend) {
  Json host;
  host["backend"] = backend;
  return writer.addPart(
      hostPart, host.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Error addLibraryParts(PayloadWriter &writer, const std::string &backend) {
  Expected<void *> handle = openTrusted(backend);
  if (!handle)
    return handle.takeError();
  link_map *library = nullptr;
  if (dlinfo(*handle, RTLD_DI_LINKMAP, &library) != 0)
    return makeError(ErrorCode::System, "cannot open ", backend, ": ",
                     dlerror());
  const link_map *first = library;
  while (first->l_prev)
    first = first->l_prev;
  std::set<std::string> seen;
  std::vector<std::pair<std::string, std::string>> libraries;
  if (Error error = collect(*library, first, seen, libraries))
    return error;
  for (const auto &[soname, path] : libraries) {
    Expected<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.takeError();
    if (Error error =
            writer.addPart(std::string(libraryPrefix) + soname, file->bytes()))
      return error;
  }
  return Error::success();
}

Expected<BackendReport> reportBackend(const Manifest &manifest,
                                      const Payload &payload) {
  const Manifest::Target &target = manifest.target;
  BackendReport report;
  report.isCarried = carriesBackend(payload, target.engine);
  report.recorded = recordedBackend(payload);
  report.problem = checkCpuFeatures(target.features, target.cpu);
  if (!report.isCarried) {
    if (!report.recorded.starts_with("/"))
      report.recordedProblem =
          makeError(ErrorCode::InvalidFile, "'", report.recorded,
                    "', which is no absolute path, so it is not looked at");
    else if (Expected<std::string> path = trustedPath(report.recorded); !path)
      report.recordedProblem = path.takeError();
    // Libraries that a file carries are not run to inspect the file.
    Expected<const lora_backend *> backend =
        openBackend(target.engine, &payload, &report.opened);
    if (!backend && !report.problem)
      report.problem = backend.takeError();
  }
  return report;
}

} // namespace lora_rt
