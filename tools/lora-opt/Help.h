//===- Help.h - What lora-opt --help prints ---------------------*- C++ -*-===//
//
// Upstream's help lists every option of LLVM's code generators and every pass
// of MLIR. This help only has what a user needs to rewrite IR of this project.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORAOPT_HELP_H
#define LORA_MLIR_TOOLS_LORAOPT_HELP_H

namespace lora {

/// Whether `--help` or `-h` is among the arguments.
bool asksForHelp(int argc, char **argv);

/// Prints the usual options, and the passes and pipelines of this project with
/// their options. It registers them, so nothing else may be registered before.
void printHelp();

} // namespace lora

#endif // LORA_MLIR_TOOLS_LORAOPT_HELP_H
