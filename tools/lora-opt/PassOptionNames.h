//===- PassOptionNames.h - A misspelled option of a pass --------*- C++ -*-===//
//
// MLIR and LLVM report a wrong pipeline without the names that are right. Here
// the error names the pass and the option that is near.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORA_OPT_PASSOPTIONNAMES_H
#define LORA_MLIR_TOOLS_LORA_OPT_PASSOPTIONNAMES_H

#include "mlir/Pass/PassManager.h"

namespace mlir {
class MlirOptMainConfig;
} // namespace mlir

namespace lora::opt {

/// Adds the pipeline that the command line asks for to `manager`. Where a pass
/// or a pipeline has no option of a name that it is given, the error says so,
/// and which name is near; MLIR's says only that there is none.
llvm::LogicalResult setUpPipeline(const mlir::MlirOptMainConfig &config,
                                  mlir::PassManager &manager,
                                  llvm::ArrayRef<const char *> commandLine);

} // namespace lora::opt

#endif // LORA_MLIR_TOOLS_LORA_OPT_PASSOPTIONNAMES_H
