//===- FuseCostModel.h - How long forms of branches take --------*- C++ -*-===//
//
// A matmul takes a launch, and then the longer of reading its operands and of
// its arithmetic (a roofline). It ranks the forms that a group of branches can
// have; it predicts no times.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSECOSTMODEL_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSECOSTMODEL_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace lora {

/// A linear layer [out, in] with a branch.
struct BranchShape {
  int64_t out, rank;
};

/// The rates of the machine, and the number of tokens.
struct CostParameters {
  double tokens = 1;
  double launchMicroseconds = 4;
  double gigabytesPerSecond = 30;
  double gigaflops = 200;
};

/// Microseconds of a group of branches that read one value, including the base
/// layers.
struct FormCosts {
  double separate = 0, fused = 0, augmented = 0, merged = 0;
};

FormCosts estimateForms(llvm::ArrayRef<BranchShape> branches, int64_t in,
                        int64_t bytesPerElement,
                        const CostParameters &parameters);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSECOSTMODEL_H
