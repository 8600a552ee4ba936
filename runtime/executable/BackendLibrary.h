//===- BackendLibrary.h - Finding and opening a backend ---------*- C++ -*-===//
//
// A backend is a library with all rights of the process. So only certain places
// are searched, and only libraries that nobody else can change are opened.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H
#define LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H

#include "lora-runtime/Payload.h"
#include "lora-runtime/backend.h"

namespace lora_rt {

/// The file name of a backend: "liblora_backend_cpu.so".
std::string backendFileName(const std::string &engine);

/// The path of the backend when a file was compiled, as the file has it; empty
/// if it has none.
std::string recordedBackend(const Payload &payload);

/// Whether a file carries the backend of an engine (--portable).
bool carriesBackend(const Payload &payload, const std::string &engine);

/// The possible paths of a backend, the best first: the path in `payload`,
/// which may be null; the folders of LORA_RUNTIME_LIBRARY_PATH, unless the
/// program has rights that its user does not have; the folder of this program
/// or library, ../lib, and the installed place.
std::vector<std::string> backendCandidates(const std::string &file,
                                           const Payload *payload);

/// Opens the backend of an engine ("cpu"): the one that `payload` carries;
/// otherwise the first candidate that nobody except root and the user can
/// change (TrustedLibrary.h) and that has this version. Before the first one is
/// opened, the environment of the OpenMP library is set. A backend stays open
/// until the process ends. `path` is set to where it was found; empty if it was
/// carried.
Expected<const lora_backend *> openBackend(const std::string &engine,
                                           const Payload *payload,
                                           std::string *path = nullptr);

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H
