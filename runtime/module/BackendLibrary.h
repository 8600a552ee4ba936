//===- BackendLibrary.h - Finding and opening a backend ---------*- C++ -*-===//

#ifndef LORA_RUNTIME_MODULE_BACKENDLIBRARY_H
#define LORA_RUNTIME_MODULE_BACKENDLIBRARY_H

#include "lora-runtime/Payload.h"
#include "lora-runtime/backend.h"

namespace lora_rt {

/// "liblora_backend_cpu.so"
std::string backendFileName(const std::string &engine);

/// Where a backend may lie as a file, best first; `payload` may be null.
std::vector<std::string> backendCandidates(const std::string &file,
                                           const Payload *payload);

/// Opens the backend of an engine ("cpu"). Looked at, in this order: libraries
/// that `payload` carries; the folders of LORA_RUNTIME_LIBRARY_PATH; next to
/// this program or library, and in ../lib; the path that `payload` recorded.
/// The OpenMP library's environment is set before the first one is opened. A
/// backend stays open until the process ends.
Expected<const lora_backend *> openBackend(const std::string &engine,
                                           const Payload *payload);

} // namespace lora_rt

#endif // LORA_RUNTIME_MODULE_BACKENDLIBRARY_H
