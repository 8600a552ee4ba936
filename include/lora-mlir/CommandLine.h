//===- CommandLine.h - Command lines that LLVM parses -----------*- C++ -*-===//
//
// LLVM prints what is wrong with a command line in a form of its own, and ends
// the process. It also takes the last value of an option that is given several
// times. Here every mistake is a text that names the option and what was
// expected, as in the tools that use CLI11 (lora-runtime/CommandLine.h).
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMMANDLINE_H
#define LORA_MLIR_COMMANDLINE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/CommandLine.h"

#include <string>

namespace lora {

/// Parses a command line. Returns what is wrong with it; empty if nothing is.
/// `--help` and `--version` print their text and end the process.
std::string parseCommandLine(int argc, const char *const *argv,
                             llvm::StringRef overview = "");

/// The first error that LLVM's parser of options has printed, in the form of
/// this project: "--tokens: expected a whole number, but got '5x'".
std::string rewordOptionError(llvm::StringRef printed);

/// What `print` writes to a file descriptor; empty if that cannot be found out.
std::string captureOutput(int descriptor, llvm::function_ref<void()> print);

} // namespace lora

#endif // LORA_MLIR_COMMANDLINE_H
