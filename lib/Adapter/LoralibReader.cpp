//===- LoralibReader.cpp - Reading loralib checkpoints --------------------===//
//
// The file does not say of which class a layer is. The shapes decide it where
// they can; otherwise the user must say it by an option.
//
//===----------------------------------------------------------------------===//

#include "AdapterBranches.h"
#include "Loralib.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::SafetensorsFile;
using lora_rt::TensorView;

bool lora::matchesTarget(std::string_view path, std::string_view name) {
  return path == name || (path.ends_with(name) && path.size() > name.size() &&
                          path[path.size() - name.size() - 1] == '.');
}

const std::vector<bool> *lora::findFlags(const ConvertOptions &options,
                                         std::string_view target) {
  for (const auto &[name, flags] : options.enableLora)
    if (matchesTarget(target, name))
      return &flags;
  return nullptr;
}

/// The B of a MergedLinear with rows for all parts, as a block-diagonal matrix.
static Expected<DenseMatrix> blockDiagonal(const DenseMatrix &b,
                                           const std::vector<bool> &flags) {
  auto on = std::count(flags.begin(), flags.end(), true);
  int64_t part = b.rows() / on, rank = b.columns();
  auto result = DenseMatrix::create(part * int64_t(flags.size()), rank * on);
  if (!result)
    return result;
  int64_t block = 0;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (!flags[i])
      continue;
    for (int64_t row = 0; row < part; ++row)
      std::copy_n(b.row(block * part + row), rank,
                  result->row(int64_t(i) * part + row) + block * rank);
    ++block;
  }
  return result;
}

/// alpha / r of a layer, from the options or from the file.
static Expected<double> readScale(const ConvertOptions &options,
                                  const SafetensorsFile &file,
                                  const std::string &name, int64_t rank) {
  if (options.alpha)
    return *options.alpha / double(rank);
  for (const std::string &key :
       {"lora_alpha." + name, std::string("lora_alpha")})
    if (auto found = file.metadata().find(key);
        found != file.metadata().end()) {
      char *end = nullptr;
      double alpha = std::strtod(found->second.c_str(), &end);
      if (end == found->second.c_str() || *end || !std::isfinite(alpha))
        return makeError(ErrorCode::InvalidFile, file.path(), ": metadata '",
                         key, "': expected a number, but got '", found->second,
                         "'");
      return alpha / double(rank);
    }
  return makeError(ErrorCode::InvalidArgument, file.path(),
                   ": does not say lora_alpha, which loralib's files never do; "
                   "give it with --alpha (loralib's default is 1)");
}

static Expected<TargetFactors> readTarget(const ConvertOptions &options,
                                          const SafetensorsFile &file,
                                          const std::string &name) {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, file.path(), ": target '", name,
                     "': ", parts...);
  };
  auto viewB = file.get(name + ".lora_B");
  if (!viewB)
    return viewB.takeError();
  auto a = toMatrix(*file.find(name + ".lora_A"));
  if (!a)
    return fail(a.message());
  auto b = toMatrix(**viewB);
  if (!b)
    return fail(b.message());
  TargetFactors factors;
  factors.path = options.prefix + name;
  int64_t rank = b->columns();
  if (const std::vector<bool> *flags = findFlags(options, name)) {
    auto on = std::count(flags->begin(), flags->end(), true);
    if (on == 0 || rank == 0 || a->rows() != rank * on || b->rows() % on)
      return fail("lora_A [", a->rows(), ", ", a->columns(), "] and lora_B [",
                  b->rows(), ", ", b->columns(),
                  "] are not a MergedLinear's "
                  "with ",
                  on, " parts enabled");
    auto whole = blockDiagonal(*b, *flags);
    if (!whole)
      return whole.takeError();
    *b = std::move(*whole);
  } else if (a->rows() != rank || rank == 0) {
    return fail("lora_A [", a->rows(), ", ", a->columns(), "] and lora_B [",
                b->rows(), ", ", b->columns(),
                "] have different ranks; if it is a MergedLinear, say which "
                "parts are enabled: --enable-lora ",
                name, "=101");
  }
  factors.embedding = std::any_of(
      options.embeddings.begin(), options.embeddings.end(),
      [&](const std::string &entry) { return matchesTarget(name, entry); });
  if (const TensorView *weight = file.find(name + ".weight")) {
    std::vector<int64_t> plain = {b->rows(), a->columns()},
                         turned = {a->columns(), b->rows()};
    if (weight->shape != plain && weight->shape != turned)
      return fail("the branch is ", lora_rt::shapeText(plain),
                  ", but the weight beside it ",
                  lora_rt::shapeText(weight->shape),
                  "; if it is a MergedLinear, say which parts are enabled: "
                  "--enable-lora ",
                  name, "=101");
  }
  auto scale = readScale(options, file, name, rank);
  if (!scale)
    return scale.takeError();
  factors.scale = *scale;
  factors.a = std::move(*a);
  factors.b = std::move(*b);
  return factors;
}

Expected<std::vector<TargetFactors>>
lora::readLoralib(const ConvertOptions &options, ConvertReport &report) {
  auto file = SafetensorsFile::open(options.input);
  if (!file)
    return file.takeError();
  std::vector<std::string> names;
  for (const TensorView &tensor : file->tensors()) {
    if (tensor.name.ends_with(".lora_A"))
      names.push_back(tensor.name.substr(0, tensor.name.size() - 7));
    else if (!tensor.name.ends_with(".lora_B"))
      report.ignored.push_back(tensor.name);
    else if (!file->find(tensor.name.substr(0, tensor.name.size() - 1) + "A"))
      return makeError(ErrorCode::InvalidFile, file->path(), ": tensor '",
                       tensor.name, "' has no lora_A beside it");
  }
  if (names.empty() && !report.ignored.empty() &&
      (report.ignored.front().ends_with(".lora_a") ||
       report.ignored.front().ends_with(".lora_b")))
    return makeError(ErrorCode::InvalidFile, file->path(), ": '",
                     report.ignored.front(),
                     "' is a name of mlx-lm's; give the folder, whose "
                     "adapter_config.json is needed, too");
  if (names.empty())
    return makeError(ErrorCode::InvalidFile, file->path(),
                     ": no tensor's name ends in '.lora_A', as loralib's do");
  std::sort(names.begin(), names.end());
  std::vector<TargetFactors> targets;
  for (const std::string &name : names) {
    auto target = readTarget(options, *file, name);
    if (!target)
      return target.takeError();
    targets.push_back(std::move(*target));
  }
  return targets;
}
