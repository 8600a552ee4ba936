//===- InitAll.cpp - Registration of everything ---------------------------===//
//
// Registers all dialects, their external models, passes and pipelines.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/InitAll.h"
#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Pipelines.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/BufferizableOpInterfaceImpl.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "lora-mlir/Import/Passes.h"
#include "lora-mlir/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void lora::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<lora::LoRADialect, onednn::OneDNNDialect, rt::RTDialect,
                  transformer::TransformerDialect>();
  onednn::registerBufferizableOpInterfaceExternalModels(registry);
}

void lora::registerAllPasses() {
  mlir::registerAllPasses();
  registerOwnPasses();
}

void lora::registerOwnPasses() {
  lora::registerLoRAPasses();
  lora::registerLoRAPipelines();
  lora::registerConversionPasses();
  onednn::registerOneDNNPasses();
  rt::registerRTPasses();
  transformer::registerTransformerPasses();
  lora::registerTransformsPasses();
  lora::registerImportPasses();
  lora::registerPipelines();
}
