//===- JsonParts.h - Reading JSON without keeping all of it -----*- C++ -*-===//
//
// A file may have a list or an object of hundreds of thousands of elements,
// such as the pieces of a vocabulary. These are handed over one by one while
// the text is read, so that no value of all of them is built.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CORE_JSONPARTS_H
#define LORA_RUNTIME_CORE_JSONPARTS_H

#include "Json.h"

#include <functional>
#include <span>
#include <vector>

namespace lora_rt {

/// The limit for the values in the parts of one text.
inline constexpr size_t maxJsonPartValues = 8'000'000;

/// A list or an object that stays empty in the value; its elements are taken.
struct JsonPart {
  /// The keys that lead to it from the outermost object.
  std::vector<std::string> path;
  /// Takes an element; `key` is empty for that of a list. Equal keys are not
  /// refused. An error ends the parse.
  std::function<Error(std::string &&key, Json &&element)> take;
};

/// Like parseJson without parts. All other limits are the same.
Expected<Json> parseJson(std::string_view text, const std::string &where,
                         std::span<const JsonPart> parts);

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_JSONPARTS_H
