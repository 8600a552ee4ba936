//===- Combine.cpp - Sums of adapters -------------------------------------===//
//
// The sum of adapters concatenates their factors along the rank. PEFT's
// combination "linear" adds A to A and B to B, which is not the sum of the
// adapters, so it is not done here.
//
//===----------------------------------------------------------------------===//

#include "AdapterBranches.h"
#include "Companions.h"
#include "LowRank.h"
#include "lora-mlir/Adapter/Algebra.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/OutputPath.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

namespace {

/// A branch, and the factor that it is multiplied by.
struct Summand {
  const AdapterBranch *branch;
  double factor;
};

class Combiner {
public:
  explicit Combiner(const CombineOptions &options) : options(options) {}

  Error open();
  Expected<AlgebraReport> run(StagedFolder folder);

private:
  Error checkOthers() const;
  Error combine(const std::string &target,
                const std::vector<Summand> &summands);

  const CombineOptions &options;
  std::vector<BranchedAdapter> adapters;
  std::vector<peft::AdapterTensor> tensors;
  std::vector<TargetRank> ranks;
  AlgebraReport report;
};

} // namespace

Error Combiner::open() {
  if (options.adapters.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "expected adapters to combine");
  for (const WeightedAdapter &weighted : options.adapters) {
    if (!std::isfinite(weighted.weight))
      return makeError(ErrorCode::InvalidArgument, weighted.folder,
                       ": expected a finite weight, but got ", weighted.weight);
    auto adapter = BranchedAdapter::open(weighted.folder);
    if (!adapter)
      return adapter.takeError();
    if (std::string reason = adapter->nonlinearity(); !reason.empty())
      return makeError(
          ErrorCode::Unsupported, weighted.folder,
          ": cannot be added to others: ", reason,
          "; lora-compile adds such adapters up: --adapter DIR:WEIGHT, "
          "several times");
    adapters.push_back(std::move(*adapter));
  }
  for (const BranchedAdapter &adapter : adapters)
    if (adapter.adapter.isHeadless() != adapters.front().adapter.isHeadless())
      return makeError(ErrorCode::InvalidArgument, adapter.adapter.folder(),
                       " and ", adapters.front().adapter.folder(),
                       " are of models with and without a head; their targets "
                       "have different names");
  return checkOthers();
}

/// Whole tensors cannot be added. All adapters must have the same ones.
Error Combiner::checkOthers() const {
  const BranchedAdapter &first = adapters.front();
  for (const BranchedAdapter &adapter : adapters) {
    auto differs = [&](const std::string &name) {
      return makeError(
          ErrorCode::Unsupported, adapter.adapter.folder(), ": tensor '", name,
          "' was saved whole and is not the one of ", first.adapter.folder(),
          "; whole tensors cannot be added, merge the adapters one after the "
          "other instead");
    };
    for (const std::string &name : adapter.others) {
      const TensorView *here = adapter.adapter.find(name),
                       *there = first.adapter.find(name);
      if (!there || here->dtype != there->dtype ||
          here->shape != there->shape ||
          std::memcmp(here->bytes.data(), there->bytes.data(),
                      here->bytes.size()) != 0)
        return differs(name);
    }
    for (const std::string &name : first.others)
      if (!adapter.adapter.find(name))
        return differs(name);
  }
  return Error::success();
}

