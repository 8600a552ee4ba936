//===- Filters.cpp - Finding and calling filters --------------------------===//
//
// Finds and calls filters, and has what several filters need: the path of an
// attribute ("a.0.b"), keys without case, and a stable sort. A filter that is
// known but not supported fails with its reason.
//
//===----------------------------------------------------------------------===//

#include "Filters.h"
#include "Access.h"
#include "Operators.h"
#include "PythonText.h"

#include <algorithm>
#include <cstdlib>

namespace lora_rt::jinja {

const FilterRule *findFilter(std::string_view name) {
  for (std::span<const FilterRule> rules :
       {textFilters(), sequenceFilters(), selectionFilters(), numberFilters(),
        markupFilters()})
    for (const FilterRule &rule : rules)
      if (rule.name == name)
        return &rule;
  return nullptr;
}

Value callFilter(Runtime &runtime, const FilterRule &rule, const Value &value,
                 Arguments &arguments) {
  if (!rule.run)
    return runtime.fail("the filter '", rule.name,
                        "' is not supported: ", rule.parameters);
  bool isAny = rule.parameters == "*";
  static const Arguments none;
  Bound bound(runtime, rule.name, isAny ? "" : rule.parameters,
              isAny ? none : arguments);
  if (!bound)
    return Value::failure();
  FilterCall call{runtime, value, bound, arguments};
  Value result = rule.run(call);
  return runtime.failed() ? Value::failure() : result;
}

AttributePath::AttributePath(const Value &attribute) {
  if (attribute.isNone() || attribute.isMissing())
    return;
  if (!attribute.isString()) {
    parts.push_back(attribute);
    return;
  }
  std::string_view rest = attribute.string();
  while (true) {
    size_t end = std::min(rest.find('.'), rest.size());
    std::string part(rest.substr(0, end));
    bool isNumber = !part.empty() && part.size() < 18 &&
                    part.find_first_not_of("0123456789") == std::string::npos;
    parts.push_back(isNumber ? Value::integer(std::atoll(part.c_str()))
                             : Value::text(part));
    if (end == rest.size())
      return;
    rest.remove_prefix(end + 1);
  }
}

Value AttributePath::follow(Runtime &runtime, Value item,
                            const Value &initial) const {
  for (const Value &part : parts) {
    if (!runtime.step())
      return Value::failure();
    item = getItem(runtime, item, part);
    if (item.isFailure())
      return item;
    if (item.isUndefined() && !initial.isNone() && !initial.isMissing())
      item = initial;
  }
  return item;
}

Value ignoreCase(Runtime &runtime, const Value &value) {
  return value.isString() ? runtime.text(toLower(value.string())) : value;
}

bool sortByKeys(Runtime &runtime, std::vector<std::pair<Value, Value>> &items,
                bool isReversed) {
  // A merge sort: it is stable, and ends however the keys compare.
  std::vector<std::pair<Value, Value>> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t left = begin, middle = std::min(begin + width, items.size());
      size_t right = middle, end = std::min(begin + 2 * width, items.size());
      for (size_t i = begin; i < end; ++i) {
        bool takesRight = left == middle;
        if (left < middle && right < end) {
          const Value &first = items[isReversed ? left : right].first;
          const Value &second = items[isReversed ? right : left].first;
          takesRight = isLess(runtime, first, second);
          if (runtime.failed() || !runtime.step())
            return false;
        }
        merged[i] = std::move(items[takesRight ? right++ : left++]);
      }
    }
    std::swap(items, merged);
  }
  return true;
}

Value softText(Runtime &runtime, const Value &value) {
  return value.isString() ? value : runtime.toText(value);
}

} // namespace lora_rt::jinja
