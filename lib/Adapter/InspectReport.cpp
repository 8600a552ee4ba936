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

static std::string extents(const TargetFacts &target) {
  return "[" + std::to_string(target.out) + ", " + std::to_string(target.in) +
         "]" + (target.embedding ? " embedding" : "");
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
  line("targets", targetModules);
  out << format("rank        %lld, alpha %g%s\n", (long long)rank, alpha,
                rankStabilized ? ", scale alpha / sqrt(rank)" : "");
  out << format("parameters  %lld in %zu targets, %llu bytes,",
                (long long)parameters, targets.size(),
                (unsigned long long)bytes);
  for (const auto &[type, count] : types)
    out << " " << count << " x " << type;
  out << "\n";
  if (!nonlinear.empty())
    out << "not W + s B A: " << nonlinear << "\n";

  size_t width = 6, shape = 9;
  for (const TargetFacts &target : targets) {
    width = std::max(width, target.path.size());
    shape = std::max(shape, extents(target).size());
  }
  out << "\n"
      << llvm::left_justify("target", unsigned(width)) << "  "
      << llvm::left_justify("[out, in]", unsigned(shape))
      << "  rank  used  scale     |delta|   largest singular values' share\n";
  for (const TargetFacts &target : targets) {
    out << llvm::left_justify(target.path, unsigned(width)) << "  "
        << llvm::left_justify(extents(target), unsigned(shape))
        << format("  %-4lld  %-4lld  %-8.4g  %-8.4g ", (long long)target.rank,
                  (long long)target.numericalRank, target.scale, target.norm);
    for (double share : target.shares)
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
  json["target_modules"] = OrderedJson::parse(targetModules);
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
  for (const TargetFacts &target : targets) {
    OrderedJson entry;
    entry["module"] = target.path;
    entry["embedding"] = target.embedding;
    entry["out"] = target.out;
    entry["in"] = target.in;
    entry["rank"] = target.rank;
    entry["numerical_rank"] = target.numericalRank;
    entry["scale"] = target.scale;
    entry["delta_norm"] = target.norm;
    entry["singular_value_shares"] = target.shares;
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
