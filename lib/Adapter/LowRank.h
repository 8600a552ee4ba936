//===- LowRank.h - Products of skinny matrices ------------------*- C++ -*-===//
//
// Facts about B A, [out, in], from B [out, rank] and A [rank, in]; the product
// itself is never formed.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_LOWRANK_H
#define LORA_MLIR_LIB_ADAPTER_LOWRANK_H

#include "lora-mlir/Support/Factorizations.h"

namespace lora {

/// The min(rank, out, in) largest singular values of b a, which are all that
/// are not zero, and their vectors; cut to `rank` if that is not 0. B = Q R and
/// Aᵀ = P S by QR; the SVD is that of R Sᵀ.
lora_rt::Expected<Svd> svdOfProduct(const DenseMatrix &b, const DenseMatrix &a,
                                    int64_t rank = 0);

/// B and A of a product.
struct Factors {
  DenseMatrix b, a;
};

/// Two factors of u diag(s) vt, each with the root of s, so that neither is
/// much larger than the other.
lora_rt::Expected<Factors> balancedFactors(const Svd &svd);

/// ||what the truncation of `svd` lost|| / ||everything||
double lostShare(const Svd &svd);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_LOWRANK_H
