//===- StandardOutput.h - Results that go to standard output ----*- C++ -*-===//

#ifndef LORA_MLIR_SUPPORT_STANDARDOUTPUT_H
#define LORA_MLIR_SUPPORT_STANDARDOUTPUT_H

#include "lora-runtime/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace lora {

/// Writes what `llvm::outs()` still holds. An error is told once: without this,
/// LLVM ends the process with a message of its own.
inline lora_rt::Error flushStandardOutput() {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return lora_rt::Error::success();
  llvm::outs().clear_error();
  return lora_rt::makeError(lora_rt::ErrorCode::System,
                            "standard output cannot be written to");
}

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STANDARDOUTPUT_H
