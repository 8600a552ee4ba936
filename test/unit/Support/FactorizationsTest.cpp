//===- FactorizationsTest.cpp - SVD and QR --------------------------------===//
//
// The matrices are made from known singular values, QR is compared with
// LAPACK's dgeqrf, and the two methods for an SVD are compared with each other.
// Tolerances: f64 arithmetic has errors of about 1e-13 of the largest value
// here; rounding a matrix to f32 gives 6e-8.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/Factorizations.h"

#include <cmath>
#include <gtest/gtest.h>
#include <lapacke.h>
#include <limits>
#include <random>

using namespace lora;
using lora_rt::Expected;

namespace {

DenseMatrix random(int64_t rows, int64_t columns, unsigned seed) {
  DenseMatrix result = std::move(*DenseMatrix::create(rows, columns));
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < rows * columns; ++i)
    result.data()[i] = normal(generator);
  return result;
}

/// Random orthonormal columns.
DenseMatrix orthonormal(int64_t rows, int64_t columns, unsigned seed) {
  DenseMatrix matrix = random(rows, columns, seed);
  return std::move(thinQr(matrix.span(), rows, columns)->q);
}

/// A matrix with the singular values `s` and no others.
DenseMatrix withSingularValues(int64_t rows, int64_t columns,
                               const std::vector<double> &s, unsigned seed) {
  DenseMatrix u = orthonormal(rows, int64_t(s.size()), seed);
  DenseMatrix v = orthonormal(columns, int64_t(s.size()), seed + 1);
  for (int64_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < s.size(); ++j)
      u(i, int64_t(j)) *= s[j];
  return std::move(*multiplyTransposed(u, v));
}

std::vector<double> falling(size_t count) {
  std::vector<double> s;
  for (size_t i = 0; i < count; ++i)
    s.push_back(100 / (1 + 0.3 * double(i)));
  return s;
}

double distance(const DenseMatrix &a, const DenseMatrix &b) {
  EXPECT_EQ(a.rows(), b.rows());
  EXPECT_EQ(a.columns(), b.columns());
  double largest = 0;
  for (int64_t i = 0; i < a.rows() * a.columns(); ++i)
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  return largest;
}

/// How far the rows of `a` are from orthonormal.
double distanceFromOrthonormalRows(const DenseMatrix &a) {
  DenseMatrix product = std::move(*multiplyTransposed(a, a));
  for (int64_t i = 0; i < a.rows(); ++i)
    product(i, i) -= 1;
  return distance(product, *DenseMatrix::create(a.rows(), a.rows()));
}

DenseMatrix transposed(const DenseMatrix &a) {
  DenseMatrix result = std::move(*DenseMatrix::create(a.columns(), a.rows()));
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t j = 0; j < a.columns(); ++j)
      result(j, i) = a(i, j);
  return result;
}

DenseMatrix product(const Svd &svd) {
  DenseMatrix scaled =
      std::move(*DenseMatrix::create(svd.u.rows(), svd.u.columns()));
  for (int64_t i = 0; i < scaled.rows(); ++i)
    for (int64_t j = 0; j < scaled.columns(); ++j)
      scaled(i, j) = svd.u(i, j) * svd.s[size_t(j)];
  return std::move(*multiply(scaled, svd.vt));
}

/// Sizes for which all singular values are computed, and sizes for which the
/// Gram matrix is used; tall and wide.
struct Case {
  int64_t rows, columns, rank;
};
class Truncated : public ::testing::TestWithParam<Case> {};

TEST_P(Truncated, ValuesAndVectorsAreThoseThatTheMatrixWasMadeWith) {
  auto [rows, columns, rank] = GetParam();
  std::vector<double> s = falling(size_t(std::min(rows, columns)));
  DenseMatrix a = withSingularValues(rows, columns, s, 3);
  Expected<Svd> svd = truncatedSvd(a.span(), rows, columns, rank);
  ASSERT_TRUE(svd) << svd.message();
  ASSERT_EQ(int64_t(svd->s.size()), rank);
  double squares = 0, lost = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    squares += s[i] * s[i];
    if (i < size_t(rank))
      EXPECT_NEAR(svd->s[i], s[i], 1e-11);
    else
      lost += s[i] * s[i];
  }
  EXPECT_NEAR(svd->squaredNorm, squares, 1e-9 * squares);
  EXPECT_LT(distanceFromOrthonormalRows(svd->vt), 1e-12);
  EXPECT_LT(distanceFromOrthonormalRows(transposed(svd->u)), 1e-12);
  // Eckart and Young: the error consists of exactly the values that were cut
  // off.
  DenseMatrix kept = product(*svd);
  double missing = 0;
  for (int64_t i = 0; i < rows * columns; ++i)
    missing += std::pow(a.data()[i] - kept.data()[i], 2);
  EXPECT_NEAR(missing, lost, 1e-9 * squares);
}

