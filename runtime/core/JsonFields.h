//===- JsonFields.h - Strict reading of a JSON object -----------*- C++ -*-===//
//
// Reads a manifest's objects field by field. A missing field, a wrong type or a
// value out of range is recorded, and the reader gets a harmless value instead,
// so that callers check for an error once, at the end. A key that nobody asked
// for is an error of `finish`.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CORE_JSONFIELDS_H
#define LORA_RUNTIME_CORE_JSONFIELDS_H

#include "Json.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace lora_rt {

/// Reads the fields of one JSON object. It keeps the first error, and notices
/// fields that nobody read.
class Fields {
public:
  Fields(const Json &object, const std::string &what)
      : object(object), what(what) {
    if (!object.is_object())
      fail("expected an object");
  }

  std::string text(const char *key) {
    const Json *value = take(key);
    if (!value || !value->is_string()) {
      fail("expected a text for '", key, "'");
      return "";
    }
    return value->get<std::string>();
  }

  int64_t size(const char *key) {
    const Json *value = take(key);
    if (!value || !isIndex(*value) || *value == 0) {
      fail("expected a positive whole number for '", key, "'");
      return 1;
    }
    return value->get<int64_t>();
  }

  bool flag(const char *key) {
    const Json *value = take(key);
    if (!value)
      return false;
    if (!value->is_boolean())
      fail("expected true or false for '", key, "'");
    return value->is_boolean() && value->get<bool>();
  }

  DType type(const char *key) {
    std::string name = text(key);
    std::optional<DType> type = parseManifestName(name);
    if (!type)
      fail("unknown element type '", name, "' for '", key, "'");
    return type.value_or(DType::F32);
  }

  /// A whole number of 0 or more.
  int64_t index(const char *key) {
    const Json *value = take(key);
    if (!value || !isIndex(*value)) {
      fail("expected a whole number from 0 on for '", key, "'");
      return 0;
    }
    return value->get<int64_t>();
  }

  /// A finite number greater than 0.
  double positive(const char *key) {
    const Json *value = take(key);
    if (!value || !value->is_number() || !std::isfinite(value->get<double>()) ||
        value->get<double>() <= 0) {
      fail("expected a number above 0 for '", key, "'");
      return 1;
    }
    return value->get<double>();
  }

  /// The index of the value in a list of permitted texts.
  template <size_t N>
  size_t choice(const char *key, const std::array<const char *, N> &names) {
    std::string name = text(key);
    for (size_t i = 0; i < N; ++i)
      if (name == names[i])
        return i;
    fail("unknown value '", name, "' for '", key, "'");
    return 0;
  }

  /// A whole number of -1 or more.
  int64_t indexOrMinusOne(const char *key) {
    const Json *value = take(key);
    if (value && value->is_number_integer() && !value->is_number_unsigned() &&
        value->get<int64_t>() == -1)
      return -1;
    if (!value || !isIndex(*value)) {
      fail("expected a whole number from -1 on for '", key, "'");
      return -1;
    }
    return value->get<int64_t>();
  }

  /// A list of finite numbers.
  std::vector<float> floats(const char *key) {
    std::vector<float> result;
    for (const Json &number : list(key)) {
      if (!number.is_number() || !std::isfinite(number.get<float>())) {
        fail("expected finite numbers in '", key, "'");
        break;
      }
      result.push_back(number.get<float>());
    }
    return result;
  }

  /// A list of sizes of 0 or more; with `wildcard`, also -1.
  std::vector<int64_t> shape(const char *key, bool wildcard = false) {
    std::vector<int64_t> result;
    for (const Json &extent : list(key)) {
      bool isWildcard = wildcard && extent.is_number_integer() &&
                        !extent.is_number_unsigned() &&
                        extent.get<int64_t>() == -1;
      if (!isIndex(extent) && !isWildcard) {
        fail("expected sizes in '", key, "'");
        break;
      }
      result.push_back(extent.get<int64_t>());
    }
    return result;
  }

  /// A list; it is empty if the field is absent.
  const Json &list(const char *key) {
    static const Json empty = Json::array();
    const Json *value = take(key);
    if (value && !value->is_array())
      fail("expected a list for '", key, "'");
    return value && value->is_array() ? *value : empty;
  }

  bool has(const char *key) const {
    return object.is_object() && object.contains(key) && !object[key].is_null();
  }

  const Json *take(const char *key) {
    known.insert(key);
    return has(key) ? &object[key] : nullptr;
  }

  /// A layout, {"scheme": "plain"} or {"scheme": "onednn", "tag": TAG}; plain
  /// if the field is absent.
  std::string layout(const char *key) {
    const Json *value = take(key);
    if (!value)
      return "plain";
    Fields fields(*value, what + " " + key);
    std::string scheme = fields.text("scheme");
    std::string name = "plain";
    if (scheme == "onednn") {
      name = fields.text("tag");
      // Backends get the tag as a C string of at most 63 characters.
      if (name.empty() || name.size() > 63 ||
          !std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '_';
          }))
        fields.fail("expected 1 to 63 letters and digits for 'tag'");
    } else if (scheme != "plain")
      fail("unknown layout scheme '", scheme, "'");
    adopt(fields.finish());
    return name;
  }

  template <typename... Parts> void fail(const Parts &...parts) {
    if (!failure)
      failure = makeError(ErrorCode::InvalidFile, what, ": ", parts...);
  }

  /// Takes the failure of an object inside, unless there was one before.
  void adopt(Error error) {
    if (!failure)
      failure = std::move(error);
  }

  /// The first error. Unknown keys are an error here.
  Error finish() {
    if (object.is_object())
      for (const auto &[key, value] : object.items())
        if (!known.count(key))
          fail("unknown key '", key,
               "'; this runtime is older than the compiled model");
    return std::move(failure);
  }

private:
  const Json &object;
  std::string what;
  std::set<std::string> known;
  Error failure;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_JSONFIELDS_H
