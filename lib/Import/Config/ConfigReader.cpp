//===- ConfigReader.cpp - Checked fields of a JSON object -----------------===//
//
// Implements ConfigReader.h. Every key that a getter was asked for is
// remembered, so that `unread` can name the others.
//
//===----------------------------------------------------------------------===//

#include "ConfigReader.h"

#include <cmath>

using namespace lora;
using namespace lora_rt;

std::string lora::show(const Json &value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

static bool isUnsetValue(const Json &value) {
  if (value.is_boolean())
    return !value.get<bool>();
  if (value.is_number())
    return value.get<double>() == 0;
  if (value.is_string())
    return value.get_ref<const std::string &>().empty();
  return value.empty();
}

bool ConfigReader::contains(std::string_view key) const {
  return object.contains(std::string(key));
}

const Json *ConfigReader::find(std::string_view key) const {
  asked.emplace(key);
  auto found = object.find(std::string(key));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigReader::isUnset(std::string_view key) const {
  const Json *value = find(key);
  return !value || isUnsetValue(*value);
}

std::vector<std::string> ConfigReader::unread() const {
  std::vector<std::string> result;
  for (const auto &[key, value] : object.items())
    if (!asked.count(key) && !isUnsetValue(value))
      result.push_back(key);
  return result;
}

void ConfigReader::refuseNull(std::string_view key) {
  if (contains(key) && !find(key))
    invalid(key, ": null is not a value that it can have; leave the key out, "
                 "or take the config.json that came with the weights");
}

int64_t ConfigReader::size(std::string_view key, int64_t largest) {
  if (!find(key)) {
    invalid(key,
            " is missing; take the config.json that came with the weights");
    return 1;
  }
  return size(key, largest, 1);
}

int64_t ConfigReader::size(std::string_view key, int64_t largest,
                           int64_t absent) {
  const Json *value = find(key);
  if (!value)
    return absent;
  if (isIndex(*value)) {
    int64_t number = value->get<int64_t>();
    if (number >= 1 && number <= largest)
      return number;
  }
  invalid(key, ": expected a whole number from 1 to ", largest, ", but got ",
          show(*value), "; take the config.json that came with the weights");
  return 1;
}

double ConfigReader::positive(std::string_view key, double absent) {
  const Json *value = find(key);
  if (!value)
    return absent;
  if (value->is_number()) {
    double number = value->get<double>();
    if (number > 0 && std::isfinite(number))
      return number;
  }
  invalid(key, ": expected a number above 0, but got ", show(*value));
  return 1;
}

std::optional<double>
ConfigReader::positiveOrNull(std::string_view key,
                             std::optional<double> absent) {
  if (find(key))
    return positive(key, 1);
  return contains(key) ? std::nullopt : absent;
}

std::vector<double> ConfigReader::positives(std::string_view key,
                                            size_t count) {
  std::vector<double> numbers;
  const Json *value = find(key);
  if (!value) {
    invalid(key, " is missing; expected a list of ", count, " numbers");
    return {};
  }
  if (value->is_array() && value->size() == count)
    for (const Json &number : *value)
      if (number.is_number() && number.get<double>() > 0 &&
          std::isfinite(number.get<double>()))
        numbers.push_back(number.get<double>());
  if (!value->is_array() || numbers.size() != count)
    invalid(key, ": expected a list of ", count, " numbers above 0, but got ",
            show(*value),
            value->is_array() && value->size() != count
                ? " (" + std::to_string(value->size()) + " of them)"
                : "");
  numbers.resize(count, 1.0);
  return numbers;
}

bool ConfigReader::flag(std::string_view key, bool absent) {
  const Json *value = find(key);
  if (absent)
    refuseNull(key);
  if (!value)
    return absent;
  if (value->is_boolean())
    return value->get<bool>();
  invalid(key, ": expected true or false, but got ", show(*value));
  return absent;
}

std::string ConfigReader::text(std::string_view key) {
  const Json *value = find(key);
  if (!value)
    return {};
  if (value->is_string())
    return value->get<std::string>();
  invalid(key, ": expected a text, but got ", show(*value));
  return {};
}

std::vector<int64_t> ConfigReader::tokenIds(std::string_view key) {
  const Json *value = find(key);
  if (!value)
    return {};
  Json list = value->is_array() ? *value : Json::array({*value});
  std::vector<int64_t> ids;
  for (const Json &id : list) {
    if (!isIndex(id)) {
      invalid(key, ": expected token ids, but got ", show(*value));
      return {};
    }
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}
