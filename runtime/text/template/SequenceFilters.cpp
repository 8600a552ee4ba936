//===- SequenceFilters.cpp - Filters of lists and dicts -------------------===//
//
// jinja2's filters of lists and dicts. A filter that is a generator in jinja2
// is one here, too. Sorts are stable and ignore case by default. `random` is
// refused, because a prompt is the same each time.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Filters.h"
#include "Iterators.h"
#include "Methods.h"
#include "Operators.h"

#include <functional>

namespace lora_rt::jinja {

namespace {

/// A generator whose elements are made when the first is asked for.
class LateIterator final : public Iterator {
public:
  using Function = std::function<bool(Runtime &, std::vector<Value> &)>;
  explicit LateIterator(Function make) : make(std::move(make)) {}
  Value next(Runtime &runtime) override {
    CallDepth depth(runtime);
    if (!depth || (make && !make(runtime, elements)))
      return Value::failure();
    make = nullptr;
    return index < elements.size() ? elements[index++] : Value::missing();
  }

private:
  Function make;
  std::vector<Value> elements;
  size_t index = 0;
};

Value generator(Iterator *iterator) {
  return Value::of(Kind::Iterator, iterator);
}

Value length(FilterCall &call) {
  int64_t count = call.runtime.length(call.value);
  return count < 0 ? Value::failure() : Value::integer(count);
}

Value first(FilterCall &call) {
  Ref<Iterator> iterator = call.runtime.iterate(call.value);
  if (!iterator)
    return Value::failure();
  Value value = iterator->next(call.runtime);
  return value.isMissing() ? call.runtime.undefined("there is no first item")
                           : value;
}

Value last(FilterCall &call) {
  Ref<Iterator> iterator = iterateReversed(call.value);
  if (!iterator)
    return call.runtime.fail("a ", typeName(call.value),
                             " has no last item; use the filter 'list' before");
  Value value = iterator->next(call.runtime);
  return value.isMissing() ? call.runtime.undefined("there is no last item")
                           : value;
}

Value list(FilterCall &call) {
  std::vector<Value> out;
  return call.runtime.collect(call.value, out) ? Value::list(std::move(out))
                                               : Value::failure();
}

Value reverse(FilterCall &call) {
  const Value &value = call.value;
  if (value.isString())
    return getSlice(call.runtime, value, Value(), Value(), Value::integer(-1));
  if (Ref<Iterator> iterator = iterateReversed(value))
    return generator(iterator.get());
  std::vector<Value> out;
  if (!call.runtime.collect(value, out))
    return Value::failure();
  return Value::list({out.rbegin(), out.rend()});
}

Value join(FilterCall &call) {
  Value separator =
      call.bound.has(0) ? call.runtime.toText(call.bound[0]) : Value::text("");
  if (separator.isFailure())
    return separator;
  Value elements = call.value;
  if (call.bound.isSet(1)) {
    AttributePath path(call.bound[1]);
    elements = generator(new MappedIterator(
        elements, [path](Runtime &runtime, const Value &item) {
          return path.follow(runtime, item, Value());
        }));
  }
  return joinTexts(call.runtime, separator, elements, true);
}

Value items(FilterCall &call) {
  Value value = call.value;
  return generator(
      new LateIterator([value](Runtime &runtime, std::vector<Value> &out) {
        if (value.isUndefined())
          return true;
        if (!value.is(Kind::Dict)) {
          (void)runtime.fail("the filter 'items' wants a dict, but found a ",
                             typeName(value));
          return false;
        }
        return runtime.collect(
            Value::of(Kind::View,
                      new View(Ref<Dict>(&value.dict()), View::What::Items)),
            out);
      }));
}

Value dictSort(FilterCall &call) {
  Bound &bound = call.bound;
  bool isSensitive = bound.flag(0, false), isReversed = bound.flag(2, false);
  Value by = bound.has(1) ? bound[1] : Value::text("key");
  bool isKey = by.isString() && by.string() == "key";
  if (!isKey && !(by.isString() && by.string() == "value"))
    return call.runtime.fail("dictsort() sorts by 'key' or 'value'");
  if (!call.value.is(Kind::Dict))
    return call.value.isUndefined()
               ? call.runtime.failUndefined(call.value)
               : call.runtime.fail("dictsort() wants a dict, but found a ",
                                   typeName(call.value));
  std::vector<std::pair<Value, Value>> sorted;
  for (const auto &[key, value] : call.value.dict().entries) {
    const Value &part = isKey ? key : value;
    sorted.emplace_back(isSensitive ? part : ignoreCase(call.runtime, part),
                        Value::tuple({key, value}));
  }
  if (!sortByKeys(call.runtime, sorted, isReversed))
    return Value::failure();
  std::vector<Value> out;
  for (auto &[key, item] : sorted)
    out.push_back(std::move(item));
  return Value::list(std::move(out));
}

Value sort(FilterCall &call) {
  Bound &bound = call.bound;
  bool isReversed = bound.flag(0, false), isSensitive = bound.flag(1, false);
  std::vector<AttributePath> paths;
  if (bound.isSet(2) && bound[2].isString()) {
    std::string_view rest = bound[2].string();
    for (bool isMore = true; isMore;) {
      size_t end = rest.find(',');
      isMore = end != std::string_view::npos;
      paths.emplace_back(Value::text(std::string(rest.substr(0, end))));
      rest.remove_prefix(isMore ? end + 1 : rest.size());
    }
  } else {
    paths.emplace_back(bound[2]);
  }
  std::vector<Value> elements;
  if (!call.runtime.collect(call.value, elements))
    return Value::failure();
  std::vector<std::pair<Value, Value>> sorted;
  for (const Value &element : elements) {
    std::vector<Value> keys;
    for (const AttributePath &path : paths) {
      Value key = path.follow(call.runtime, element, Value());
      keys.push_back(
          isSensitive || key.isFailure() ? key : ignoreCase(call.runtime, key));
      if (keys.back().isFailure())
        return Value::failure();
    }
    sorted.emplace_back(Value::list(std::move(keys)), element);
  }
  if (!sortByKeys(call.runtime, sorted, isReversed))
    return Value::failure();
  for (size_t i = 0; i < sorted.size(); ++i)
    elements[i] = std::move(sorted[i].second);
  return Value::list(std::move(elements));
}

/// An element's key for `unique`, `min`, `max` and `groupby`.
Value keyOf(Runtime &runtime, const AttributePath &path, const Value &item,
            bool isSensitive, const Value &initial) {
  Value key = path.follow(runtime, item, initial);
  return isSensitive || key.isFailure() ? key : ignoreCase(runtime, key);
}

Value unique(FilterCall &call) {
  bool isSensitive = call.bound.flag(0, false);
  AttributePath path(call.bound[1]);
  Ref<Dict> seen(new Dict);
  return generator(new MappedIterator(
      call.value,
      [path, seen, isSensitive](Runtime &runtime, const Value &item) {
        Value key = keyOf(runtime, path, item, isSensitive, Value());
        if (key.isFailure())
          return key;
        size_t count = seen->entries.size();
        if (!seen->set(runtime, key, Value()))
          return Value::failure();
        return seen->entries.size() > count ? item : Value::missing();
      }));
}

template <bool isMax> Value extreme(FilterCall &call) {
  bool isSensitive = call.bound.flag(0, false);
  AttributePath path(call.bound[1]);
  Ref<Iterator> iterator = call.runtime.iterate(call.value);
  Value best = Value::missing(), bestKey;
  while (iterator && call.runtime.step()) {
    Value item = iterator->next(call.runtime);
    if (item.isMissing())
      return best.isMissing()
                 ? call.runtime.undefined("there is no item: the list is empty")
                 : best;
    if (item.isFailure())
      return item;
    Value key = keyOf(call.runtime, path, item, isSensitive, Value());
    if (key.isFailure())
      return key;
    if (!best.isMissing()) {
      bool isBetter = isMax ? isLess(call.runtime, bestKey, key)
                            : isLess(call.runtime, key, bestKey);
      if (call.runtime.failed())
        return Value::failure();
      if (!isBetter)
        continue;
    }
    best = std::move(item);
    bestKey = std::move(key);
  }
  return Value::failure();
}

Value sum(FilterCall &call) {
  AttributePath path(call.bound[0]);
  Value total = call.bound.has(1) ? call.bound[1] : Value::integer(0);
  if (total.isString())
    return call.runtime.fail("sum() adds no strings; use the filter 'join'");
  Ref<Iterator> iterator = call.runtime.iterate(call.value);
  while (iterator && call.runtime.step()) {
    Value item = iterator->next(call.runtime);
    if (item.isMissing())
      return total;
    if (!item.isFailure())
      item = path.follow(call.runtime, item, Value());
    if (item.isFailure())
      return item;
    total = calculate(call.runtime, Operator::Add, total, item);
    if (total.isFailure())
      return total;
  }
  return Value::failure();
}

Value groupBy(FilterCall &call) {
  Bound &bound = call.bound;
  AttributePath path(bound[0]);
  Value initial = bound.has(1) ? bound[1] : Value();
  bool isSensitive = bound.flag(2, false);
  std::vector<Value> elements;
  if (!call.runtime.collect(call.value, elements))
    return Value::failure();
  std::vector<std::pair<Value, Value>> sorted;
  for (const Value &element : elements) {
    Value key = keyOf(call.runtime, path, element, isSensitive, initial);
    if (key.isFailure())
      return key;
    sorted.emplace_back(key, element);
  }
  if (!sortByKeys(call.runtime, sorted, false))
    return Value::failure();
  std::vector<Value> groups;
  for (size_t i = 0; i < sorted.size();) {
    std::vector<Value> members;
    size_t begin = i;
    while (i < sorted.size() &&
           isEqual(call.runtime, sorted[begin].first, sorted[i].first))
      members.push_back(sorted[i++].second);
    if (call.runtime.failed() || members.empty())
      return call.runtime.fail("groupby() found a key that is not itself");
    // The key as the first member has it.
    Value key = path.follow(call.runtime, members[0], initial);
    if (key.isFailure())
      return key;
    std::vector<Value> group{key, Value::list(std::move(members))};
    groups.push_back(
        Value::of(Kind::Tuple, new Sequence(std::move(group), true)));
  }
  return Value::list(std::move(groups));
}

Value batch(FilterCall &call) {
  int64_t size = call.bound.whole(0, 1);
  Value fill = call.bound.has(1) ? call.bound[1] : Value(), value = call.value;
  return generator(new LateIterator(
      [value, size, fill](Runtime &runtime, std::vector<Value> &out) {
        std::vector<Value> elements, part;
        if (!runtime.collect(value, elements))
          return false;
        for (Value &element : elements) {
          if (int64_t(part.size()) == size)
            out.push_back(Value::list(std::exchange(part, {})));
          part.push_back(std::move(element));
        }
        if (part.empty())
          return true;
        while (!fill.isNone() && int64_t(part.size()) < size) {
          if (!runtime.step() || !runtime.hasRoom(part.size() * sizeof(Value)))
            return false;
          part.push_back(fill);
        }
        out.push_back(Value::list(std::move(part)));
        return true;
      }));
}

Value slice(FilterCall &call) {
  int64_t count = call.bound.whole(0, 1);
  Value fill = call.bound.has(1) ? call.bound[1] : Value(), value = call.value;
  return generator(new LateIterator(
      [value, count, fill](Runtime &runtime, std::vector<Value> &out) {
        std::vector<Value> elements;
        if (!runtime.collect(value, elements))
          return false;
        if (count == 0) {
          (void)runtime.fail("slice() wants at least one slice");
          return false;
        }
        auto size = int64_t(elements.size());
        int64_t at = 0;
        for (int64_t i = 0; i < count; ++i) {
          if (!runtime.step())
            return false;
          int64_t part = size / count + (i < size % count);
          std::vector<Value> slice(elements.begin() + at,
                                   elements.begin() + at + part);
          at += part;
          if (!fill.isNone() && i >= size % count)
            slice.push_back(fill);
          out.push_back(Value::list(std::move(slice)));
        }
        return true;
      }));
}

} // namespace

std::span<const FilterRule> sequenceFilters() {
  static constexpr FilterRule rules[] = {
      {"length", "/", length},
      {"count", "/", length},
      {"first", "", first},
      {"last", "", last},
      {"list", "", list},
      {"reverse", "", reverse},
      {"join", "d? attribute?", join},
      {"items", "", items},
      {"dictsort", "case_sensitive? by? reverse?", dictSort},
      {"sort", "reverse? case_sensitive? attribute?", sort},
      {"unique", "case_sensitive? attribute?", unique},
      {"min", "case_sensitive? attribute?", extreme<false>},
      {"max", "case_sensitive? attribute?", extreme<true>},
      {"sum", "attribute? start?", sum},
      {"groupby", "attribute default? case_sensitive?", groupBy},
      {"batch", "linecount fill_with?", batch},
      {"slice", "slices fill_with?", slice},
      {"random", "a prompt is the same each time", nullptr},
  };
  return rules;
}

} // namespace lora_rt::jinja
