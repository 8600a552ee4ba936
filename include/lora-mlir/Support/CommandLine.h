//===- CommandLine.h - Options that are given at most once ------*- C++ -*-===//

#ifndef LORA_MLIR_SUPPORT_COMMANDLINE_H
#define LORA_MLIR_SUPPORT_COMMANDLINE_H

#include "llvm/Support/CommandLine.h"

#include <string>

namespace lora {

/// What is wrong if an option that takes one value was given several: LLVM
/// would take the last without a word. Empty if there is none. To be asked
/// after `cl::ParseCommandLineOptions`.
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
