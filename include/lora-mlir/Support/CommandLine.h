//===- CommandLine.h - Options that are given at most once ------*- C++ -*-===//
//
// LLVM's command line takes the last value of an option that is given several
// times. Here that is an error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_COMMANDLINE_H
#define LORA_MLIR_SUPPORT_COMMANDLINE_H

#include "llvm/Support/CommandLine.h"

#include <string>

namespace lora {

/// The error if an option for one value was given several times; empty if there
/// is none. Call it after `cl::ParseCommandLineOptions`.
inline std::string findRepeatedOption() {
  for (auto &[name, option] : llvm::cl::getRegisteredOptions())
    if (option->getNumOccurrences() > 1 &&
        option->getNumOccurrencesFlag() != llvm::cl::ZeroOrMore &&
        option->getNumOccurrencesFlag() != llvm::cl::OneOrMore &&
        option->getValueExpectedFlag() == llvm::cl::ValueRequired)
      return (name.size() == 1 ? "-" : "--") + name.str() + ": given " +
             std::to_string(option->getNumOccurrences()) +
             " times; give it once";
  return {};
}

} // namespace lora

#endif // LORA_MLIR_SUPPORT_COMMANDLINE_H
