//===- TestFiles.h - Folders and adapters for tests ---------------*-
// C++-*-===//

#ifndef LORA_MLIR_TEST_UNIT_ADAPTER_TESTFILES_H
#define LORA_MLIR_TEST_UNIT_ADAPTER_TESTFILES_H

#include "AdapterBranches.h"
#include "lora-runtime/Safetensors.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <unistd.h>

namespace lora::test {

/// A folder that is removed at the end of a test.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = ::testing::TempDir() + "/lora-adapter-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }

private:
  std::string path;
};

/// Random values that f32 represents exactly.
inline DenseMatrix random(int64_t rows, int64_t columns, unsigned seed) {
  DenseMatrix result = std::move(*DenseMatrix::create(rows, columns));
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < rows * columns; ++i)
    result.data()[i] = normal(generator);
  return result;
}

/// scale * b a
inline DenseMatrix product(const DenseMatrix &b, const DenseMatrix &a,
                           double scale) {
  DenseMatrix result = std::move(*multiply(b, a));
  for (int64_t i = 0; i < result.rows() * result.columns(); ++i)
    result.data()[i] *= scale;
  return result;
}

/// The change that an adapter makes to a layer, as a matrix [out, in].
inline DenseMatrix deltaOf(const BranchedAdapter &adapter,
                           const std::string &target) {
  for (const AdapterBranch &branch : adapter.branches)
    if (branch.target == target)
      return product(*toMatrix(*branch.b), *toMatrix(*branch.a), branch.scale);
  ADD_FAILURE() << "no target " << target;
  return {};
}

inline double distance(const DenseMatrix &a, const DenseMatrix &b) {
  EXPECT_EQ(a.rows(), b.rows());
  EXPECT_EQ(a.columns(), b.columns());
  if (a.rows() != b.rows() || a.columns() != b.columns())
    return INFINITY;
  double largest = 0;
  for (int64_t i = 0; i < a.rows() * a.columns(); ++i)
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  return largest;
}

} // namespace lora::test

#endif // LORA_MLIR_TEST_UNIT_ADAPTER_TESTFILES_H
