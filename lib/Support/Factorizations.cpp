//===- Factorizations.cpp - SVD and QR by LAPACK --------------------------===//
//
// A row-major matrix is the transpose of a column-major one in the same memory.
// So nothing is transposed here. The SVD of A is the SVD of its transpose with
// the two sides exchanged. The QR of A is the LQ of its transpose; it uses the
// same reflections, so its signs are the same.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/Factorizations.h"
#include "Lapack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <string>

using namespace lora_rt;

namespace lora {

namespace {

std::string shape(int64_t rows, int64_t columns) {
  return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

Error noMemory(int64_t rows, int64_t columns) {
  return makeError(ErrorCode::System, "there is no memory for a matrix ",
                   shape(rows, columns), " of f64");
}

/// LAPACKE's result as an error; `what` names the factorization.
Error check(lapack_int info, const char *what, int64_t rows, int64_t columns) {
  if (info == 0)
    return Error::success();
  if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
    return makeError(ErrorCode::System, "there is no memory for the ", what,
                     " of a matrix ", shape(rows, columns));
  if (info > 0)
    return makeError(ErrorCode::System, "the ", what, " of a matrix ",
                     shape(rows, columns), " did not converge (LAPACK: ", info,
                     ")");
  return makeError(ErrorCode::System, "LAPACK refused argument ", -info,
                   " of the ", what, " of a matrix ", shape(rows, columns));
}

/// Opens LAPACK and checks the input: sizes that fit 32-bit integers, a span of
/// that size, and finite values. Returns the sum of the squares.
template <typename T>
Expected<double> checkInput(std::span<const T> matrix, int64_t rows,
                            int64_t columns) {
  constexpr int64_t limit = std::numeric_limits<int32_t>::max();
  if (rows < 1 || columns < 1 || rows > limit || columns > limit ||
      matrix.size() / size_t(columns) != size_t(rows) ||
      matrix.size() % size_t(columns) != 0)
    return makeError(ErrorCode::InvalidArgument, "expected a matrix ",
                     shape(rows, columns), " with sides from 1 to ", limit,
                     ", but got ", matrix.size(), " values");
  if (Error error = openLapack())
    return error;
  double sum = 0;
  for (int64_t i = 0; i < rows; ++i) {
    double rowSum = 0;
    for (int64_t j = 0; j < columns; ++j) {
      double value = matrix[size_t(i * columns + j)];
      if (!std::isfinite(value))
        return makeError(ErrorCode::InvalidArgument,
                         "expected finite values, but got ", value, " at [", i,
                         ", ", j, "]");
      rowSum += value * value;
    }
    sum += rowSum;
  }
  return sum;
}

template <typename T>
Expected<DenseMatrix> copyOf(std::span<const T> matrix, int64_t rows,
                             int64_t columns) {
  Expected<DenseMatrix> copy = DenseMatrix::create(rows, columns);
  if (copy)
    std::copy(matrix.begin(), matrix.end(), copy->data());
  return copy;
}

/// The SVD by dgesdd, truncated to `rank`. It overwrites its copy of the
/// matrix.
Expected<Svd> fullSvd(DenseMatrix a, int64_t rank) {
  int64_t rows = a.rows(), columns = a.columns(), k = std::min(rows, columns);
  Expected<DenseMatrix> u = DenseMatrix::create(rows, k);
  if (!u)
    return u.takeError();
  Expected<DenseMatrix> vt = DenseMatrix::create(k, columns);
  if (!vt)
    return vt.takeError();
  std::vector<double> s(static_cast<size_t>(k));
  // LAPACK reads this memory as the transpose of A, [columns, rows].
  if (Error error =
          check(lapack().dgesdd(LAPACK_COL_MAJOR, 'S', lapack_int(columns),
                                lapack_int(rows), a.data(), lapack_int(columns),
                                s.data(), vt->data(), lapack_int(columns),
                                u->data(), lapack_int(k)),
                "singular value decomposition", rows, columns))
    return error;
  if (rank == k)
    return Svd{std::move(*u), std::move(s), std::move(*vt), 0};
  s.resize(size_t(rank));
  Svd result{{}, std::move(s), {}, 0};
  Expected<DenseMatrix> left = DenseMatrix::create(rows, rank);
  if (!left)
    return left.takeError();
  Expected<DenseMatrix> right = DenseMatrix::create(rank, columns);
  if (!right)
    return right.takeError();
  for (int64_t i = 0; i < rows; ++i)
    std::copy_n(u->row(i), rank, left->row(i));
  std::copy_n(vt->data(), rank * columns, right->data());
  result.u = std::move(*left);
  result.vt = std::move(*right);
  return result;
}

constexpr int64_t kBlock = 512;

/// Calls `visit(first row, block)` for blocks of rows of `matrix`, converted to
/// f64.
template <typename T, typename Visit>
Error forEachRowBlock(std::span<const T> matrix, int64_t rows, int64_t columns,
                      Visit visit) {
  Expected<DenseMatrix> block =
      DenseMatrix::create(std::min(kBlock, rows), columns);
  if (!block)
    return block.takeError();
  for (int64_t first = 0; first < rows; first += kBlock) {
    int64_t count = std::min(kBlock, rows - first);
    std::copy_n(matrix.begin() + first * columns, count * columns,
                block->data());
    visit(first, count, *block);
  }
  return Error::success();
}

/// The upper triangle of the Gram matrix of the smaller side.
template <typename T>
Expected<DenseMatrix> gram(std::span<const T> matrix, int64_t rows,
                           int64_t columns) {
  int64_t n = std::min(rows, columns);
  Expected<DenseMatrix> result = DenseMatrix::create(n, n);
  if (!result)
    return result;
  if (columns <= rows) {
    if (Error error = forEachRowBlock(
            matrix, rows, columns,
            [&](int64_t, int64_t count, const DenseMatrix &block) {
              lapack().dsyrk(CblasRowMajor, CblasUpper, CblasTrans, int(n),
                             int(count), 1, block.data(), int(columns), 1,
                             result->data(), int(n));
            }))
      return error;
    return result;
  }
  Expected<DenseMatrix> block = DenseMatrix::create(rows, kBlock);
  if (!block)
    return block.takeError();
  for (int64_t first = 0; first < columns; first += kBlock) {
    int64_t count = std::min(kBlock, columns - first);
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(matrix.begin() + i * columns + first, count, block->row(i));
    lapack().dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, int(n), int(count),
                   1, block->data(), int(kBlock), 1, result->data(), int(n));
  }
  return result;
}

/// The eigenvectors of the largest `rank` eigenvalues of a symmetric matrix, as
/// orthonormal rows [rank, n]. Only the upper triangle of the matrix is read.
Expected<DenseMatrix> topEigenvectors(DenseMatrix matrix, int64_t rank) {
  auto n = lapack_int(matrix.rows());
  Expected<DenseMatrix> vectors = DenseMatrix::create(rank, n);
  if (!vectors)
    return vectors;
  std::vector<double> eigenvalues(static_cast<size_t>(n));
  std::vector<lapack_int> support(2 * static_cast<size_t>(rank));
  lapack_int found = 0;
  // A row-major upper triangle is a column-major lower one. The columns of Z
  // are rows here.
  if (Error error = check(lapack().dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', n,
                                          matrix.data(), n, 0, 0,
                                          lapack_int(n - rank + 1), n, 0,
                                          &found, eigenvalues.data(),
                                          vectors->data(), n, support.data()),
                          "eigenvalue decomposition", n, n))
    return error;
  if (found != rank)
    return makeError(ErrorCode::System,
                     "the eigenvalue decomposition of a matrix ", shape(n, n),
                     " found ", found, " of ", rank, " eigenvalues");
  return vectors;
}

/// The SVD of A = `matrix` within the subspace that the rows of `basis` [rank,
/// smaller side] span (the Rayleigh-Ritz method).
template <typename T>
Expected<Svd> svdWithin(const DenseMatrix &basis, std::span<const T> matrix,
                        int64_t rows, int64_t columns) {
  int64_t rank = basis.rows();
  bool tall = columns <= rows;
  // If A is tall, projected = A basis^T [rows, rank]; otherwise basis A [rank,
  // columns].
  Expected<DenseMatrix> projected =
      DenseMatrix::create(tall ? rows : rank, tall ? rank : columns);
  if (!projected)
    return projected.takeError();
  if (Error error = forEachRowBlock(
          matrix, rows, columns,
          [&](int64_t first, int64_t count, const DenseMatrix &block) {
            if (tall)
              lapack().dgemm(CblasRowMajor, CblasNoTrans, CblasTrans,
                             int(count), int(rank), int(columns), 1,
                             block.data(), int(columns), basis.data(),
                             int(columns), 0, projected->row(first), int(rank));
            else
              lapack().dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans,
                             int(rank), int(columns), int(count), 1,
                             basis.data() + first, int(rows), block.data(),
                             int(columns), 1, projected->data(), int(columns));
          }))
    return error;
  Expected<Svd> svd = fullSvd(std::move(*projected), rank);
  if (!svd)
    return svd;
  if (tall) {
    Expected<DenseMatrix> vt = multiply(svd->vt, basis);
    if (!vt)
      return vt.takeError();
    svd->vt = std::move(*vt);
    return svd;
  }
  Expected<DenseMatrix> u = DenseMatrix::create(rows, rank);
  if (!u)
    return u.takeError();
  lapack().dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, int(rows), int(rank),
                 int(rank), 1, basis.data(), int(rows), svd->u.data(),
                 int(rank), 0, u->data(), int(rank));
  svd->u = std::move(*u);
  return svd;
}

