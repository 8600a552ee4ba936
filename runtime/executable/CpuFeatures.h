//===- CpuFeatures.h - Does this CPU have what the code needs? --*- C++ -*-===//

#ifndef LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H
#define LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H

#include "lora-runtime/Error.h"

#include <string>
#include <vector>

namespace lora_rt {

/// Success if the CPU and the operating system offer all of these instruction
/// set extensions (LLVM's names: "avx512bf16"); otherwise names what is
/// missing. `cpu` is what the code was compiled for.
Error checkCpuFeatures(const std::vector<std::string> &features,
                       const std::string &cpu);

/// The CPU's own name, for people.
std::string cpuName();

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_CPUFEATURES_H
