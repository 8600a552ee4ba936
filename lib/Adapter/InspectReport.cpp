//===- InspectReport.cpp - What an adapter is, as text and as JSON --------===//
//
// The two forms in which `lora-adapter inspect` prints AdapterFacts. Both have
// the same facts; JSON has all digits.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-mlir/Adapter/Inspect.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace lora;
using llvm::format;
using lora_rt::OrderedJson;

static std::string extents(const ModuleFacts &module) {
  return "[" + std::to_string(module.out) + ", " + std::to_string(module.in) +
         "]" + (module.embedding ? " embedding" : "");
}

std::string AdapterFacts::text() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto line = [&](llvm::StringRef key, llvm::StringRef value) {
    if (!value.empty())
      out << llvm::left_justify(key, 12) << value << "\n";
  };
  line("adapter", folder);
  line("base", base);
  line("task", task);
  line("PEFT", peftVersion);
  line("targets", targets);
  out << format("rank        %lld, alpha %g%s\n", (long long)rank, alpha,
                rankStabilized ? ", scale alpha / sqrt(rank)" : "");
  out << format("parameters  %lld in %zu modules, %llu bytes,",
                (long long)parameters, modules.size(),
                (unsigned long long)bytes);
  for (const auto &[type, count] : types)
    out << " " << count << " x " << type;
  out << "\n";
  if (!nonlinear.empty())
    out << "not W + s B A: " << nonlinear << "\n";

  size_t width = 6, shape = 9;
  for (const ModuleFacts &module : modules) {
    width = std::max(width, module.module.size());
    shape = std::max(shape, extents(module).size());
  }
  out << "\n"
      << llvm::left_justify("module", unsigned(width)) << "  "
      << llvm::left_justify("[out, in]", unsigned(shape))
      << "  rank  used  scale     |delta|   largest singular values' share\n";
  for (const ModuleFacts &module : modules) {
    out << llvm::left_justify(module.module, unsigned(width)) << "  "
        << llvm::left_justify(extents(module), unsigned(shape))
        << format("  %-4lld  %-4lld  %-8.4g  %-8.4g ", (long long)module.rank,
                  (long long)module.numericalRank, module.scale, module.norm);
    for (double share : module.shares)
      out << format(" %.1f %%", 100 * share);
    out << "\n";
  }
  if (!special.empty())
    out << "\nother tensors\n";
  for (const auto &[name, kind] : special)
    out << "  " << name << ": " << kind << "\n";
  if (hasModel && misfit.empty())
    out << "\nfits the model: changes " << changedTensors << " tensors\n";
  else if (hasModel)
    out << "\ndoes not fit the model: " << misfit << "\n";
  return text;
}

std::string AdapterFacts::json() const {
  OrderedJson json;
  auto orNull = [](const std::string &value) {
    return value.empty() ? OrderedJson() : OrderedJson(value);
  };
  json["adapter"] = folder;
  json["base_model_name_or_path"] = orNull(base);
  json["task_type"] = orNull(task);
  json["peft_version"] = orNull(peftVersion);
  json["target_modules"] = OrderedJson::parse(targets);
  json["r"] = rank;
  json["lora_alpha"] = alpha;
  json["use_rslora"] = rankStabilized;
  json["parameters"] = parameters;
  json["bytes"] = bytes;
  json["tensor_types"] = types;
  json["linear"] = nonlinear.empty();
  if (!nonlinear.empty())
    json["nonlinear_reason"] = nonlinear;
  json["modules"] = OrderedJson::array();
  for (const ModuleFacts &module : modules) {
    OrderedJson entry;
    entry["module"] = module.module;
    entry["embedding"] = module.embedding;
    entry["out"] = module.out;
    entry["in"] = module.in;
    entry["rank"] = module.rank;
    entry["numerical_rank"] = module.numericalRank;
    entry["scale"] = module.scale;
    entry["delta_norm"] = module.norm;
    entry["singular_value_shares"] = module.shares;
    json["modules"].push_back(std::move(entry));
  }
  json["other_tensors"] = OrderedJson::object();
  for (const auto &[name, kind] : special)
    json["other_tensors"][name] = kind;
  if (hasModel) {
    json["fits"] = misfit.empty();
    if (misfit.empty())
      json["changed_tensors"] = changedTensors;
    else
      json["reason"] = misfit;
  }
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}