template <typename T>
Expected<Svd> truncatedSvdOf(std::span<const T> matrix, int64_t rows,
                             int64_t columns, int64_t rank) {
  Expected<double> squaredNorm = checkInput(matrix, rows, columns);
  if (!squaredNorm)
    return squaredNorm.takeError();
  int64_t smaller = std::min(rows, columns);
  if (rank < 1 || rank > smaller)
    return makeError(ErrorCode::InvalidArgument, "expected a rank from 1 to ",
                     smaller, " for a matrix ", shape(rows, columns),
                     ", but got ", rank);
  auto withNorm = [&](Expected<Svd> svd) {
    if (svd)
      svd->squaredNorm = *squaredNorm;
    return svd;
  };
  if (smaller > 256 && rank * 4 <= smaller) {
    Expected<DenseMatrix> square = gram(matrix, rows, columns);
    if (!square)
      return square.takeError();
    Expected<DenseMatrix> basis = topEigenvectors(std::move(*square), rank);
    if (!basis)
      return basis.takeError();
    return withNorm(svdWithin(*basis, matrix, rows, columns));
  }
  Expected<DenseMatrix> copy = copyOf(matrix, rows, columns);
  if (!copy)
    return copy.takeError();
  return withNorm(fullSvd(std::move(*copy), rank));
}

