//===- AdapterFolders.h - What a pipeline reads -----------------*- C++ -*-===//
//
// lora-opt must not write over a folder that one of its passes reads.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H
#define LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H

#include <string>
#include <vector>

namespace mlir {
class MlirOptMainConfig;
} // namespace mlir

namespace lora {

/// The folders in the options `adapter-dir` of the pipeline's passes. Empty for
/// a pipeline that cannot be built; that error is reported when it is run.
std::vector<std::string>
adapterFoldersOf(const mlir::MlirOptMainConfig &config);

} // namespace lora

#endif // LORA_MLIR_TOOLS_LORA_OPT_ADAPTERFOLDERS_H
