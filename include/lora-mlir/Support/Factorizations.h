//===- Factorizations.h - SVD and QR of dense matrices ----------*- C++ -*-===//
//
// The factorizations that adapters are made with (PiSSA, OLoRA, the algebra of
// adapters), by LAPACK. Everything is computed in f64 and every matrix is
// row-major. A failure says which matrix size and which value; the caller
// knows the tensor's name and puts it in front.
//
// LAPACK and BLAS are whatever the machine's alternatives name; setup installs
// OpenBLAS in the variant with threads of its own, so that it shares nothing
// with the OpenMP library that oneDNN runs on. It takes every core, or as many
// as OPENBLAS_NUM_THREADS or OMP_NUM_THREADS say.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_FACTORIZATIONS_H
#define LORA_MLIR_SUPPORT_FACTORIZATIONS_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lora {

/// A dense row-major matrix of f64 that owns its values.
class DenseMatrix {
public:
  DenseMatrix() = default;

  /// rows x columns zeros, or an error when there is no memory for them.
  static lora_rt::Expected<DenseMatrix> create(int64_t rows, int64_t columns);

  int64_t rows() const { return numRows; }
  int64_t columns() const { return numColumns; }
  double *data() { return values.get(); }
  const double *data() const { return values.get(); }
  double *row(int64_t i) { return data() + i * numColumns; }
  const double *row(int64_t i) const { return data() + i * numColumns; }
  double &operator()(int64_t i, int64_t j) { return row(i)[j]; }
  double operator()(int64_t i, int64_t j) const { return row(i)[j]; }
  std::span<const double> span() const {
    return {data(), size_t(numRows * numColumns)};
  }
  /// The values, each rounded to f32.
  std::vector<float> toFloat() const;

private:
  std::unique_ptr<double[]> values;
  int64_t numRows = 0, numColumns = 0;
};

/// The largest singular values of a matrix A [rows, columns] and their vectors:
/// u diag(s) vt is the best approximation of A of that rank (Eckart and Young).
/// u's columns and vt's rows are orthonormal; a pair of them may have its sign
/// changed together, which LAPACK leaves open.
struct Svd {
  DenseMatrix u;         ///< [rows, rank]
  std::vector<double> s; ///< [rank], falling, none negative
  DenseMatrix vt;        ///< [rank, columns]
  /// The sum of the squares of all of A: what is lost by the truncation is
  /// this less the sum of the squares of s.
  double squaredNorm = 0;
};

/// The `rank` largest singular values and vectors of a row-major matrix;
/// 1 <= rank <= min(rows, columns).
///
/// Few of many (rank at most a quarter of the smaller side, which is above
/// 256) are taken from the eigenvectors of the Gram matrix (dsyrk, dsyevr) and
/// then made exact within that subspace by an SVD of A times it. Values below
/// about 1e-8 of the largest drown in that, as they do in f32 factors. It
/// needs a sixth of the time of the full SVD (dgesdd), which is used
/// otherwise, and memory for the smaller side squared only: on two cores, the
/// top 16 of [4096, 4096] take 4 seconds.
lora_rt::Expected<Svd> truncatedSvd(std::span<const float> matrix, int64_t rows,
                                    int64_t columns, int64_t rank);
lora_rt::Expected<Svd> truncatedSvd(std::span<const double> matrix,
                                    int64_t rows, int64_t columns,
                                    int64_t rank);

/// All min(rows, columns) singular values, falling (dgesdd).
lora_rt::Expected<std::vector<double>>
singularValues(std::span<const float> matrix, int64_t rows, int64_t columns);
lora_rt::Expected<std::vector<double>>
singularValues(std::span<const double> matrix, int64_t rows, int64_t columns);

/// A = q r, with k = min(rows, columns).
struct Qr {
  DenseMatrix q; ///< [rows, k], its columns are orthonormal
  DenseMatrix r; ///< [k, columns], upper triangular
};

/// The thin QR factorization by Householder reflections, with the signs of
/// LAPACK's dgeqrf, which torch.linalg.qr uses too: r's diagonal may be
/// negative.
lora_rt::Expected<Qr> thinQr(std::span<const float> matrix, int64_t rows,
                             int64_t columns);
lora_rt::Expected<Qr> thinQr(std::span<const double> matrix, int64_t rows,
                             int64_t columns);

/// a [m, k] times b [k, n].
lora_rt::Expected<DenseMatrix> multiply(const DenseMatrix &a,
                                        const DenseMatrix &b);

/// a [m, k] times the transpose of b [n, k].
lora_rt::Expected<DenseMatrix> multiplyTransposed(const DenseMatrix &a,
                                                  const DenseMatrix &b);

} // namespace lora

#endif // LORA_MLIR_SUPPORT_FACTORIZATIONS_H