TEST_P(Truncated, FloatsGiveTheSameUpToTheirRounding) {
  auto [rows, columns, rank] = GetParam();
  DenseMatrix a = random(rows, columns, 7);
  std::vector<float> narrow = a.toFloat();
  Expected<Svd> svd = truncatedSvd(narrow, rows, columns, rank);
  ASSERT_TRUE(svd) << svd.message();
  Expected<std::vector<double>> all = singularValues(narrow, rows, columns);
  ASSERT_TRUE(all) << all.message();
  ASSERT_EQ(int64_t(all->size()), std::min(rows, columns));
  Expected<std::vector<double>> wide = singularValues(a.span(), rows, columns);
  ASSERT_TRUE(wide) << wide.message();
  for (int64_t i = 0; i < rank; ++i) {
    EXPECT_NEAR(svd->s[size_t(i)], (*all)[size_t(i)], 1e-11);
    EXPECT_NEAR(svd->s[size_t(i)], (*wide)[size_t(i)], 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Truncated,
                         ::testing::Values(Case{13, 7, 7}, Case{7, 13, 4},
                                           Case{1, 5, 1}, Case{300, 420, 200},
                                           Case{700, 301, 16},
                                           Case{270, 1100, 5}));

TEST(Truncated, RanksThatTheMatrixDoesNotHaveAreZero) {
  for (auto [rows, columns] :
       {std::pair<int64_t, int64_t>{30, 40}, {640, 300}, {300, 640}}) {
    DenseMatrix a = withSingularValues(rows, columns, {5, 4, 3}, 11);
    Expected<Svd> svd = truncatedSvd(a.span(), rows, columns, 8);
    ASSERT_TRUE(svd) << svd.message();
    EXPECT_NEAR(svd->s[2], 3, 1e-12);
    for (size_t i = 3; i < 8; ++i)
      EXPECT_NEAR(svd->s[i], 0, 1e-7);
    EXPECT_LT(distanceFromOrthonormalRows(svd->vt), 1e-10);
    EXPECT_LT(distanceFromOrthonormalRows(transposed(svd->u)), 1e-10);
    EXPECT_LT(distance(product(*svd), a), 1e-6);
  }
  std::vector<float> zeros(600 * 301);
  Expected<Svd> svd = truncatedSvd(zeros, 600, 301, 4);
  ASSERT_TRUE(svd) << svd.message();
  EXPECT_EQ(svd->s, std::vector<double>(4));
}

TEST(Truncated, SaysWhatIsWrong) {
  std::vector<float> values(12, 1.0f);
  EXPECT_EQ(truncatedSvd(values, 3, 4, 4).message(),
            "expected a rank from 1 to 3 for a matrix [3, 4], but got 4");
  EXPECT_EQ(truncatedSvd(values, 3, 4, 0).message(),
            "expected a rank from 1 to 3 for a matrix [3, 4], but got 0");
  EXPECT_EQ(truncatedSvd(values, 3, 5, 1).message(),
            "expected a matrix [3, 5] with sides from 1 to 2147483647, but got "
            "12 values");
  EXPECT_FALSE(singularValues(values, 0, 0));
  EXPECT_FALSE(singularValues(values, -3, -4));
  values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(singularValues(values, 3, 4).message(),
            "expected finite values, but got nan at [1, 3]");
  values[7] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(thinQr(values, 3, 4).message(),
            "expected finite values, but got -inf at [1, 3]");
}

TEST(DenseMatrix, MoreThanThereIsMemoryForIsAnError) {
  Expected<DenseMatrix> matrix =
      DenseMatrix::create(int64_t(1) << 30, int64_t(1) << 29);
  ASSERT_FALSE(matrix);
  EXPECT_EQ(matrix.message(), "there is no memory for a matrix [1073741824, "
                              "536870912] of f64");
  EXPECT_FALSE(DenseMatrix::create(int64_t(1) << 40, int64_t(1) << 40));
}

class ThinQr : public ::testing::TestWithParam<Case> {};

TEST_P(ThinQr, HasTheSignsOfDgeqrf) {
  auto [rows, columns, k] = GetParam();
  DenseMatrix a = random(rows, columns, 5);
  Expected<Qr> qr = thinQr(a.span(), rows, columns);
  ASSERT_TRUE(qr) << qr.message();
  ASSERT_EQ(qr->q.columns(), k);
  ASSERT_EQ(qr->r.rows(), k);
  EXPECT_LT(distanceFromOrthonormalRows(transposed(qr->q)), 1e-13);
  EXPECT_LT(distance(*multiply(qr->q, qr->r), a), 1e-12);

  // The columns of A one after the other, in Fortran's order.
  DenseMatrix fortran = transposed(a);
  std::vector<double> tau(static_cast<size_t>(k));
  ASSERT_EQ(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, int(rows), int(columns),
                           fortran.data(), int(rows), tau.data()),
            0);
  int negative = 0;
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < columns; ++j)
      EXPECT_NEAR(qr->r(i, j), j < i ? 0 : fortran(j, i), 1e-12);
    negative += qr->r(i, i) < 0;
  }
  EXPECT_GT(negative, 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThinQr,
                         ::testing::Values(Case{37, 11, 11}, Case{11, 37, 11},
                                           Case{9, 9, 9}, Case{150, 131, 131}));

TEST(ThinQr, FloatsAreTakenAsTheyAre) {
  std::vector<float> a = {3, 1, 4, 2};
  Expected<Qr> qr = thinQr(a, 2, 2);
  ASSERT_TRUE(qr) << qr.message();
  EXPECT_NEAR(qr->r(0, 0), -5, 1e-14);
  EXPECT_NEAR(qr->r(0, 1), -2.2, 1e-14);
  EXPECT_NEAR(qr->q(0, 0), -0.6, 1e-14);
  EXPECT_EQ(qr->r(1, 0), 0);
}

} // namespace
