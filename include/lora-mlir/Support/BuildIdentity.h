//===- BuildIdentity.h - The identity of the running program ----*- C++ -*-===//
//
// Identifies the program and the libraries that it was started with: each by
// the build ID that the linker wrote into it, or by the facts of its file if it
// has none. Two processes may share computed results only if these are equal.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_BUILDIDENTITY_H
#define LORA_MLIR_SUPPORT_BUILDIDENTITY_H

#include <string>

namespace lora {

/// Returns a line for the program and for each library. Libraries that are
/// opened later do not change it. Empty if one of them cannot be identified.
const std::string &buildIdentity();

} // namespace lora

#endif // LORA_MLIR_SUPPORT_BUILDIDENTITY_H
