//===- StandardOutput.h - LLVM's streams at the end of a tool ---*- C++ -*-===//

#ifndef LORA_MLIR_SUPPORT_STANDARDOUTPUT_H
#define LORA_MLIR_SUPPORT_STANDARDOUTPUT_H

#include "lora-runtime/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <string>

namespace lora {

/// lora_rt::beginProgram for a tool that writes to LLVM's streams: what
/// `llvm::outs()` still holds at the end is written, and an error is told as
/// elsewhere. Without this LLVM ends the process with a message of its own,
/// also for progress that nobody reads.
inline void beginTool(const std::string &name) {
  lora_rt::beginProgram(name + ": error: ");
  // Made before the handler is registered, so destroyed after it ran.
  llvm::outs();
  llvm::errs();
  on_exit(
      [](int status, void *) {
        llvm::errs().clear_error();
        llvm::outs().flush();
        std::error_code error = llvm::outs().error();
        llvm::outs().clear_error();
        if (error)
          lora_rt::failOutput(status, error.value());
      },
      nullptr);
}

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STANDARDOUTPUT_H
