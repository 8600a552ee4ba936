//===- WeightedAdapter.cpp - Adapters with weights ------------------------===//
//
// Implements WeightedAdapter.h: reads "DIR:0.5", makes names unique, and
// describes sums for messages and checksums.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-mlir/Import/PeftAdapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

using namespace lora;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

Expected<WeightedAdapter> lora::parseWeightedAdapter(const std::string &text) {
  std::error_code code;
  size_t colon = text.rfind(':');
  if (std::filesystem::exists(text, code) || colon == std::string::npos ||
      colon == 0)
    return WeightedAdapter{text, 1};
  std::string_view number = std::string_view(text).substr(colon + 1);
  if (number.size() > 1 && number[0] == '+' && number[1] != '-')
    number.remove_prefix(1);
  double weight = 0;
  auto [end, failure] =
      std::from_chars(number.data(), number.data() + number.size(), weight);
  if (number.empty() || end != number.data() + number.size() ||
      failure == std::errc::invalid_argument)
    return WeightedAdapter{text, 1};
  if (failure != std::errc() || !std::isfinite(weight))
    return makeError(ErrorCode::InvalidArgument, text.substr(0, colon),
                     ": expected a finite weight, but got '", number, "'");
  return WeightedAdapter{text.substr(0, colon), weight};
}

std::vector<std::string>
lora::nameAdapters(std::span<const WeightedAdapter> adapters) {
  if (adapters.size() == 1)
    return {"default"};
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const WeightedAdapter &adapter : adapters) {
    std::string stem = peft::folderName(adapter.folder);
    if (stem.empty())
      stem = "adapter";
    // A name is one component of a slot's name, so it must not contain ".".
    std::replace(stem.begin(), stem.end(), '.', '_');
    std::string name = stem;
    for (int i = 1; !known.insert(name).second; ++i)
      name = stem + "_" + std::to_string(i);
    names.push_back(std::move(name));
  }
  return names;
}

static std::string numberText(double value) {
  char text[64];
  auto end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

std::string lora::describeAdapters(std::span<const WeightedAdapter> adapters) {
  std::string text;
  for (const WeightedAdapter &adapter : adapters) {
    text += (text.empty() ? "" : " + ") + peft::folderName(adapter.folder);
    if (adapter.weight != 1)
      text += ":" + numberText(adapter.weight);
  }
  return text;
}

Expected<std::string>
lora::adaptersChecksum(std::span<const WeightedAdapter> adapters) {
  if (adapters.size() == 1 && adapters.front().weight == 1)
    return peft::adapterChecksum(adapters.front().folder);
  std::string text;
  for (const WeightedAdapter &adapter : adapters) {
    auto sum = peft::adapterChecksum(adapter.folder);
    if (!sum)
      return sum;
    text += *sum + ":" + numberText(adapter.weight) + "\n";
  }
  return peft::textChecksum(text);
}
