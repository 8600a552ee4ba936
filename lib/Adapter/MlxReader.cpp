//===- MlxReader.cpp - Reading adapters of mlx-lm -------------------------===//
//
// The layers with branches are those that the file has tensors for. `keys` and
// `num_layers` of the config follow from the tensors and are not needed. Every
// tensor is used, or refused by name.
//
//===----------------------------------------------------------------------===//

#include "AdapterBranches.h"
#include "Json.h"
#include "Mlx.h"
#include "lora-mlir/Import/ModelConfig.h"

#include <cmath>
#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::Json;
using lora_rt::makeError;
using lora_rt::SafetensorsFile;
using lora_rt::TensorView;
namespace fs = std::filesystem;

Expected<DenseMatrix> lora::transposed(const DenseMatrix &matrix) {
  auto result = DenseMatrix::create(matrix.columns(), matrix.rows());
  if (!result)
    return result;
  for (int64_t i = 0; i < matrix.rows(); ++i)
    for (int64_t j = 0; j < matrix.columns(); ++j)
      (*result)(j, i) = matrix(i, j);
  return result;
}

/// The path of a layer in transformers' module tree. mlx-lm calls GPT-2's
/// blocks "model.h", and models for text and images have one more component in
/// front.
static std::string targetPath(std::string name) {
  constexpr std::string_view outer = "language_model.";
  if (name.starts_with(outer))
    name.erase(0, outer.size());
  for (std::string_view gpt2 : {"model.h.", "model.wte", "model.wpe"})
    if (name.starts_with(gpt2))
      return "transformer." + name.substr(std::string_view("model.").size());
  return name;
}

static bool isEmbedding(std::string_view target) {
  for (std::string_view name : {"embed_tokens", "wte", "wpe"})
    if (matchesTarget(target, name))
      return true;
  return false;
}

namespace {

/// Reads one folder.
class Reader {
public:
  Reader(const ConvertOptions &options, const Reporting &reporting)
      : options(options), reporting(reporting),
        configPath(options.input + "/adapter_config.json") {}

  Expected<MlxAdapter> run();

private:
  Error readConfig();
  Error checkQuantization();
  /// A number of `lora_parameters`, or of the config itself, where early
  /// versions wrote it.
  Expected<std::optional<double>> number(const char *key) const;
  Expected<double> scaleOf(int64_t rank) const;
  Error add(const SafetensorsFile &file, const std::string &name);
  Error addHead();
  template <typename... Parts> Error refuse(const Parts &...parts) const {
    return makeError(ErrorCode::Unsupported, options.input, ": ", parts...);
  }

  const ConvertOptions &options;
  const Reporting &reporting;
  std::string configPath;
  Json config;
  MlxAdapter result;
};

} // namespace

Expected<std::optional<double>> Reader::number(const char *key) const {
  auto parameters = config.find("lora_parameters");
  const Json &place = parameters != config.end() && parameters->is_object()
                          ? *parameters
                          : config;
  auto found = place.find(key);
  if (found == place.end() || found->is_null())
    return std::optional<double>();
  if (!found->is_number() || !std::isfinite(found->get<double>()))
    return makeError(ErrorCode::InvalidFile, configPath, ": '", key,
                     "': expected a number, but got ", found->dump());
  return std::optional(found->get<double>());
}

/// The scale s in W + s B A.
Expected<double> Reader::scaleOf(int64_t rank) const {
  if (options.alpha)
    return *options.alpha / double(rank);
  auto scale = number("scale");
  if (!scale)
    return scale.takeError();
  auto alpha = number("alpha");
  if (!alpha)
    return alpha.takeError();
  if (!*scale)
    return makeError(ErrorCode::InvalidFile, configPath,
                     ": has no 'scale', which mlx-lm multiplies by",
                     *alpha ? "; it does not read 'alpha'" : "",
                     "; say lora_alpha = scale * rank with --alpha");
  // The first versions multiplied by scale * alpha / rank, and called
  // num_layers lora_layers.
  bool isOld =
      !config.contains("num_layers") && !config.contains("fine_tune_type");
  return **scale * (*alpha && isOld ? **alpha / double(rank) : 1);
}