Error Combiner::combine(const std::string &target,
                        const std::vector<Summand> &summands) {
  const AdapterBranch &first = *summands.front().branch;
  int64_t rank = 0;
  for (const Summand &summand : summands) {
    const AdapterBranch &branch = *summand.branch;
    if (branch.out() != first.out() || branch.in() != first.in() ||
        branch.embedding != first.embedding)
      return makeError(ErrorCode::InvalidArgument, "target '", target, "' is [",
                       first.out(), ", ", first.in(),
                       "] for one "
                       "adapter and [",
                       branch.out(), ", ", branch.in(),
                       "] for another; they belong to different models");
    rank += branch.rank();
  }
  auto a = DenseMatrix::create(rank, first.in());
  if (!a)
    return a.takeError();
  auto b = DenseMatrix::create(first.out(), rank);
  if (!b)
    return b.takeError();
  // The first factor is put into alpha, so that the first B keeps its bits.
  double scale = options.rank == 0 ? summands.front().factor : 1;
  int64_t at = 0;
  for (const Summand &summand : summands) {
    auto part = factorsOf(*summand.branch);
    if (!part)
      return part.takeError();
    std::copy_n(part->a.data(), part->a.rows() * part->a.columns(), a->row(at));
    for (int64_t i = 0; i < part->b.rows(); ++i)
      for (int64_t k = 0; k < part->b.columns(); ++k)
        (*b)(i, at + k) = part->b(i, k) * (summand.factor / scale);
    at += part->a.rows();
  }
  auto svd = svdOfProduct(*b, *a, options.rank);
  if (!svd)
    return makeError(ErrorCode::InvalidFile, "target '", target,
                     "': ", svd.message());
  TargetShare share{target, rank, rank,
                    std::abs(scale) * std::sqrt(svd->squaredNorm), 0};
  if (options.rank != 0) {
    // If two adapters share directions, some singular values are zero up to
    // rounding.
    while (svd->s.size() > 1 && svd->s.back() <= 1e-12 * svd->s.front())
      svd->s.pop_back();
    auto factors = balancedFactors(*svd);
    if (!factors)
      return factors.takeError();
    share.rank = int64_t(svd->s.size());
    share.lost = lostShare(*svd);
    *a = std::move(factors->a);
    *b = std::move(factors->b);
  }
  ranks.push_back({target, share.rank, scale * double(share.rank)});
  tensors.push_back(makeTensor(target + "." + first.nameOfA(), *a));
  tensors.push_back(makeTensor(target + "." + first.nameOfB(), *b));
  report.targets.push_back(share);
  return Error::success();
}

Expected<AlgebraReport> Combiner::run(StagedFolder folder) {
  std::map<std::string, std::vector<Summand>> targets;
  for (size_t i = 0; i < adapters.size(); ++i)
    for (const AdapterBranch &branch : adapters[i].branches)
      if (double factor = options.adapters[i].weight * branch.scale;
          factor != 0)
        targets[branch.target].push_back({&branch, factor});
  if (targets.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "all weights are 0: nothing is left of the adapters");
  for (const auto &[target, summands] : targets)
    if (Error error = combine(target, summands))
      return error;
  const peft::PeftAdapter &first = adapters.front().adapter;
  for (const std::string &name : adapters.front().others) {
    const TensorView *view = first.find(name);
    peft::AdapterTensor tensor{first.keyOf(name), view->shape, {}};
    tensor.values.resize(size_t(view->elements()));
    if (Error error = lora_rt::convertToFloat(view->dtype, view->bytes.data(),
                                              tensor.values))
      return error;
    tensors.push_back(std::move(tensor));
  }
  auto config = configFor(first.config().text, ranks, options.outputFolder);
  if (!config)
    return config.takeError();
  if (Error error = peft::writePeftAdapter(folder.path(), *config, tensors))
    return error;
  if (Error error = folder.commit())
    return error;
  return std::move(report);
}

Expected<AlgebraReport> lora::combineAdapters(const CombineOptions &options,
                                              const Reporting &reporting) {
  std::vector<std::string> inputs;
  for (const WeightedAdapter &adapter : options.adapters)
    inputs.push_back(adapter.folder);
  if (Error error = lora_rt::checkOutput(options.outputFolder, inputs))
    return error;
  auto folder = StagedFolder::create(options.outputFolder);
  if (!folder)
    return folder.takeError();
  Combiner combiner(options);
  if (Error error = combiner.open())
    return error;
  auto tokenizer = commonTokenizer(inputs, reporting);
  if (!tokenizer)
    return tokenizer.takeError();
  if (Error error = copyTokenizer(*folder, *tokenizer))
    return error;
  return combiner.run(std::move(*folder));
}
