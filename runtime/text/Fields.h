//===- Fields.h - Reading the components of a tokenizer ---------*- C++ -*-===//
//
// A component is a JSON object with a "type". Its fields are read with the
// defaults of the tokenizers library; a missing field, or one of another type,
// is an error of the component.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_FIELDS_H
#define LORA_RUNTIME_TEXT_FIELDS_H

#include "../core/Json.h"
#include "Unicode.h"

#include <optional>

namespace lora_rt::text {

class Component {
public:
  /// `where` names the file and the part of it: "tokenizer.json: normalizer".
  Component(const Json &object, const std::string &where)
      : object(object), where(where) {
    if (!object.is_object())
      fail("expected an object with a 'type'");
    else if (const Json *type = find("type"))
      if (type->is_string())
        name = type->get<std::string>();
    if (object.is_object() && name.empty())
      fail("expected a text for 'type'");
  }

  const std::string &type() const { return name; }
  std::string place() const { return where + " " + name; }

  const Json *find(const char *key) const {
    if (!object.is_object())
      return nullptr;
    auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const char *key,
                   std::optional<std::string> fallback = std::nullopt) {
    const Json *value = find(key);
    if (!value && fallback)
      return *fallback;
    if (value && value->is_string())
      return value->get<std::string>();
    fail("expected a text for '", key, "'");
    return "";
  }

  /// A text of one character.
  char32_t character(const char *key) {
    std::string value = text(key);
    size_t at = 0;
    char32_t result = value.empty() ? 0 : nextCharacter(value, at);
    if (value.empty() || at != value.size())
      fail("expected one character for '", key, "'");
    return result;
  }

  bool flag(const char *key, std::optional<bool> fallback = std::nullopt) {
    const Json *value = find(key);
    if (!value && fallback)
      return *fallback;
    if (value && value->is_boolean())
      return value->get<bool>();
    fail("expected true or false for '", key, "'");
    return false;
  }

  uint64_t number(const char *key,
                  std::optional<uint64_t> fallback = std::nullopt) {
    const Json *value = find(key);
    if (!value && fallback)
      return *fallback;
    if (value && isIndex(*value))
      return value->get<uint64_t>();
    fail("expected a whole number from 0 on for '", key, "'");
    return 0;
  }

  const Json &list(const char *key) {
    static const Json empty = Json::array();
    const Json *value = find(key);
    if (value && value->is_array())
      return *value;
    fail("expected a list for '", key, "'");
    return empty;
  }

  template <typename... Parts> void fail(const Parts &...parts) {
    if (!error)
      error = makeError(ErrorCode::InvalidFile, where, name.empty() ? "" : " ",
                        name, ": ", parts...);
  }

  /// The error for an unknown type.
  Error unknown() const {
    return makeError(ErrorCode::InvalidFile, where, ": '", name,
                     "' is not a component that is known");
  }

  explicit operator bool() const { return bool(error); }
  Error take() { return std::move(error); }

private:
  const Json &object;
  std::string where;
  std::string name;
  Error error;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_FIELDS_H
