//===- CpuFeatures.h - Does this CPU have what the code needs? --*- C++ -*-===//
//
// The check runs before any code for a particular CPU, so an unsuitable CPU is
// an error and not an illegal instruction.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H
#define LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H

#include "lora-runtime/Error.h"

#include <string>
#include <vector>

namespace lora_rt {

/// Succeeds if the CPU and the operating system support all of these
/// instruction set extensions (LLVM's names: "avx512bf16"); otherwise the error
/// names those that are missing. `cpu` is the CPU for which the code was
/// compiled.
Error checkCpuFeatures(const std::vector<std::string> &features,
                       const std::string &cpu);

/// The name of this CPU, for messages.
std::string cpuName();

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H
