//===- Methods.h - The methods of Python's types ----------------*- C++ -*-===//
//
// Rules are the methods of Python's types that do not change their object. The
// functions on texts have the results of Python's str. Filters use them, too.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_METHODS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_METHODS_H

#include "Binding.h"

#include <span>
#include <string_view>

namespace lora_rt::jinja {

struct MethodRule {
  std::string_view name;
  Value (*run)(Runtime &runtime, const Value &self, Arguments &arguments);
};

/// Those of str: methods that give strings, and those that search and ask.
std::span<const MethodRule> textMethods();
std::span<const MethodRule> textQueries();

/// The first place of a part in a text from `from` on, or npos; the time is
/// linear in the text, whatever the part.
size_t findPart(std::string_view text, std::string_view part, size_t from = 0);
/// The last place.
size_t findLastPart(std::string_view text, std::string_view part);

/// str.strip() and the like; `sides` is 1 for the left one, 2 for the right
/// one, 3 for both. Without `characters`, white space.
std::string_view strip(std::string_view text, int sides,
                       const std::string_view *characters = nullptr);

/// str.split() at white space; at most `limit` times, if it is not negative.
std::vector<std::string_view> splitSpace(std::string_view text, int64_t limit);

/// The same from the right.
std::vector<std::string_view> splitSpaceRight(std::string_view text,
                                              int64_t limit);

/// str.split() at a mark.
std::vector<std::string_view> splitAt(std::string_view text,
                                      std::string_view mark, int64_t limit);

/// The same from the right, by way of the reversed texts.
std::vector<std::string_view>
splitAtRight(std::string_view text, std::string_view mark, int64_t limit);

/// str.splitlines().
std::vector<std::string_view> splitLines(std::string_view text, bool keepsEnds);

/// str.replace(); false after an error.
bool replaceAll(Runtime &runtime, std::string_view text, std::string_view from,
                std::string_view to, int64_t limit, std::string &out);

/// str.join() of what `runtime.print` makes of the elements, or of strings
/// alone.
Value joinTexts(Runtime &runtime, const Value &separator, const Value &elements,
                bool printsAll);

/// str.center() with spaces.
Value centerText(Runtime &runtime, const Value &text, int64_t width,
                 std::string_view fill = " ");

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_METHODS_H
