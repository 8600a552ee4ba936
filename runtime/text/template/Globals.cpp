//===- Globals.cpp - range, dict, namespace and the like ------------------===//
//
// Implements Globals.h: jinja2's functions, and those that transformers adds.
// As in jinja2's sandbox, a range has at most 100000 numbers. lipsum() is
// refused, because a prompt is the same each time.
//
//===----------------------------------------------------------------------===//

#include "Globals.h"
#include "../Unicode.h"
#include "Access.h"
#include "Binding.h"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace lora_rt::jinja {

namespace {

/// Longer ranges are refused by jinja2's sandbox.
constexpr int64_t maxRange = 100'000;

Value makeRange(Runtime &runtime, Arguments &arguments) {
  Bound bound(runtime, "range", "/ start stop? step?", arguments);
  if (!bound)
    return Value::failure();
  int64_t first = bound.whole(0, 0), second = bound.whole(1, 0),
          step = bound.whole(2, 1);
  if (!bound)
    return Value::failure();
  if (step == 0)
    return runtime.fail("range() wants a step that is not 0");
  Ref<Range> range(bound.has(1) ? new Range(first, second, step)
                                : new Range(0, first, 1));
  if (range->length > maxRange)
    return runtime.fail("range() gives at most ", maxRange, " numbers");
  return Value::of(Kind::Range, range.get());
}

/// What Python's dict() makes of a mapping or pairs, and of arguments with
/// names; null after an error.
Ref<Dict> makeEntries(Runtime &runtime, Arguments &arguments) {
  Ref<Dict> dict(new Dict);
  if (arguments.positional.size() > 1) {
    (void)runtime.fail("dict() takes at most 1 argument without a name");
    return {};
  }
  if (!arguments.positional.empty()) {
    const Value &source = arguments.positional[0];
    std::vector<Value> pairs;
    if (source.is(Kind::Dict)) {
      for (const auto &[key, value] : source.dict().entries)
        if (!runtime.step() || !dict->set(runtime, key, value))
          return {};
    } else if (!runtime.collect(source, pairs)) {
      return {};
    }
    for (const Value &pair : pairs) {
      std::vector<Value> parts;
      if (!runtime.collect(pair, parts))
        return {};
      if (parts.size() != 2) {
        (void)runtime.fail("dict() wants pairs of a key and a value");
        return {};
      }
      if (!dict->set(runtime, parts[0], parts[1]))
        return {};
    }
  }
  for (const auto &[name, value] : arguments.named)
    dict->set(name, value);
  return dict;
}

Value makeNamespace(Runtime &runtime, Arguments &arguments) {
  Ref<Dict> names = makeEntries(runtime, arguments);
  if (!names)
    return Value::failure();
  for (const auto &[key, value] : names->entries)
    if (key.isString() && key.string().starts_with('_'))
      return runtime.fail("names in a namespace cannot begin with '_', as '",
                          key.string(), "' does");
  return Value::of(Kind::Namespace, new Namespace(names));
}

Value raiseException(Runtime &runtime, Arguments &arguments) {
  Bound bound(runtime, "raise_exception", "message", arguments);
  if (!bound)
    return Value::failure();
  std::string message;
  if (!runtime.print(bound[0], message))
    return Value::failure();
  return runtime.fail(message);
}

Value showTime(Runtime &runtime, Arguments &arguments) {
  Bound bound(runtime, "strftime_now", "format", arguments);
  std::string_view format = bound ? bound.text(0) : "";
  if (!bound)
    return Value::failure();
  int64_t now = runtime.options.now.value_or(
      std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
  int64_t fraction = ((now % 1'000'000) + 1'000'000) % 1'000'000;
  auto seconds = std::time_t((now - fraction) / 1'000'000);
  std::tm parts{};
  if (!localtime_r(&seconds, &parts))
    return runtime.fail("strftime_now() has no such time");
  // Python itself shows fractions, and no zone for a time without one.
  std::string pattern;
  for (size_t i = 0; i < format.size(); ++i) {
    char next = i + 1 < format.size() ? format[i + 1] : '\0';
    if (format[i] != '%' || next == '\0') {
      pattern += format[i];
      continue;
    }
    ++i;
    if (next == 'f') {
      char digits[16];
      std::snprintf(digits, sizeof digits, "%06d", int(fraction));
      pattern += digits;
    } else if (next != 'z' && next != 'Z') {
      pattern += '%';
      pattern += next;
    }
  }
  if (format.size() > 4096)
    return runtime.fail("strftime_now() wants a format of at most 4096 bytes");
  if (pattern.empty())
    return Value::text("");
  // A character at the end tells an empty result from one that is too long.
  pattern += '.';
  std::string out(pattern.size() * 64 + 256, '\0');
  size_t size = std::strftime(out.data(), out.size(), pattern.c_str(), &parts);
  if (size == 0)
    return runtime.fail("strftime_now() has a format that is too long");
  out.resize(size - 1);
  return runtime.text(text::replaceInvalid(out));
}

class Cycler final : public Thing {
public:
  explicit Cycler(std::vector<Value> items)
      : items(Value::tuple(std::move(items))) {}
  const char *typeName() const override { return "Cycler"; }
  bool isCallable() const override { return false; }
  void clear() override { items = Value::tuple({Value()}); }
  Value attribute(Runtime &runtime, std::string_view name) override;
  Value call(Runtime &runtime, Arguments &) override {
    return runtime.fail("a cycler cannot be called; use its next()");
  }

  Value items;
  size_t position = 0;
};

class CyclerMethod final : public Thing {
public:
  CyclerMethod(Ref<Cycler> cycler, bool isReset)
      : cycler(std::move(cycler)), isReset(isReset) {}
  const char *typeName() const override { return "method"; }
  void clear() override { cycler = Ref<Cycler>(); }
  Value call(Runtime &runtime, Arguments &arguments) override {
    Bound bound(runtime, isReset ? "reset" : "next", "/", arguments);
    if (!bound)
      return Value::failure();
    if (isReset) {
      cycler->position = 0;
      return Value();
    }
    const auto &items = cycler->items.items();
    Value value = items[cycler->position];
    cycler->position = (cycler->position + 1) % items.size();
    return value;
  }

private:
  Ref<Cycler> cycler;
  bool isReset;
};

Value Cycler::attribute(Runtime &, std::string_view name) {
  if (name == "next" || name == "reset")
    return Value::of(Kind::Thing,
                     new CyclerMethod(Ref<Cycler>(this), name == "reset"));
  if (name == "current")
    return items.items()[position];
  if (name == "items")
    return items;
  if (name == "pos")
    return Value::integer(int64_t(position));
  return Value::missing();
}

Value makeCycler(Runtime &runtime, Arguments &arguments) {
  if (!arguments.named.empty() || arguments.positional.empty())
    return runtime.fail("cycler() wants at least one value, without a name");
  return Value::of(Kind::Thing, new Cycler(std::move(arguments.positional)));
}

class Joiner final : public Thing {
public:
  explicit Joiner(Value separator) : separator(std::move(separator)) {}
  const char *typeName() const override { return "Joiner"; }
  void clear() override { separator = Value(); }
  Value attribute(Runtime &, std::string_view name) override {
    if (name == "sep")
      return separator;
    return name == "used" ? Value::boolean(isUsed) : Value::missing();
  }
  Value call(Runtime &runtime, Arguments &arguments) override {
    Bound bound(runtime, "joiner", "/", arguments);
    if (!bound)
      return Value::failure();
    return std::exchange(isUsed, true) ? separator : Value::text("");
  }

private:
  Value separator;
  bool isUsed = false;
};

Value makeJoiner(Runtime &runtime, Arguments &arguments) {
  Bound bound(runtime, "joiner", "sep?", arguments);
  if (!bound)
    return Value::failure();
  return Value::of(Kind::Thing,
                   new Joiner(bound.has(0) ? bound[0] : Value::text(", ")));
}

Value makeDict(Runtime &runtime, Arguments &arguments) {
  Ref<Dict> dict = makeEntries(runtime, arguments);
  return dict ? Value::of(Kind::Dict, dict.get()) : Value::failure();
}

Value failLorem(Runtime &runtime, Arguments &) {
  return runtime.fail("lipsum() is not supported: a prompt is the same each "
                      "time");
}

struct FunctionRule {
  std::string_view name;
  Value (*run)(Runtime &runtime, Arguments &arguments);
};

constexpr FunctionRule functions[] = {
    {"range", makeRange},         {"dict", makeDict},
    {"namespace", makeNamespace}, {"cycler", makeCycler},
    {"joiner", makeJoiner},       {"raise_exception", raiseException},
    {"strftime_now", showTime},   {"lipsum", failLorem},
};

class Function final : public Thing {
public:
  explicit Function(const FunctionRule &rule) : rule(rule) {}
  const char *typeName() const override { return "function"; }
  Value attribute(Runtime &runtime, std::string_view name) override {
    // dict.fromkeys
    if (rule.run != makeDict || name != "fromkeys")
      return Value::missing();
    Ref<Dict> empty(new Dict);
    return findMethod(runtime, Value::of(Kind::Dict, empty.get()), name);
  }
  Value call(Runtime &runtime, Arguments &arguments) override {
    return rule.run(runtime, arguments);
  }

private:
  const FunctionRule &rule;
};

} // namespace

void addGlobals(std::map<std::string, Value, std::less<>> &names) {
  for (const FunctionRule &rule : functions)
    names.emplace(rule.name, Value::of(Kind::Thing, new Function(rule)));
}

bool isGlobal(std::string_view name) {
  for (const FunctionRule &rule : functions)
    if (rule.name == name)
      return true;
  return false;
}

} // namespace lora_rt::jinja
