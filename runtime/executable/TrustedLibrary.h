//===- TrustedLibrary.h - Libraries that nobody else can change -*- C++ -*-===//
//
// A library has all rights of the process that opens it. So its file and its
// folder must belong to root, to the user of this process, or to the owner of
// the code that runs already; and nobody else may write to them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_TRUSTEDLIBRARY_H
#define LORA_RUNTIME_EXECUTABLE_TRUSTEDLIBRARY_H

#include "lora-runtime/Error.h"

namespace lora_rt {

/// The path of a library without links; an error if it must not be opened.
Expected<std::string> trustedPath(const std::string &path);

/// Opens a library with RTLD_NOW and RTLD_LOCAL: exactly the file that was
/// checked. It stays open until the process ends.
Expected<void *> openTrusted(const std::string &path);

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_TRUSTEDLIBRARY_H
