//===- AdapterFolders.h - What a pipeline reads -----------------*- C++ -*-===//

#ifndef LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H
#define LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H

#include <string>
#include <vector>

namespace mlir {
class MlirOptMainConfig;
} // namespace mlir

namespace lora {

/// The folders that the options `adapter-dir` of the pipeline's passes name;
/// none for a pipeline that cannot be built, which is told when it is run.
std::vector<std::string>
adapterFoldersOf(const mlir::MlirOptMainConfig &config);

} // namespace lora

#endif // LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H
