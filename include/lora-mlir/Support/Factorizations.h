//===- Factorizations.h - SVD and QR of dense matrices ----------*- C++ -*-===//
//
// The factorizations for adapters (PiSSA, OLoRA, the algebra of adapters), by
// LAPACK. Everything is computed in f64, and every matrix is row-major. An
// error has the size of the matrix and the value; the caller adds the name of
// the tensor.
//
// The machine's alternatives choose LAPACK and BLAS. Set-up installs OpenBLAS
// in the variant with its own threads, so that it shares nothing with the
// OpenMP library of oneDNN. It uses every core, or as many as
// OPENBLAS_NUM_THREADS or OMP_NUM_THREADS say.
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

  /// A matrix of zeros with `rows` and `columns`; an error if there is not
  /// enough memory.
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
/// The columns of u and the rows of vt are orthonormal. The sign of such a pair
/// is not determined.
struct Svd {
  DenseMatrix u;         ///< [rows, rank]
  std::vector<double> s; ///< [rank], falling, none negative
  DenseMatrix vt;        ///< [rank, columns]
  /// The sum of the squares of all elements of A. The square of the truncation
  /// error is this minus the sum of the squares of s.
  double squaredNorm = 0;
};

/// The `rank` largest singular values and vectors of a row-major matrix; 1 <=
/// rank <= min(rows, columns).
///
/// If few values are requested (rank at most a quarter of the smaller side,
/// which is above 256), they come from the eigenvectors of the Gram matrix
/// (dsyrk, dsyevr), and an SVD of A within their subspace makes them exact.
/// This method loses values below about 1e-8 of the largest one, which f32
/// factors cannot represent either. It takes a sixth of the time of the full
/// SVD (dgesdd), which is used otherwise, and needs memory only for the square
/// of the smaller side. On two cores, the top 16 of [4096, 4096] take 4
/// seconds.
lora_rt::Expected<Svd> truncatedSvd(std::span<const float> matrix, int64_t rows,
                                    int64_t columns, int64_t rank);
lora_rt::Expected<Svd> truncatedSvd(std::span<const double> matrix,
                                    int64_t rows, int64_t columns,
                                    int64_t rank);

/// All min(rows, columns) singular values, in descending order (dgesdd).
lora_rt::Expected<std::vector<double>>
singularValues(std::span<const float> matrix, int64_t rows, int64_t columns);
lora_rt::Expected<std::vector<double>>
singularValues(std::span<const double> matrix, int64_t rows, int64_t columns);

/// A = q r, with k = min(rows, columns).
struct Qr {
  DenseMatrix q; ///< [rows, k], its columns are orthonormal
  DenseMatrix r; ///< [k, columns], upper triangular
};

/// The thin QR factorization by Householder reflections. Its signs are those of
/// LAPACK's dgeqrf, which torch.linalg.qr also uses: the diagonal of r may be
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
