//===- AlgebraReport.cpp - What truncation lost, as text ------------------===//
//
// The texts that `lora-adapter combine` and `diff` print: for each layer its
// rank and the share of the change that the truncation lost.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Algebra.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace lora;
using llvm::format;

double AlgebraReport::lost() const {
  double all = 0, lost = 0;
  for (const TargetShare &share : targets) {
    all += share.norm * share.norm;
    lost += std::pow(share.lost * share.norm, 2);
  }
  return all > 0 ? std::sqrt(lost / all) : 0;
}

std::string AlgebraReport::text() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  size_t width = 6;
  for (const TargetShare &share : targets)
    width = std::max(width, share.path.size());
  out << llvm::left_justify("target", unsigned(width))
      << "  rank  of    |delta|    lost\n";
  for (const TargetShare &share : targets)
    out << llvm::left_justify(share.path, unsigned(width))
        << format("  %-4lld  %-4lld  %-9.4g  %.3g %%\n", (long long)share.rank,
                  (long long)share.fullRank, share.norm, 100 * share.lost);
  for (const std::string &name : saved)
    out << "saved whole: " << name << "\n";
  for (const std::string &name : leftOut)
    out << "differs, but is not in the adapter: " << name << "\n";
  out << "all: " << targets.size()
      << (targets.size() == 1 ? " target" : " targets") << ", lost "
      << format("%.3g %%", 100 * lost()) << " of the change\n";
  return text;
}