Error Reader::readConfig() {
  auto text = lora_rt::readTextFile(configPath);
  if (!text)
    return text.takeError();
  auto json = lora_rt::parseJson(*text, configPath);
  if (!json)
    return json.takeError();
  config = std::move(*json);
  if (!config.is_object())
    return makeError(ErrorCode::InvalidFile, configPath,
                     ": expected a JSON object");
  auto type = config.value("fine_tune_type", Json("lora"));
  if (type == "full")
    return refuse("'fine_tune_type' is \"full\": the folder holds whole "
                  "weights and no low-rank ones; make a model of it with "
                  "mlx_lm.fuse, and lora-adapter diff makes an adapter of two "
                  "models");
  if (type != "lora" && type != "dora")
    return refuse("'fine_tune_type' is ", type.dump(),
                  ", of which \"lora\" and \"dora\" are understood");
  result.dora = type == "dora" || config.value("use_dora", Json(false)) == true;
  if (auto model = config.find("model");
      model != config.end() && model->is_string())
    result.model = model->get<std::string>();
  return checkQuantization();
}

/// Fails if the adapter was trained with a quantized model, unless the options
/// name a base; then it warns. Such an adapter also corrects the rounding of
/// the quantized model.
Error Reader::checkQuantization() {
  bool isQuantized = false;
  for (const char *key : {"quantization", "quantization_config"})
    isQuantized |= config.contains(key) && !config[key].is_null();
  std::error_code code;
  std::string inner = result.model + "/config.json";
  if (!result.model.empty() && fs::is_regular_file(inner, code))
    if (auto text = lora_rt::readTextFile(inner))
      if (auto json = lora_rt::parseJson(*text, inner); json)
        isQuantized |=
            json->is_object() && (json->contains("quantization") ||
                                  json->contains("quantization_config"));
  // Examples: mlx-community/NAME-4bit, -8bit-DWQ, -mxfp4.
  size_t bit = result.model.rfind("bit");
  isQuantized |=
      (bit != std::string::npos && bit > 1 && result.model[bit - 1] >= '2' &&
       result.model[bit - 1] <= '8' &&
       (result.model[bit - 2] == '-' || result.model[bit - 2] == '_')) ||
      result.model.find("-mxfp") != std::string::npos ||
      result.model.find("-nvfp") != std::string::npos;
  if (!isQuantized)
    return Error::success();
  if (options.base.empty())
    return refuse("was trained beside the quantized model '", result.model,
                  "', whose weights are others than those of the model that "
                  "was quantized; if it shall stand beside that one all the "
                  "same, give it with --base MODEL_DIR");
  if (reporting.warning)
    reporting.warning(options.input +
                      ": was trained beside the quantized model '" +
                      result.model + "'; beside " + options.base +
                      " it does not compute quite the same");
  return Error::success();
}

Error Reader::add(const SafetensorsFile &file, const std::string &name) {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, file.path(), ": target '", name,
                     "': ", parts...);
  };
  const TensorView *viewA = file.find(name + ".lora_a"),
                   *viewB = file.find(name + ".lora_b"),
                   *viewM = file.find(name + ".m");
  if (!viewA || !viewB)
    return fail("has no tensor '", viewA ? "lora_b" : "lora_a", "'");
  if (viewA->shape.size() == 3 || viewB->shape.size() == 3)
    return makeError(ErrorCode::Unsupported, file.path(), ": target '", name,
                     "' is a mixture of experts (a Switch layer, lora_a ",
                     lora_rt::shapeText(viewA->shape),
                     "), which PEFT and this compiler do not have");
  auto a = toMatrix(*viewA);
  if (!a)
    return fail(a.message());
  auto b = toMatrix(*viewB);
  if (!b)
    return fail(b.message());
  int64_t rank = a->columns();
  if (rank == 0 || b->rows() != rank)
    return fail("lora_a ", lora_rt::shapeText(viewA->shape), " and lora_b ",
                lora_rt::shapeText(viewB->shape),
                " are not [in, rank] and [rank, out]");
  auto said = number("rank");
  if (!said)
    return said.takeError();
  if (*said && **said != double(rank))
    return fail("lora_a ", lora_rt::shapeText(viewA->shape), " has rank ", rank,
                ", but ", configPath, " says ", **said);
  TargetFactors factors;
  factors.path = options.prefix + targetPath(name);
  factors.embedding = isEmbedding(factors.path);
  auto scale = scaleOf(rank);
  if (!scale)
    return scale.takeError();
  factors.scale = *scale;
  auto ta = transposed(*a);
  if (!ta)
    return ta.takeError();
  auto tb = transposed(*b);
  if (!tb)
    return tb.takeError();
  factors.a = std::move(*ta);
  factors.b = std::move(*tb);
  if (bool(viewM) != result.dora)
    return fail(viewM ? "has a magnitude 'm', but "
                      : "has no magnitude 'm', but ",
                configPath, result.dora ? " says" : " does not say",
                " DoRA ('fine_tune_type')");
  if (viewM && factors.embedding)
    return makeError(ErrorCode::Unsupported, file.path(), ": target '", name,
                     "' is an embedding with DoRA, which has a magnitude for "
                     "each token in mlx-lm and for each feature in PEFT");
  if (viewM) {
    if (viewM->shape != std::vector<int64_t>{factors.b.rows()} ||
        !lora_rt::isFloat(viewM->dtype))
      return fail("expected 'm' to be [", factors.b.rows(), "], but got ",
                  lora_rt::shapeText(viewM->shape));
    factors.magnitude.resize(size_t(factors.b.rows()));
    if (Error error = lora_rt::convertToFloat(viewM->dtype, viewM->bytes.data(),
                                              factors.magnitude))
      return error;
  }
  result.targets.push_back(std::move(factors));
  return Error::success();
}

