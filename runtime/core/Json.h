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

/// Limits for one text: its bytes, its depth of nesting, and its number of
/// values. A text beyond one of them is refused. The largest checkpoints have
/// about 10^5 tensors: an index has one value for each, a header seven.
inline constexpr size_t maxJsonBytes = size_t(256) << 20;
inline constexpr size_t maxJsonDepth = 64;
inline constexpr size_t maxJsonValues = 2'000'000;

/// Parses a text; `where` names the file in messages. Memory is bounded by the
/// text's length and about 100 bytes for each of `maxJsonValues`.
Expected<Json> parseJson(std::string_view text, const std::string &where);

/// Reads a small file, as readTextFile does, and parses it.
Expected<Json> readJsonFile(const std::string &path,
                            uint64_t limit = uint64_t(64) << 20);

/// A non-negative integer that fits int64_t.
bool isIndex(const Json &value);

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_JSON_H
