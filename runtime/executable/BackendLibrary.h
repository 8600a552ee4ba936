//===- BackendLibrary.h - Finding and opening a backend ---------*- C++ -*-===//

#ifndef LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H
#define LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H

#include "lora-runtime/Payload.h"
#include "lora-runtime/backend.h"

namespace lora_rt {

/// "liblora_backend_cpu.so"
std::string backendFileName(const std::string &engine);

/// Where the backend was when a file was compiled, as the file says; empty if
/// it does not.
std::string recordedBackend(const Payload &payload);

/// Whether a file carries the backend of an engine (--portable).
bool carriesBackend(const Payload &payload, const std::string &engine);

/// Where a backend may lie as a file, best first: where `payload`, which may be
/// null, says; the folders of LORA_RUNTIME_LIBRARY_PATH, unless the program has
/// rights that its user does not have; next to this program or library, in
/// ../lib, and where it is installed.
std::vector<std::string> backendCandidates(const std::string &file,
                                           const Payload *payload);

/// Opens the backend of an engine ("cpu"): the one that `payload` carries, or
/// the first of the candidates that nobody but root and the user can change
/// (TrustedLibrary.h) and that is of this version. The OpenMP library's
/// environment is set before the first one is opened. A backend stays open
/// until the process ends. `path` becomes where it was opened; empty if it was
/// carried.
Expected<const lora_backend *> openBackend(const std::string &engine,
                                           const Payload *payload,
                                           std::string *path = nullptr);

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_BACKENDLIBRARY_H
