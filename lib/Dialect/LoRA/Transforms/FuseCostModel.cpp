//===- FuseCostModel.cpp - A cost model for branches ----------------------===//
//
// The formulas of FuseCostModel.h. Times are microseconds. They only rank the
// forms of a group.
//
//===----------------------------------------------------------------------===//

#include "FuseCostModel.h"

#include <algorithm>

using namespace lora;

FormCosts lora::estimateForms(llvm::ArrayRef<BranchShape> branches, int64_t in,
                              int64_t bytes, const CostParameters &p) {
  double perByte = 1e-3 / p.gigabytesPerSecond; // microseconds
  double perFlop = 1e-3 / (p.gigaflops * (bytes < 4 ? 2 : 1));
  auto matmul = [&](double n, double k) {
    double traffic = double(bytes) * (n * k + p.tokens * (n + k));
    return p.launchMicroseconds +
           std::max(traffic * perByte, 2 * p.tokens * n * k * perFlop);
  };
  FormCosts costs;
  double outs = 0, ranks = 0, ups = 0, copies = 0;
  for (const BranchShape &branch : branches) {
    double up = matmul(branch.out, branch.rank);
    costs.merged += matmul(branch.out, in);
    costs.separate += matmul(branch.rank, in);
    ups += up;
    // The augmented result is separated, so it is read and written once more.
    copies += 2.0 * bytes * p.tokens * branch.out * perByte;
    outs += branch.out;
    ranks += branch.rank;
  }
  costs.separate += costs.merged + ups;
  costs.fused = costs.merged + matmul(ranks, in) + ups;
  costs.augmented = matmul(outs + ranks, in) + ups + copies;
  return costs;
}
