//===- Convert.cpp - Adapters from one format to another ------------------===//

#include "lora-mlir/Adapter/Convert.h"
#include "AdapterBranches.h"
#include "Loralib.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/OutputPath.h"

#include <cmath>
#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

/// Adds rows of zeros to A and columns of zeros to B.
static Error pad(ModuleFactors &module, int64_t rank) {
  if (rank < module.rank())
    return makeError(ErrorCode::InvalidArgument, "module '", module.module,
                     "' has rank ", module.rank(), ", above ", rank,
                     "; lora-adapter combine --rank truncates");
  auto a = DenseMatrix::create(rank, module.a.columns());
  if (!a)
    return a.takeError();
  auto b = DenseMatrix::create(module.b.rows(), rank);
  if (!b)
    return b.takeError();
  std::copy_n(module.a.data(), module.a.rows() * module.a.columns(), a->data());
  for (int64_t i = 0; i < b->rows(); ++i)
    std::copy_n(module.b.row(i), module.b.columns(), b->row(i));
  module.a = std::move(*a);
  module.b = std::move(*b);
  return Error::success();
}

static Expected<std::vector<ModuleFactors>>
readPeft(const BranchedAdapter &adapter) {
  std::vector<ModuleFactors> modules;
  for (const AdapterBranch &branch : adapter.branches) {
    auto factors = factorsOf(branch);
    if (!factors)
      return factors.takeError();
    modules.push_back({branch.module, branch.embedding, std::move(factors->a),
                       std::move(factors->b), branch.scale});
  }
  return modules;
}

/// Writes a PEFT folder; what `source` has beside branches goes along.
static Error writePeft(const std::vector<ModuleFactors> &modules,
                       const BranchedAdapter *source,
                       const std::string &output) {
  auto folder = StagedFolder::create(output);
  if (!folder)
    return folder.takeError();
  std::vector<peft::AdapterTensor> tensors;
  std::vector<ModuleRank> ranks;
  for (const ModuleFactors &module : modules) {
    bool embedding = module.embedding;
    tensors.push_back(makeTensor(
        module.module + (embedding ? ".lora_embedding_A" : ".lora_A.weight"),
        module.a));
    tensors.push_back(makeTensor(
        module.module + (embedding ? ".lora_embedding_B" : ".lora_B.weight"),
        module.b));
    ranks.push_back(
        {module.module, module.rank(), module.scale * double(module.rank())});
  }
  if (source)
    for (const std::string &name : source->others) {
      const lora_rt::TensorView *view = source->adapter.find(name);
      peft::AdapterTensor tensor{peft::fileKey(name), view->shape, {}};
      tensor.values.resize(size_t(view->elements()));
      if (Error error = lora_rt::convertToFloat(view->dtype, view->bytes.data(),
                                                tensor.values))
        return error;
      tensors.push_back(std::move(tensor));
    }
  std::string text = source ? source->adapter.config().text : "{}";
  auto config = configFor(text, ranks, output);
  if (!config)
    return config.takeError();
  if (Error error = peft::writePeftAdapter(folder->path(), *config, tensors))
    return error;
  return folder->commit();
}

Expected<ConvertReport> lora::convertAdapter(const ConvertOptions &options,
                                             const Reporting &) {
  if (Error error = lora_rt::checkOutput(options.output, {options.input}))
    return error;
  ConvertReport report;
  std::optional<BranchedAdapter> source;
  std::vector<ModuleFactors> modules;
  std::error_code code;
  if (std::filesystem::is_directory(options.input, code)) {
    auto adapter = BranchedAdapter::open(options.input);
    if (!adapter)
      return adapter.takeError();
    source = std::move(*adapter);
    // The start of PiSSA and OLoRA depends on the rank and the scale.
    std::string reason = source->nonlinearity();
    if (!reason.empty())
      return makeError(ErrorCode::Unsupported, options.input,
                       ": cannot be converted: ", reason);
    auto read = readPeft(*source);
    if (!read)
      return read.takeError();
    modules = std::move(*read);
  } else {
    auto read = readLoralib(options, report);
    if (!read)
      return read.takeError();
    modules = std::move(*read);
  }
  if (options.rank != 0)
    for (ModuleFactors &module : modules)
      if (Error error = pad(module, options.rank))
        return error;
  report.modules = int64_t(modules.size());
  if (!options.toLoralib) {
    if (Error error =
            writePeft(modules, source ? &*source : nullptr, options.output))
      return error;
    return report;
  }
  if (source && !source->others.empty())
    return makeError(ErrorCode::Unsupported, options.input, ": tensor '",
                     source->others.front(),
                     "' is not a low-rank factor, which is all that a loralib "
                     "file can hold");
  if (Error error = writeLoralib(modules, options))
    return error;
  return report;
}
