//===- LowRank.cpp - Products of skinny matrices --------------------------===//
//
// Implements LowRank.h with the QR and SVD of lora-mlir/Support, in f64.
//
//===----------------------------------------------------------------------===//

#include "LowRank.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using lora_rt::Expected;

static Expected<DenseMatrix> transposed(const DenseMatrix &a) {
  Expected<DenseMatrix> result = DenseMatrix::create(a.columns(), a.rows());
  if (result)
    for (int64_t i = 0; i < a.rows(); ++i)
      for (int64_t j = 0; j < a.columns(); ++j)
        (*result)(j, i) = a(i, j);
  return result;
}

Expected<Svd> lora::svdOfProduct(const DenseMatrix &b, const DenseMatrix &a,
                                 int64_t rank) {
  auto at = transposed(a);
  if (!at)
    return at.takeError();
  auto left = thinQr(b.span(), b.rows(), b.columns());
  if (!left)
    return left.takeError();
  auto right = thinQr(at->span(), at->rows(), at->columns());
  if (!right)
    return right.takeError();
  auto core = multiplyTransposed(left->r, right->r);
  if (!core)
    return core.takeError();
  int64_t most = std::min(core->rows(), core->columns());
  auto svd = truncatedSvd(core->span(), core->rows(), core->columns(),
                          rank == 0 ? most : std::min(rank, most));
  if (!svd)
    return svd;
  auto u = multiply(left->q, svd->u);
  if (!u)
    return u.takeError();
  auto vt = multiplyTransposed(svd->vt, right->q);
  if (!vt)
    return vt.takeError();
  svd->u = std::move(*u);
  svd->vt = std::move(*vt);
  return svd;
}

Expected<Factors> lora::balancedFactors(const Svd &svd) {
  auto rank = int64_t(svd.s.size());
  auto b = DenseMatrix::create(svd.u.rows(), rank);
  if (!b)
    return b.takeError();
  auto a = DenseMatrix::create(rank, svd.vt.columns());
  if (!a)
    return a.takeError();
  for (int64_t k = 0; k < rank; ++k) {
    double root = std::sqrt(svd.s[size_t(k)]);
    for (int64_t i = 0; i < b->rows(); ++i)
      (*b)(i, k) = root * svd.u(i, k);
    for (int64_t j = 0; j < a->columns(); ++j)
      (*a)(k, j) = root * svd.vt(k, j);
  }
  return Factors{std::move(*b), std::move(*a)};
}

double lora::lostShare(const Svd &svd) {
  double kept = 0;
  for (double value : svd.s)
    kept += value * value;
  if (svd.squaredNorm <= 0)
    return 0;
  double lost = (svd.squaredNorm - kept) / svd.squaredNorm;
  // The difference of two sums of squares is not more exact than this.
  return lost < 1e-13 ? 0 : std::sqrt(lost);
}
