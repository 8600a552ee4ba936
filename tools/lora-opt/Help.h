//===- Help.h - What lora-opt --help prints ---------------------*- C++ -*-===//
//
// Upstream's help lists every option of LLVM's code generators and every pass
// of MLIR. This one has what a person needs to rewrite IR of this project.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORAOPT_HELP_H
#define LORA_MLIR_TOOLS_LORAOPT_HELP_H

namespace lora {

/// Whether `--help` or `-h` is among the arguments.
bool asksForHelp(int argc, char **argv);

/// Prints the usual options, and this project's passes and pipelines with their
/// options. Registers them; nothing else may be registered before.
void printHelp();

} // namespace lora

#endif // LORA_MLIR_TOOLS_LORAOPT_HELP_H
