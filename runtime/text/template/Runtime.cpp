//===- Runtime.cpp - Limits, calls, truth and text ------------------------===//
//
// Implements Runtime.h: the limits, and Python's truth, length and text of
// values. An undefined value is false and prints nothing, as in jinja2. A
// function or an iterator cannot be printed, because Python would show an
// address.
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"
#include "PythonFormat.h"

namespace lora_rt::jinja {

bool Runtime::refuseStep(size_t count) {
  if (heap.isExceeded())
    (void)fail("the template needs more than ", options.maxMemory,
               " bytes of memory");
  else if (count > options.maxSteps / 32)
    // One value is a good part of the work.
    (void)fail("the template takes more than ", options.maxSteps,
               " steps, because it makes a text or a list that is too large; "
               "does one double in a loop?");
  else
    (void)fail("the template takes more than ", options.maxSteps,
               " steps; does it loop for ever?");
  return false;
}

bool Runtime::hasRoom(size_t bytes) {
  if (heap.hasRoom(bytes))
    return true;
  (void)fail("the template needs more than ", options.maxMemory,
             " bytes of memory");
  return false;
}

bool Runtime::refuseDepth() {
  (void)fail("more than ", maxDepth,
             " tags and expressions in one another; does a macro call itself "
             "for ever?");
  return false;
}

bool Runtime::enter() {
  if (depth == maxCallDepth) {
    (void)fail("more than ", maxCallDepth,
               " calls in one another; does a macro call itself for ever?");
    return false;
  }
  ++depth;
  return true;
}

Value Runtime::call(const Value &function, Arguments &arguments) {
  if (function.isUndefined())
    return failUndefined(function);
  if (!function.is(Kind::Thing) || !function.thing().isCallable())
    return fail("a ", typeName(function), " cannot be called");
  // The object lives until the call ends, even if the template drops it.
  Value held = function;
  return held.thing().call(*this, arguments);
}

int64_t Runtime::length(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return 0;
  case Kind::String:
    return int64_t(value.asText().length);
  case Kind::List:
  case Kind::Tuple:
    return int64_t(value.items().size());
  case Kind::Dict:
    return int64_t(value.dict().entries.size());
  case Kind::View:
    return int64_t(value.view().dict->entries.size());
  case Kind::Range:
    return value.range().length;
  case Kind::Thing:
    if (int64_t count = value.thing().length(*this); count >= 0)
      return count;
    [[fallthrough]];
  default:
    (void)fail("a ", typeName(value), " has no length");
    return -1;
  }
}

bool Runtime::isTrue(const Value &value) {
  switch (value.kind()) {
  case Kind::None:
  case Kind::Undefined:
    return false;
  case Kind::Bool:
  case Kind::Int:
    return value.integer() != 0;
  case Kind::Float:
    return value.number() != 0;
  case Kind::String:
  case Kind::List:
  case Kind::Tuple:
  case Kind::Dict:
  case Kind::View:
  case Kind::Range:
    return length(value) > 0;
  case Kind::Thing:
    return value.thing().length(*this) != 0;
  default:
    return true;
  }
}

bool Runtime::print(const Value &value, std::string &out) {
  if (value.isString()) {
    if (!canGrow(out, value.string().size()))
      return false;
    out += value.string();
    return step(1 + value.string().size() / 32);
  }
  if (value.isUndefined())
    return true;
  return represent(value, out);
}

Value Runtime::toText(const Value &value) {
  if (value.isString() && !value.asText().isMarkup)
    return value;
  std::string out;
  return print(value, out) ? text(std::move(out)) : Value::failure();
}

bool Runtime::represent(const Value &value, std::string &out, int nesting) {
  if (!step() || !hasRoom(out.size()))
    return false;
  if (nesting > maxNesting) {
    (void)fail("values in one another are too deep to print");
    return false;
  }
  auto list = [&](const std::vector<Value> &items, const char *begin,
                  const char *end) {
    out += begin;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i)
        out += ", ";
      if (!represent(items[i], out, nesting + 1))
        return false;
    }
    out += end;
    return true;
  };
  auto dict = [&](const Dict &entries) {
    out += '{';
    for (size_t i = 0; i < entries.entries.size(); ++i) {
      if (i)
        out += ", ";
      if (!represent(entries.entries[i].first, out, nesting + 1))
        return false;
      out += ": ";
      if (!represent(entries.entries[i].second, out, nesting + 1))
        return false;
    }
    out += '}';
    return true;
  };
  switch (value.kind()) {
  case Kind::Missing:
    out += "missing";
    return true;
  case Kind::None:
    out += "None";
    return true;
  case Kind::Bool:
    out += value.integer() ? "True" : "False";
    return true;
  case Kind::Int:
    out += std::to_string(value.integer());
    return true;
  case Kind::Float:
    out += representFloat(value.number());
    return true;
  case Kind::Undefined:
    out += "Undefined";
    return true;
  case Kind::String:
    // A byte becomes four of them at most, as "\x01", and the text moves as it
    // grows.
    if (!step(value.string().size() / 8) ||
        !canGrow(out, 2 * 4 * value.string().size()))
      return false;
    if (value.asText().isMarkup)
      out += "Markup(";
    representString(value.string(), out);
    if (value.asText().isMarkup)
      out += ')';
    return true;
  case Kind::List:
    return list(value.items(), "[", "]");
  case Kind::Tuple:
    return list(value.items(), "(", value.items().size() == 1 ? ",)" : ")");
  case Kind::Dict:
    return dict(value.dict());
  case Kind::Namespace: {
    out += "<Namespace ";
    // A template may set a name while it is printed no more than once.
    if (!dict(*value.names().names))
      return false;
    out += '>';
    return true;
  }
  case Kind::View: {
    const View &view = value.view();
    std::vector<Value> items;
    for (const auto &[key, element] : view.dict->entries)
      items.push_back(view.what == View::What::Keys ? key
                      : view.what == View::What::Values
                          ? element
                          : Value::tuple({key, element}));
    out += typeName(value);
    return list(items, "([", "])");
  }
  case Kind::Range: {
    const Range &range = value.range();
    out += "range(" + std::to_string(range.start) + ", " +
           std::to_string(range.stop);
    if (range.step != 1)
      out += ", " + std::to_string(range.step);
    out += ')';
    return true;
  }
  case Kind::Thing:
    if (value.thing().print(*this, out))
      return true;
    break;
  default:
    break;
  }
  (void)fail("a ", typeName(value), " cannot be printed",
             value.is(Kind::Iterator) ? "; use the filter 'list' or 'join'"
                                      : "; is a call () missing?");
  return false;
}

} // namespace lora_rt::jinja
