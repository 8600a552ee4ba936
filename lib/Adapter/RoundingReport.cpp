//===- RoundingReport.cpp - The statistics as text and as JSON ------------===//
//
// Decides by fixed limits whether a merge lost too much (good, check, bad), and
// prints the statistics of each tensor.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-mlir/Adapter/Rounding.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace lora;
using llvm::format;

std::string_view lora::verdictName(Verdict verdict) {
  switch (verdict) {
  case Verdict::Good:
    return "good";
  case Verdict::Check:
    return "check";
  case Verdict::Bad:
    return "bad";
  }
  return "";
}

static Verdict judge(double lost) {
  // The comparison is false for NaN, so NaN is bad.
  if (lost <= kGoodLoss)
    return Verdict::Good;
  return lost <= kBadLoss ? Verdict::Check : Verdict::Bad;
}

double TensorRounding::lostShare() const {
  return roundingNorm == 0 ? 0 : roundingNorm / deltaNorm;
}

Verdict TensorRounding::verdict() const { return judge(lostShare()); }

double RoundingReport::lostShare() const {
  double delta = 0, rounding = 0;
  for (const TensorRounding &tensor : tensors) {
    delta += tensor.deltaNorm * tensor.deltaNorm;
    rounding += tensor.roundingNorm * tensor.roundingNorm;
  }
  return rounding == 0 ? 0 : std::sqrt(rounding / delta);
}

Verdict RoundingReport::verdict() const {
  Verdict worst = judge(lostShare());
  // If one tensor is bad, the verdict of the whole is at least "check".
  for (const TensorRounding &tensor : tensors)
    if (tensor.verdict() == Verdict::Bad && worst == Verdict::Good)
      worst = Verdict::Check;
  return worst;
}

std::string RoundingReport::verdictLine() const {
  size_t bad = 0, replaced = 0;
  for (const TensorRounding &tensor : tensors) {
    bad += tensor.verdict() == Verdict::Bad;
    replaced += tensor.replaced;
  }
  std::string line;
  llvm::raw_string_ostream out(line);
  Verdict verdict = this->verdict();
  out << llvm::StringRef(verdictName(verdict)) << ": rounding is "
      << format("%.3g %%", 100 * lostShare()) << " of the change over "
      << tensors.size() << (tensors.size() == 1 ? " tensor" : " tensors");
  if (replaced)
    out << ", " << replaced << " of them replaced";
  if (verdict == Verdict::Good)
    out << format(" (good: at most %g %%)", 100 * kGoodLoss);
  else if (bad)
    out << "; in " << bad
        << format(" it is above %g %%: their change is too small for the type",
                  100 * kBadLoss);
  else
    out << format(" (good: at most %g %%, bad: above %g %%)", 100 * kGoodLoss,
                  100 * kBadLoss);
  if (verdict != Verdict::Good)
    out << "; compare outputs, keep the adapter unmerged, or merge into a "
           "wider checkpoint";
  return line;
}

std::string RoundingReport::text() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  size_t width = 6;
  for (const TensorRounding &tensor : tensors)
    width = std::max(width, tensor.name.size());
  out << llvm::left_justify("tensor", unsigned(width))
      << "  type  |delta|   max delta max round mean round     lost  same  "
         "verdict\n";
  for (const TensorRounding &tensor : tensors) {
    out << llvm::left_justify(tensor.name, unsigned(width)) << "  "
        << llvm::left_justify(
               llvm::StringRef(lora_rt::safetensorsName(tensor.dtype)), 4)
        << format("  %-9.3g %-9.3g %-9.3g %-9.3g", tensor.deltaNorm,
                  tensor.largestDelta, tensor.largestRounding,
                  tensor.meanRounding)
        << format(" %7.3g %% %3.0f %%  ", 100 * tensor.lostShare(),
                  tensor.elements
                      ? 100 * double(tensor.swallowed) / double(tensor.elements)
                      : 0)
        << llvm::StringRef(verdictName(tensor.verdict()))
        << (tensor.replaced ? ", replaced" : "") << "\n";
  }
  out << verdictLine() << "\n";
  return text;
}

std::string RoundingReport::json() const {
  lora_rt::OrderedJson json;
  json["verdict"] = std::string(verdictName(verdict()));
  json["reason"] = verdictLine();
  json["lost_share"] = lostShare();
  json["thresholds"] = {{"good", kGoodLoss}, {"bad", kBadLoss}};
  json["tensors"] = lora_rt::OrderedJson::array();
  for (const TensorRounding &tensor : tensors) {
    lora_rt::OrderedJson entry;
    entry["name"] = tensor.name;
    entry["dtype"] = std::string(lora_rt::safetensorsName(tensor.dtype));
    entry["elements"] = tensor.elements;
    entry["delta_norm"] = tensor.deltaNorm;
    entry["delta_max"] = tensor.largestDelta;
    entry["rounding_norm"] = tensor.roundingNorm;
    entry["rounding_max"] = tensor.largestRounding;
    entry["rounding_mean"] = tensor.meanRounding;
    entry["lost_share"] = tensor.lostShare();
    entry["unchanged_elements"] = tensor.swallowed;
    entry["replaced"] = tensor.replaced;
    entry["verdict"] = std::string(verdictName(tensor.verdict()));
    json["tensors"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}