template <typename T>
Expected<std::vector<double>> singularValuesOf(std::span<const T> matrix,
                                               int64_t rows, int64_t columns) {
  Expected<double> norm = checkInput(matrix, rows, columns);
  if (!norm)
    return norm.takeError();
  Expected<DenseMatrix> copy = copyOf(matrix, rows, columns);
  if (!copy)
    return copy.takeError();
  std::vector<double> s(static_cast<size_t>(std::min(rows, columns)));
  if (Error error = check(lapack().dgesdd(LAPACK_COL_MAJOR, 'N',
                                          lapack_int(columns), lapack_int(rows),
                                          copy->data(), lapack_int(columns),
                                          s.data(), nullptr, 1, nullptr, 1),
                          "singular value decomposition", rows, columns))
    return error;
  return s;
}

template <typename T>
Expected<Qr> thinQrOf(std::span<const T> matrix, int64_t rows,
                      int64_t columns) {
  Expected<double> norm = checkInput(matrix, rows, columns);
  if (!norm)
    return norm.takeError();
  Expected<DenseMatrix> a = copyOf(matrix, rows, columns);
  if (!a)
    return a.takeError();
  int64_t k = std::min(rows, columns);
  Expected<DenseMatrix> q = DenseMatrix::create(rows, k);
  if (!q)
    return q.takeError();
  Expected<DenseMatrix> r = DenseMatrix::create(k, columns);
  if (!r)
    return r.takeError();
  std::vector<double> tau(static_cast<size_t>(k));
  auto m = lapack_int(rows), n = lapack_int(columns), kk = lapack_int(k);
  if (Error error = check(
          lapack().dgelqf(LAPACK_COL_MAJOR, n, m, a->data(), n, tau.data()),
          "QR factorization", rows, columns))
    return error;
  for (int64_t i = 0; i < k; ++i)
    std::copy(a->row(i) + i, a->row(i) + columns, r->row(i) + i);
  if (Error error = check(lapack().dorglq(LAPACK_COL_MAJOR, kk, m, kk,
                                          a->data(), n, tau.data()),
                          "QR factorization", rows, columns))
    return error;
  for (int64_t i = 0; i < rows; ++i)
    std::copy_n(a->row(i), k, q->row(i));
  return Qr{std::move(*q), std::move(*r)};
}

} // namespace

