//===- LowRank.h - Products of skinny matrices ------------------*- C++ -*-===//
//
// Properties of the product B A [out, in], computed from B [out, rank] and A
// [rank, in]. The product itself is never formed.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_LOWRANK_H
#define LORA_MLIR_LIB_ADAPTER_LOWRANK_H

#include "lora-mlir/Support/Factorizations.h"

namespace lora {

/// The largest min(rank, out, in) singular values of b a and their vectors; all
/// other singular values are zero. If `rank` is not 0, only so many are
/// returned. With the QR factorizations B = Q R and Aᵀ = P S, the SVD of R Sᵀ
/// gives the result.
lora_rt::Expected<Svd> svdOfProduct(const DenseMatrix &b, const DenseMatrix &a,
                                    int64_t rank = 0);

/// The two factors of a product.
struct Factors {
  DenseMatrix b, a;
};

/// Two factors whose product is u diag(s) vt. Each gets the square root of s,
/// so that neither is much larger than the other.
lora_rt::Expected<Factors> balancedFactors(const Svd &svd);

/// The Frobenius norm of what the truncation removed, divided by that of the
/// whole; both of `svd`.
double lostShare(const Svd &svd);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_LOWRANK_H
