//===- StandardOutput.h - LLVM's streams at the end of a tool ---*- C++ -*-===//
//
// Tools write results to `llvm::outs()`. This file makes sure that errors of
// these streams are reported like those of stdio.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_STANDARDOUTPUT_H
#define LORA_MLIR_SUPPORT_STANDARDOUTPUT_H

#include "lora-runtime/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <string>

namespace lora {

/// Calls lora_rt::beginProgram for a tool that writes to LLVM's streams. At the
/// end, the buffer of `llvm::outs()` is written, and an error is reported as
/// for other programs. Otherwise LLVM would end the process with a message of
/// its own, even for progress that nobody reads.
inline void beginTool(const std::string &name) {
  lora_rt::beginProgram(name + ": error: ");
  // They are made before the handler is registered, so they are destroyed after
  // it has run.
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
