//===- Filters.h - The filters of jinja2 ------------------------*- C++ -*-===//
//
// `value|name(arguments)`. The rules are in tables by topic; a filter that is
// known but not supported has no function, and the reason as its parameters.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_FILTERS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_FILTERS_H

#include "Binding.h"

#include <span>
#include <string_view>

namespace lora_rt::jinja {

/// What a filter gets: its value, the arguments by its parameters, and as they
/// were written.
struct FilterCall {
  Runtime &runtime;
  const Value &value;
  Bound &bound;
  Arguments &arguments;
};

struct FilterRule {
  std::string_view name;
  /// As for `Bound`; "*" for any.
  std::string_view parameters;
  Value (*run)(FilterCall &call);
};

/// nullptr if there is no such filter.
const FilterRule *findFilter(std::string_view name);

Value callFilter(Runtime &runtime, const FilterRule &rule, const Value &value,
                 Arguments &arguments);

std::span<const FilterRule> textFilters();
std::span<const FilterRule> sequenceFilters();
std::span<const FilterRule> selectionFilters();
std::span<const FilterRule> numberFilters();
std::span<const FilterRule> markupFilters();

/// Follows an attribute as filters name it: "a.b.0", or a number. None gives
/// the item itself.
class AttributePath {
public:
  explicit AttributePath(const Value &attribute);
  /// `initial` replaces undefined values, if it is not None.
  Value follow(Runtime &runtime, Value item, const Value &initial) const;

private:
  std::vector<Value> parts;
};

/// A str in lower case, anything else as it is.
Value ignoreCase(Runtime &runtime, const Value &value);

/// Python's sorted(), by keys. Returns false after an error.
bool sortByKeys(Runtime &runtime, std::vector<std::pair<Value, Value>> &items,
                bool isReversed);

/// The value, if it is a str, else str() of it.
Value softText(Runtime &runtime, const Value &value);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_FILTERS_H
