//===- LoralibWriter.cpp - Writing loralib checkpoints --------------------===//
//
// loralib gets r and alpha when the model is built, not from the file. They are
// written to the file's metadata, so that they are not lost.
//
//===----------------------------------------------------------------------===//

#include "Loralib.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <charconv>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

static std::string numberText(double value) {
  char text[64];
  auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

/// The rows of a block-diagonal B that MergedLinear stores. An error if there
/// is a nonzero value outside the blocks.
static Expected<DenseMatrix> blocksOf(const TargetFactors &target,
                                      const std::vector<bool> &flags) {
  auto on = std::count(flags.begin(), flags.end(), true);
  auto parts = int64_t(flags.size());
  const DenseMatrix &b = target.b;
  if (on == 0 || target.rank() % on || b.rows() % parts)
    return makeError(ErrorCode::InvalidArgument, "target '", target.path,
                     "': rank ", target.rank(), " and ", b.rows(),
                     " outputs cannot be divided into ", on, " of ", parts,
                     " parts");
  int64_t rank = target.rank() / on, part = b.rows() / parts;
  auto result = DenseMatrix::create(part * on, rank);
  if (!result)
    return result;
  int64_t block = 0;
  for (int64_t i = 0; i < parts; ++i) {
    for (int64_t row = 0; row < part; ++row)
      for (int64_t k = 0; k < b.columns(); ++k) {
        double value = b(i * part + row, k);
        if (flags[size_t(i)] && k / rank == block)
          (*result)(block * part + row, k % rank) = value;
        else if (value != 0)
          return makeError(ErrorCode::Unsupported, "target '", target.path,
                           "': B is not block-diagonal, so a MergedLinear "
                           "cannot hold it; leave out --enable-lora to write "
                           "it as a plain Linear");
      }
    block += flags[size_t(i)];
  }
  return result;
}

Error lora::writeLoralib(const std::vector<TargetFactors> &targets,
                         const ConvertOptions &options) {
  std::vector<lora_rt::TensorSpec> specs;
  std::vector<std::pair<std::string, std::vector<float>>> values;
  std::map<std::string, std::string> ranks, alphas;
  for (const TargetFactors &target : targets) {
    std::string name = target.path;
    if (!name.starts_with(options.prefix))
      return makeError(ErrorCode::InvalidArgument, "target '", name,
                       "' does not begin with the prefix '", options.prefix,
                       "'");
    name.erase(0, options.prefix.size());
    std::vector<float> b = target.b.toFloat();
    std::vector<int64_t> shape = {target.b.rows(), target.b.columns()};
    if (const std::vector<bool> *flags = findFlags(options, name)) {
      auto blocks = blocksOf(target, *flags);
      if (!blocks)
        return blocks.takeError();
      b = blocks->toFloat();
      shape = {blocks->rows(), blocks->columns()};
    }
    ranks[name] = std::to_string(shape[1]);
    alphas[name] = numberText(target.scale * double(shape[1]));
    specs.push_back({name + ".lora_A",
                     lora_rt::DType::F32,
                     {target.a.rows(), target.a.columns()}});
    specs.push_back({name + ".lora_B", lora_rt::DType::F32, shape});
    values.emplace_back(name + ".lora_A", target.a.toFloat());
    values.emplace_back(name + ".lora_B", std::move(b));
  }
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  auto describe = [&](const std::string &key,
                      const std::map<std::string, std::string> &facts) {
    bool same = std::all_of(facts.begin(), facts.end(), [&](const auto &fact) {
      return fact.second == facts.begin()->second;
    });
    if (same)
      metadata[key] = facts.begin()->second;
    else
      for (const auto &[name, value] : facts)
        metadata[key + "." + name] = value;
  };
  describe("r", ranks);
  describe("lora_alpha", alphas);
  auto writer = lora_rt::SafetensorsWriter::create(options.output,
                                                   std::move(specs), metadata);
  if (!writer)
    return writer.takeError();
  for (const auto &[name, numbers] : values)
    if (Error error = writer->writeFloats(name, numbers))
      return error;
  return writer->commit();
}
