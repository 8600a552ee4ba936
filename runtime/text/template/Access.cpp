//===- Access.cpp - Attributes, items and slices --------------------------===//
//
// Implements Access.h. What is not there gives an undefined value, no error.
// The same holds for what jinja2's ImmutableSandboxedEnvironment forbids: names
// such as __class__, and methods that change a list or a dict.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "../Unicode.h"

#include <algorithm>
#include <limits>

namespace lora_rt::jinja {

namespace {

Value notThere(Runtime &runtime, const Value &object, const Value &key) {
  std::string name;
  if (!runtime.represent(key, name))
    return Value::failure();
  if (key.isString())
    return runtime.undefined("a ", typeName(object), " has no attribute ",
                             name);
  return runtime.undefined("a ", typeName(object), " has no element ", name);
}

/// Python's item; Missing where Python raises a TypeError or a LookupError.
Value findItem(Runtime &runtime, const Value &object, const Value &key) {
  switch (object.kind()) {
  case Kind::Undefined:
    return runtime.failUndefined(object);
  case Kind::Dict: {
    if (!runtime.step(costOfKey(key)))
      return Value::failure();
    bool isUnhashable;
    const Value *value = object.dict().find(key, isUnhashable);
    return value ? *value : Value::missing();
  }
  case Kind::String:
  case Kind::List:
  case Kind::Tuple:
  case Kind::Range:
    break;
  default:
    return Value::missing();
  }
  if (!key.isInteger())
    return Value::missing();
  int64_t length = runtime.length(object), index = key.integer();
  if (index < 0)
    index += length;
  if (index < 0 || index >= length)
    return Value::missing();
  if (object.is(Kind::Range))
    return Value::integer(object.range().at(index));
  if (!object.isString())
    return object.items()[size_t(index)];
  const Text &text = object.asText();
  if (!text.isAscii() && !runtime.step(1 + text.length / 32))
    return Value::failure();
  return runtime.text(
      std::string(charactersOf(text, size_t(index), size_t(index) + 1)),
      text.isMarkup);
}

/// The sandbox gives no access to these methods, which change their object.
bool isUnsafe(const Value &object, std::string_view name) {
  static constexpr std::string_view ofLists[] = {"append",  "clear",  "pop",
                                                 "reverse", "insert", "sort",
                                                 "extend",  "remove"};
  static constexpr std::string_view ofDicts[] = {"clear", "pop", "popitem",
                                                 "setdefault", "update"};
  auto has = [&](auto &names) {
    return std::find(std::begin(names), std::end(names), name) !=
           std::end(names);
  };
  return (object.is(Kind::List) && has(ofLists)) ||
         (object.is(Kind::Dict) && has(ofDicts));
}

} // namespace

std::string_view charactersOf(const Text &text, size_t begin, size_t end) {
  size_t first = text.offsetOf(begin);
  if (text.isAscii())
    return std::string_view(text.bytes).substr(first, end - begin);
  size_t last = first;
  for (size_t i = begin; i < end; ++i)
    last += text::characterBytes(static_cast<unsigned char>(text.bytes[last]));
  return std::string_view(text.bytes).substr(first, last - first);
}

Value findAttribute(Runtime &runtime, const Value &object,
                    std::string_view name) {
  if (object.is(Kind::Namespace)) {
    const Value *value = object.names().names->find(name);
    return value ? *value : Value::missing();
  }
  // All objects have attributes such as __class__. An undefined value fails for
  // others.
  bool isCommon = name == "__class__" || name == "__doc__" ||
                  name == "__init__" || name == "__module__";
  if (name.starts_with("__") && name.ends_with("__") && name.size() > 4 &&
      (isCommon || !object.isUndefined()))
    return runtime.undefined("access to the attribute '", name, "' of a ",
                             typeName(object), " is not safe");
  if (object.isUndefined())
    return runtime.failUndefined(object);
  if (isUnsafe(object, name))
    return runtime.undefined("access to the attribute '", name, "' of a ",
                             typeName(object),
                             " is not safe, because it changes it");
  if (object.is(Kind::Thing))
    return object.thing().attribute(runtime, name);
  return findMethod(runtime, object, name);
}

Value getAttribute(Runtime &runtime, const Value &object,
                   std::string_view name) {
  Value value = findAttribute(runtime, object, name);
  if (!value.isMissing())
    return value;
  Value key = Value::text(std::string(name));
  value = findItem(runtime, object, key);
  return value.isMissing() ? notThere(runtime, object, key) : value;
}

Value getItem(Runtime &runtime, const Value &object, const Value &key) {
  Value value = findItem(runtime, object, key);
  if (value.isMissing() && key.isString())
    value = findAttribute(runtime, object, key.string());
  return value.isMissing() ? notThere(runtime, object, key) : value;
}

bool resolveSlice(Runtime &runtime, const Value &start, const Value &stop,
                  const Value &step, int64_t length, int64_t &first,
                  int64_t &count, int64_t &stride) {
  for (const Value *part : {&start, &stop, &step})
    if (!part->isNone() && !part->isInteger()) {
      (void)(part->isUndefined()
                 ? runtime.failUndefined(*part)
                 : runtime.fail("the parts of a slice are whole numbers, but "
                                "found a ",
                                typeName(*part)));
      return false;
    }
  stride = step.isNone() ? 1 : step.integer();
  if (stride == 0) {
    (void)runtime.fail("the step of a slice cannot be 0");
    return false;
  }
  stride = std::max(stride, -std::numeric_limits<int64_t>::max());
  int64_t low = stride < 0 ? -1 : 0, high = stride < 0 ? length - 1 : length;
  auto bound = [&](const Value &part, int64_t initial) {
    if (part.isNone())
      return initial;
    int64_t value = part.integer();
    if (value < 0)
      return std::max(value + length, low);
    return std::min(value, high);
  };
  first = bound(start, stride < 0 ? high : low);
  int64_t last = bound(stop, stride < 0 ? low : high);
  count = 0;
  if (stride > 0 && first < last)
    count = (last - first - 1) / stride + 1;
  else if (stride < 0 && first > last)
    count = (first - last - 1) / -stride + 1;
  return true;
}

Value getSlice(Runtime &runtime, const Value &object, const Value &start,
               const Value &stop, const Value &step) {
  if (object.isUndefined())
    return runtime.failUndefined(object);
  if (!object.isString() && !object.is(Kind::List) && !object.is(Kind::Tuple) &&
      !object.is(Kind::Range))
    return runtime.fail("a ", typeName(object), " has no slices");
  int64_t first, count, stride;
  if (!resolveSlice(runtime, start, stop, step, runtime.length(object), first,
                    count, stride) ||
      !runtime.step(size_t(count)))
    return Value::failure();
  if (object.is(Kind::Range)) {
    const Range &range = object.range();
    int64_t from = range.at(first), width;
    if (__builtin_mul_overflow(range.step, stride, &width))
      return runtime.fail("the step of a slice is too large");
    return Value::of(Kind::Range, new Range(from, from + count * width, width));
  }
  if (!object.isString()) {
    std::vector<Value> out;
    for (int64_t i = 0; i < count; ++i)
      out.push_back(object.items()[size_t(first + i * stride)]);
    return object.is(Kind::List) ? Value::list(std::move(out))
                                 : Value::tuple(std::move(out));
  }
  const Text &text = object.asText();
  if (!text.isAscii() && !runtime.step(text.bytes.size() / 16))
    return Value::failure();
  if (count == 0)
    return runtime.text("", text.isMarkup);
  if (stride == 1)
    return runtime.text(
        std::string(charactersOf(text, size_t(first), size_t(first + count))),
        text.isMarkup);
  std::vector<std::string_view> characters;
  for (size_t at = 0; at < text.bytes.size();) {
    size_t size =
        text::characterBytes(static_cast<unsigned char>(text.bytes[at]));
    characters.push_back(std::string_view(text.bytes).substr(at, size));
    at += size;
  }
  if (!runtime.step(characters.size() / 8))
    return Value::failure();
  std::string out;
  for (int64_t i = 0; i < count; ++i)
    out += characters[size_t(first + i * stride)];
  return runtime.text(std::move(out), text.isMarkup);
}

} // namespace lora_rt::jinja