/// Gives the embedding's branch to the head as well if the model ties them.
/// PEFT has two layers there, and a branch on one does not change the other.
Error Reader::addHead() {
  const TargetFactors *table = nullptr;
  for (const TargetFactors &target : result.targets)
    if (target.embedding && !matchesTarget(target.path, "wpe"))
      table = &target;
  if (!table)
    return Error::success();
  std::error_code code;
  std::string model = options.base;
  if (model.empty() && !result.model.empty() &&
      fs::exists(result.model + "/config.json", code))
    model = result.model;
  if (model.empty())
    return makeError(ErrorCode::InvalidArgument, options.input,
                     ": has a branch on '", table->path,
                     "', which in mlx-lm adapts the head, too, where the model "
                     "ties the two; say which model with --base MODEL_DIR");
  auto read = readModelConfig(model);
  if (!read)
    return read.takeError();
  if (!read->tied)
    return Error::success();
  TargetFactors head;
  head.path = "lm_head";
  head.scale = table->scale;
  auto a = transposed(table->b);
  if (!a)
    return a.takeError();
  auto b = transposed(table->a);
  if (!b)
    return b.takeError();
  head.a = std::move(*a);
  head.b = std::move(*b);
  result.targets.push_back(std::move(head));
  return Error::success();
}

Expected<MlxAdapter> Reader::run() {
  if (Error error = readConfig())
    return error;
  std::error_code code;
  std::string path = options.input + "/adapters.safetensors";
  if (!fs::exists(path, code) &&
      fs::exists(options.input + "/adapters.npz", code))
    return refuse("adapters.npz is of a first version; save it anew with "
                  "Python: safetensors.numpy.save_file(dict(numpy.load("
                  "'adapters.npz')), 'adapters.safetensors')");
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  std::vector<std::string> names;
  for (const TensorView &tensor : file->tensors()) {
    size_t dot = tensor.name.rfind('.');
    std::string leaf =
        dot == std::string::npos ? "" : tensor.name.substr(dot + 1);
    std::string target =
        tensor.name.substr(0, dot == std::string::npos ? 0 : dot);
    bool isPart = leaf == "lora_b" || leaf == "m";
    if (leaf == "lora_a")
      names.push_back(target);
    else if (!isPart || !file->find(target + ".lora_a"))
      return makeError(ErrorCode::Unsupported, path, ": tensor '", tensor.name,
                       "' is no part of a low-rank branch (lora_a, lora_b, m)");
  }
  if (names.empty())
    return makeError(ErrorCode::InvalidFile, path, ": has no tensors");
  for (const std::string &name : names)
    if (Error error = add(*file, name))
      return error;
  if (Error error = addHead())
    return error;
  return std::move(result);
}

Expected<MlxAdapter> lora::readMlx(const ConvertOptions &options,
                                   const Reporting &reporting) {
  return Reader(options, reporting).run();
}
