//===- BuildIdentity.h - Which program this is ------------------*- C++ -*-===//
//
// What two processes must agree in, so that one may use what the other
// computed: the program and the libraries that it was started with, each by
// the build ID that the linker wrote into it, or by its file where it has none.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_BUILDIDENTITY_H
#define LORA_MLIR_SUPPORT_BUILDIDENTITY_H

#include <string>

namespace lora {

/// A line for the program and for each library. Libraries that are opened later
/// do not change it. Empty if one of them cannot be identified.
const std::string &buildIdentity();

} // namespace lora

#endif // LORA_MLIR_SUPPORT_BUILDIDENTITY_H
