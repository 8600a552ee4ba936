//===- Json.h - Reading JSON without exceptions -----------------*- C++ -*-===//
//
// The one place that includes the JSON library, with exceptions off: values are
// checked by type before they are read. Duplicate keys are refused, since
// readers disagree on which one counts.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CORE_JSON_H
#define LORA_RUNTIME_CORE_JSON_H

#include "lora-runtime/Error.h"

#ifndef JSON_NOEXCEPTION
#define JSON_NOEXCEPTION 1
#endif
#include <nlohmann/json.hpp>

#include <string_view>

namespace lora_rt {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

/// Parses a text; `where` names the file in messages.
Expected<Json> parseJson(std::string_view text, const std::string &where);

/// A non-negative integer that fits int64_t.
bool isIndex(const Json &value);

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_JSON_H
