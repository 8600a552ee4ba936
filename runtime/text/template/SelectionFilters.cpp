//===- SelectionFilters.cpp - map, select, attr and default ---------------===//
//
// `map`, `select` and their like are generators, as in jinja2: the name of a
// filter or test is looked up for each element, and an unknown one fails then.
// A value that is not true counts as an empty list. `tojson` is that of
// transformers.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Filters.h"
#include "Iterators.h"
#include "Json.h"
#include "Tests.h"

namespace lora_rt::jinja {

namespace {

/// What is not true is taken as an empty list: a generator of jinja2 begins
/// with `if value`.
Value overElements(FilterCall &call, MappedIterator::Function function) {
  Value source = call.value;
  if (!call.runtime.isTrue(source)) {
    if (call.runtime.failed())
      return Value::failure();
    source = Value::list({});
  }
  return Value::of(Kind::Iterator,
                   new MappedIterator(source, std::move(function)));
}

Value map(FilterCall &call) {
  Arguments arguments = call.arguments;
  bool isAttribute = false;
  for (const auto &[name, value] : arguments.named)
    isAttribute = isAttribute || name == "attribute";
  if (arguments.positional.empty() && isAttribute) {
    Value attribute, initial;
    for (const auto &[name, value] : arguments.named) {
      if (name != "attribute" && name != "default")
        return call.runtime.fail("map() takes no argument '", name, "'");
      (name == "default" ? initial : attribute) = value;
    }
    AttributePath path(attribute);
    return overElements(call,
                        [path, initial](Runtime &runtime, const Value &item) {
                          return path.follow(runtime, item, initial);
                        });
  }
  return overElements(call, [arguments](Runtime &runtime, const Value &item) {
    if (arguments.positional.empty())
      return runtime.fail("map() needs the name of a filter");
    const Value &name = arguments.positional[0];
    const FilterRule *rule =
        name.isString() ? findFilter(name.string()) : nullptr;
    if (!rule) {
      std::string shown;
      if (!runtime.represent(name, shown))
        return Value::failure();
      return runtime.fail("no filter named ", shown,
                          name.isUndefined() ? "; is its name without quotes?"
                                             : "");
    }
    Arguments rest = arguments;
    (void)runtime.step(rest.positional.size() + rest.named.size());
    rest.positional.erase(rest.positional.begin());
    return callFilter(runtime, *rule, item, rest);
  });
}

/// select, reject, selectattr and rejectattr.
template <bool isAttribute, bool isRejected> Value select(FilterCall &call) {
  Arguments arguments = call.arguments;
  return overElements(call, [arguments](Runtime &runtime, const Value &item) {
    Arguments rest = arguments;
    (void)runtime.step(rest.positional.size() + rest.named.size());
    auto take = [&] {
      Value first = std::move(rest.positional[0]);
      rest.positional.erase(rest.positional.begin());
      return first;
    };
    Value value = item;
    if (isAttribute) {
      if (rest.positional.empty())
        return runtime.fail("selectattr() and rejectattr() need the name of "
                            "an attribute");
      Value path = take();
      if (!runtime.step(1 + costOfKey(path) * 4))
        return Value::failure();
      value = AttributePath(path).follow(runtime, item, Value());
      if (value.isFailure())
        return value;
    }
    if (!rest.positional.empty()) {
      Value name = take();
      const TestRule *rule =
          name.isString() ? findTest(name.string()) : nullptr;
      if (!rule) {
        std::string shown;
        if (!runtime.represent(name, shown))
          return Value::failure();
        return runtime.fail("no test named ", shown,
                            name.isUndefined() ? "; is its name without quotes?"
                                               : "");
      }
      value = callTest(runtime, *rule, value, rest);
      if (value.isFailure())
        return value;
    }
    bool isTrue = runtime.isTrue(value);
    if (runtime.failed())
      return Value::failure();
    return isTrue != isRejected ? item : Value::missing();
  });
}

Value defaultTo(FilterCall &call) {
  bool isReplaced = call.value.isUndefined();
  if (!isReplaced && call.bound.flag(1, false))
    isReplaced = !call.runtime.isTrue(call.value);
  if (!isReplaced)
    return call.value;
  return call.bound.has(0) ? call.bound[0] : Value::text("");
}

Value attribute(FilterCall &call) {
  std::string_view name = call.bound.text(0);
  if (!call.bound)
    return Value::failure();
  Value value = findAttribute(call.runtime, call.value, name);
  if (!value.isMissing())
    return value;
  return call.runtime.undefined("a ", typeName(call.value),
                                " has no attribute '", name, "'");
}

Value toJson(FilterCall &call) {
  JsonFormat format;
  Bound &bound = call.bound;
  format.isAscii = bound.flag(0, false);
  format.sortsKeys = bound.flag(3, false);
  if (bound.isSet(1)) {
    format.isIndented = true;
    if (bound[1].isString()) {
      format.indent = bound[1].string();
    } else {
      int64_t width = bound.whole(1, 0);
      if (!bound || width > 1000)
        return call.runtime.fail("tojson() wants an indent up to 1000");
      format.indent.assign(size_t(std::max<int64_t>(width, 0)), ' ');
    }
    format.itemSeparator = ",";
  }
  if (bound.isSet(2)) {
    std::vector<Value> separators;
    if (!call.runtime.collect(bound[2], separators))
      return Value::failure();
    if (separators.size() != 2 || !separators[0].isString() ||
        !separators[1].isString())
      return call.runtime.fail("tojson() wants two strings as separators");
    format.itemSeparator = separators[0].string();
    format.keySeparator = separators[1].string();
  }
  std::string out;
  return writeJson(call.runtime, call.value, format, out)
             ? call.runtime.text(std::move(out))
             : Value::failure();
}

} // namespace

std::span<const FilterRule> selectionFilters() {
  static constexpr FilterRule rules[] = {
      {"map", "*", map},
      {"select", "*", select<false, false>},
      {"reject", "*", select<false, true>},
      {"selectattr", "*", select<true, false>},
      {"rejectattr", "*", select<true, true>},
      {"default", "default_value? boolean?", defaultTo},
      {"d", "default_value? boolean?", defaultTo},
      {"attr", "name", attribute},
      {"tojson", "ensure_ascii? indent? separators? sort_keys?", toJson},
  };
  return rules;
}

} // namespace lora_rt::jinja
