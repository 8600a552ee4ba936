//===- Link.h - An object becomes a shared object ---------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H
#define LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H

#include "lora-runtime/Error.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace lora {

/// Links an ELF object to a shared object that needs nothing but libm.so.6.
/// `libm` is an object that defines all that `object` may call; a call of
/// something else is an error.
lora_rt::Expected<std::string> linkSharedObject(llvm::StringRef object,
                                                llvm::StringRef libm);

} // namespace lora

#endif // LORA_MLIR_LIB_TARGET_NATIVECODE_LINK_H
