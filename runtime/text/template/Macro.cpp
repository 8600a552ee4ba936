//===- Macro.cpp - Macros as values, and their calls ----------------------===//
//
// Implements Macro with jinja2's rules for its arguments. Arguments beyond the
// parameters are refused, unless the body uses `varargs` or `kwargs`. Defaults
// are evaluated at each call. A parameter that has no default and gets no
// argument is undefined.
//
//===----------------------------------------------------------------------===//

#include "Loop.h"

namespace lora_rt::jinja {

Value Macro::attribute(Runtime &, std::string_view name) {
  const MacroLayout &macro = *node.macro;
  if (name == "name")
    return node.kind == NodeKind::Macro ? Value::text(node.name) : Value();
  bool isExplicit = false;
  std::vector<Value> names;
  for (const Parameter &parameter : macro.parameters) {
    names.push_back(Value::text(parameter.name));
    isExplicit = isExplicit || parameter.name == "caller";
  }
  if (name == "arguments")
    return Value::tuple(std::move(names));
  if (name == "catch_kwargs")
    return Value::boolean(macro.usesNamed);
  if (name == "catch_varargs")
    return Value::boolean(macro.usesPositional);
  if (name == "caller")
    return Value::boolean(macro.usesCaller);
  if (name == "explicit_caller")
    return Value::boolean(isExplicit);
  return Value::missing();
}

bool Macro::print(Runtime &runtime, std::string &out) {
  out += "<Macro ";
  if (node.kind != NodeKind::Macro)
    out += "anonymous";
  else if (!runtime.represent(Value::text(node.name), out))
    return false;
  out += '>';
  return true;
}

Value Interpreter::callMacro(const Node &node, const Ref<Activation> &outer,
                             Context &context, Arguments &arguments) {
  CallDepth depth(runtime);
  if (!depth)
    return Value::failure();
  const MacroLayout &macro = *node.macro;
  auto &positional = arguments.positional;
  auto &named = arguments.named;
  auto take = [&](const std::string &name) {
    (void)runtime.step(named.size());
    for (size_t i = 0; i < named.size(); ++i)
      if (named[i].first == name) {
        Value value = std::move(named[i].second);
        named.erase(named.begin() + ptrdiff_t(i));
        return value;
      }
    return Value::missing();
  };
  std::string what =
      node.kind == NodeKind::Macro ? "macro '" + node.name + "'" : "caller";
  (void)runtime.step(macro.function.slotCount);
  Ref<Activation> variables(new Activation(macro.function.slotCount, outer));
  Frame frame{*variables, context};
  bool hasCaller = false;
  std::vector<Value> given;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter &parameter = macro.parameters[i];
    hasCaller = hasCaller || parameter.name == "caller";
    given.push_back(i < positional.size() ? positional[i]
                                          : take(parameter.name));
  }
  if (macro.usesCaller && !hasCaller) {
    Value caller = take("caller");
    variables->slots[macro.callerSlot] =
        caller.isMissing() || caller.isNone()
            ? runtime.undefined("there is no caller")
            : caller;
  }
  if (macro.usesNamed) {
    Ref<Dict> rest(new Dict);
    for (auto &[name, value] : named)
      rest->set(name, value);
    variables->slots[macro.namedSlot] = Value::of(Kind::Dict, rest.get());
  } else if (!named.empty()) {
    return runtime.fail("the ", what, " takes no argument '", named[0].first,
                        "'");
  }
  size_t count = std::min(positional.size(), macro.parameters.size());
  if (macro.usesPositional)
    variables->slots[macro.positionalSlot] =
        Value::tuple({positional.begin() + ptrdiff_t(count), positional.end()});
  else if (positional.size() > count)
    return runtime.fail("the ", what, " takes at most ", count,
                        " arguments, but got ", positional.size());

  enter(macro.scope, frame);
  for (size_t i = 0; i < given.size(); ++i)
    variables->slots[macro.parameters[i].slot] = std::move(given[i]);
  for (const Parameter &parameter : macro.parameters) {
    Value &slot = variables->slots[parameter.slot];
    if (!slot.isMissing())
      continue;
    Value value = parameter.initial
                      ? evaluate(*parameter.initial, frame)
                      : runtime.undefined("the parameter '", parameter.name,
                                          "' of the ", what, " is not given");
    if (value.isFailure())
      return value;
    variables->slots[parameter.slot] = std::move(value);
  }
  std::string text;
  if (execute(node.body, frame, text) == Flow::Failed)
    return Value::failure();
  return runtime.text(std::move(text));
}

} // namespace lora_rt::jinja
