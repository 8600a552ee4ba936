//===- plugin.cpp - What a pass outside of the project adds ---------------===//
//
// The entry point that `lora-opt --load-pass-plugin` looks for.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "WorkedPass", LLVM_VERSION_STRING,
          [] { lora::registerWorkedPasses(); }};
}
