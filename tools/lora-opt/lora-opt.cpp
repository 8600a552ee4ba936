//===- lora-opt.cpp - Runs passes on IR -----------------------------------===//
//
// The mlir-opt of this project: every dialect and pass of lora-mlir, and the
// upstream ones that its pipelines use.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/InitAll.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  lora::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "lora-mlir: rewrites the IR of transformers with adapters\n\n"
      "What a pass did and why is said in remarks: --remarks-filter='.*' shows "
      "them\n",
      registry));
}
