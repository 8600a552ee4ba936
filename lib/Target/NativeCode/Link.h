//===- Link.h - An object becomes a shared object ---------------*- C++ -*-===//
//
// Linking in this process, by LLD as a library. No compiler and no linker is
// needed on the machine.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H
#define LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H

#include "lora-runtime/Error.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace lora {

/// Links an ELF object to a shared object that needs only libm.so.6. `libm` is
/// an object that defines all functions that `object` may call. A call of
/// another function is an error.
lora_rt::Expected<std::string> linkSharedObject(llvm::StringRef object,
                                                llvm::StringRef libm);

} // namespace lora

#endif // LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H
