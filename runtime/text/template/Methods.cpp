//===- Methods.cpp - Methods of dicts, lists and numbers ------------------===//
//
// The methods and fields of dicts, lists, tuples, ranges and numbers, with the
// results of Python. Methods that change their object are left out, because
// jinja2's sandbox forbids them.
//
//===----------------------------------------------------------------------===//

#include "Methods.h"
#include "Access.h"
#include "Operators.h"

#include <cmath>

namespace lora_rt::jinja {

namespace {

/// A method with its object.
class BoundMethod final : public Thing {
public:
  BoundMethod(const MethodRule &rule, const Value &self)
      : rule(rule), self(self) {}
  const char *typeName() const override { return "builtin_function_or_method"; }
  Value call(Runtime &runtime, Arguments &arguments) override {
    return rule.run(runtime, self, arguments);
  }

private:
  const MethodRule &rule;
  Value self;
};

Value get(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "dict.get", "/ key default?", arguments);
  if (!bound || !runtime.step(costOfKey(bound[0])))
    return Value::failure();
  bool isUnhashable;
  const Value *found = self.dict().find(bound[0], isUnhashable);
  if (isUnhashable)
    return runtime.fail("a ", typeName(bound[0]),
                        " cannot be the key of a dict");
  return found ? *found : bound.has(1) ? bound[1] : Value();
}

template <View::What what>
Value view(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "dict.items", "/", arguments);
  if (!bound)
    return Value::failure();
  return Value::of(Kind::View, new View(Ref<Dict>(&self.dict()), what));
}

Value copyOf(Runtime &runtime, const Value &self, Arguments &arguments) {
  // Nothing changes a list or a dict, so that the object is its own copy.
  Bound bound(runtime, "copy", "/", arguments);
  return bound ? self : Value::failure();
}

Value fromKeys(Runtime &runtime, const Value &, Arguments &arguments) {
  Bound bound(runtime, "dict.fromkeys", "/ iterable value?", arguments);
  std::vector<Value> keys;
  if (!bound || !runtime.collect(bound[0], keys))
    return Value::failure();
  Ref<Dict> dict(new Dict);
  for (const Value &key : keys)
    if (!dict->set(runtime, key, bound.has(1) ? bound[1] : Value()))
      return Value::failure();
  return Value::of(Kind::Dict, dict.get());
}

Value countOf(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "list.count", "/ value", arguments);
  std::vector<Value> elements;
  if (!bound || !runtime.collect(self, elements))
    return Value::failure();
  int64_t count = 0;
  for (const Value &element : elements)
    count += isSame(element, bound[0]) || isEqual(runtime, element, bound[0]);
  return runtime.failed() ? Value::failure() : Value::integer(count);
}

Value indexOf(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "list.index", "/ value start? stop?", arguments);
  std::vector<Value> elements;
  if (!bound || !runtime.collect(self, elements))
    return Value::failure();
  auto size = int64_t(elements.size());
  int64_t start = bound.whole(1, 0), stop = bound.whole(2, size);
  if (!bound)
    return Value::failure();
  start = start < 0 ? std::max<int64_t>(start + size, 0) : start;
  stop = stop < 0 ? stop + size : std::min(stop, size);
  for (int64_t i = start; i < stop; ++i) {
    if (isSame(elements[size_t(i)], bound[0]) ||
        isEqual(runtime, elements[size_t(i)], bound[0]))
      return Value::integer(i);
    if (runtime.failed())
      return Value::failure();
  }
  return runtime.fail("the value is not in the ", typeName(self));
}

Value bitLength(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "int.bit_length", "/", arguments);
  int64_t value = self.integer();
  uint64_t size = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
  int64_t bits = 0;
  for (; size; size >>= 1)
    ++bits;
  return bound ? Value::integer(bits) : Value::failure();
}

Value conjugate(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "conjugate", "/", arguments);
  return !bound             ? Value::failure()
         : self.isInteger() ? Value::integer(self.integer())
                            : self;
}

Value isWhole(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "float.is_integer", "/", arguments);
  double value = self.number();
  return bound ? Value::boolean(std::isfinite(value) &&
                                value == std::floor(value))
               : Value::failure();
}

constexpr MethodRule dictRules[] = {
    {"get", get},
    {"items", view<View::What::Items>},
    {"keys", view<View::What::Keys>},
    {"values", view<View::What::Values>},
    {"copy", copyOf},
    {"fromkeys", fromKeys},
};
constexpr MethodRule listRules[] = {
    {"count", countOf}, {"index", indexOf}, {"copy", copyOf}};
constexpr MethodRule tupleRules[] = {{"count", countOf}, {"index", indexOf}};
constexpr MethodRule wholeRules[] = {{"bit_length", bitLength},
                                     {"conjugate", conjugate}};
constexpr MethodRule realRules[] = {{"is_integer", isWhole},
                                    {"conjugate", conjugate}};

std::span<const MethodRule> rulesOf(const Value &object) {
  switch (object.kind()) {
  case Kind::Dict:
    return dictRules;
  case Kind::List:
    return listRules;
  case Kind::Tuple:
  case Kind::Range:
    return tupleRules;
  case Kind::Int:
  case Kind::Bool:
    return wholeRules;
  case Kind::Float:
    return realRules;
  default:
    return {};
  }
}

/// Attributes that are not methods.
Value findField(const Value &object, std::string_view name) {
  if (object.isInteger()) {
    if (name == "real" || name == "numerator")
      return Value::integer(object.integer());
    if (name == "imag")
      return Value::integer(0);
    if (name == "denominator")
      return Value::integer(1);
  } else if (object.is(Kind::Float)) {
    if (name == "real")
      return object;
    if (name == "imag")
      return Value::real(0);
  } else if (object.is(Kind::Range)) {
    const Range &range = object.range();
    if (name == "start" || name == "stop" || name == "step")
      return Value::integer(name == "start"  ? range.start
                            : name == "stop" ? range.stop
                                             : range.step);
  } else if (object.is(Kind::Tuple) && object.sequence().isGroup) {
    if (name == "grouper" || name == "list")
      return object.items()[name == "list"];
  }
  return Value::missing();
}

} // namespace

Value findMethod(Runtime &, const Value &object, std::string_view name) {
  auto search = [&](std::span<const MethodRule> rules) {
    for (const MethodRule &rule : rules)
      if (rule.name == name)
        return Value::of(Kind::Thing, new BoundMethod(rule, object));
    return Value::missing();
  };
  if (!object.isString()) {
    Value field = findField(object, name);
    return field.isMissing() ? search(rulesOf(object)) : field;
  }
  Value method = search(textMethods());
  return method.isMissing() ? search(textQueries()) : method;
}

} // namespace lora_rt::jinja