Expected<DenseMatrix> DenseMatrix::create(int64_t rows, int64_t columns) {
  constexpr int64_t limit =
      std::numeric_limits<int64_t>::max() / int64_t(sizeof(double));
  if (rows < 0 || columns < 0 || (columns != 0 && rows > limit / columns))
    return noMemory(rows, columns);
  DenseMatrix result;
  result.values.reset(new (std::nothrow) double[size_t(rows * columns)]());
  if (!result.values)
    return noMemory(rows, columns);
  result.numRows = rows;
  result.numColumns = columns;
  return result;
}

std::vector<float> DenseMatrix::toFloat() const {
  return {data(), data() + numRows * numColumns};
}

Expected<Svd> truncatedSvd(std::span<const float> matrix, int64_t rows,
                           int64_t columns, int64_t rank) {
  return truncatedSvdOf(matrix, rows, columns, rank);
}

Expected<Svd> truncatedSvd(std::span<const double> matrix, int64_t rows,
                           int64_t columns, int64_t rank) {
  return truncatedSvdOf(matrix, rows, columns, rank);
}

Expected<std::vector<double>> singularValues(std::span<const float> matrix,
                                             int64_t rows, int64_t columns) {
  return singularValuesOf(matrix, rows, columns);
}

Expected<std::vector<double>> singularValues(std::span<const double> matrix,
                                             int64_t rows, int64_t columns) {
  return singularValuesOf(matrix, rows, columns);
}

Expected<Qr> thinQr(std::span<const float> matrix, int64_t rows,
                    int64_t columns) {
  return thinQrOf(matrix, rows, columns);
}

Expected<Qr> thinQr(std::span<const double> matrix, int64_t rows,
                    int64_t columns) {
  return thinQrOf(matrix, rows, columns);
}

Expected<DenseMatrix> multiply(const DenseMatrix &a, const DenseMatrix &b) {
  if (Error error = openLapack())
    return error;
  Expected<DenseMatrix> result = DenseMatrix::create(a.rows(), b.columns());
  if (result && a.columns() != 0)
    lapack().dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, int(a.rows()),
                   int(b.columns()), int(a.columns()), 1, a.data(),
                   int(a.columns()), b.data(), int(b.columns()), 0,
                   result->data(), int(b.columns()));
  return result;
}

Expected<DenseMatrix> multiplyTransposed(const DenseMatrix &a,
                                         const DenseMatrix &b) {
  if (Error error = openLapack())
    return error;
  Expected<DenseMatrix> result = DenseMatrix::create(a.rows(), b.rows());
  if (result && a.columns() != 0)
    lapack().dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(a.rows()),
                   int(b.rows()), int(a.columns()), 1, a.data(),
                   int(a.columns()), b.data(), int(b.columns()), 0,
                   result->data(), int(b.rows()));
  return result;
}

} // namespace lora
