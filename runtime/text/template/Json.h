//===- Json.h - Between JSON and values -------------------------*- C++ -*-===//
//
// JSON in both directions. Values are written as Python's json.dumps() writes
// them, which transformers uses for `tojson`. What is read may have no whole
// numbers beyond 64 bits, because values cannot hold them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_JSON_H
#define LORA_RUNTIME_TEXT_TEMPLATE_JSON_H

#include "Runtime.h"

#include <string>
#include <string_view>

namespace lora_rt::jinja {

/// As the arguments of Python's json.dumps().
struct JsonFormat {
  bool isAscii = false;
  bool sortsKeys = false;
  bool isIndented = false;
  std::string indent;
  std::string itemSeparator = ", ", keySeparator = ": ";
};

/// Appends a value as json.dumps() writes it. Returns false after an error.
bool writeJson(Runtime &runtime, const Value &value, const JsonFormat &format,
               std::string &out);

/// Reads a JSON text; keys of objects keep their order.
Expected<Value> readJson(std::string_view text, const std::string &where);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_JSON_H
