//===- Programs.h - Merging in compiled files -------------------*- C++ -*-===//
//
// The commands of Models.h on compiled files: their options name compiled files
// instead of model folders.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_PROGRAMS_H
#define LORA_MLIR_LIB_ADAPTER_PROGRAMS_H

#include "ProgramFile.h"
#include "lora-mlir/Adapter/Models.h"

namespace lora {

lora_rt::Expected<RoundingReport> mergeProgram(const MergeOptions &options,
                                               const Reporting &reporting);
lora_rt::Expected<UnmergeResult> unmergeProgram(const UnmergeOptions &options,
                                                const Reporting &reporting);
lora_rt::Expected<SwitchResult> switchProgram(const SwitchOptions &options,
                                              const Reporting &reporting);

/// Unmerges exactly into a workspace named after `beside`, and merges the new
/// adapter from there. Serves folders and compiled files.
lora_rt::Expected<SwitchResult> switchExactly(const SwitchOptions &options,
                                              const std::string &beside,
                                              const Reporting &reporting);

/// Fails unless the file says that this adapter is merged into it.
lora_rt::Error checkMerged(const ProgramFile &program,
                           const std::string &adapterFolder);

/// What a file will say about an adapter that is merged into it.
lora_rt::Expected<lora_rt::CarriedAdapter>
describeAdapter(const std::string &folder);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_PROGRAMS_H
