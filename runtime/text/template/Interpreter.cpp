//===- Interpreter.cpp - Statements ---------------------------------------===//
//
// The statements of the interpreter, but for loops and calls of macros. Each
// takes a step, and the output is limited. A tag that needs another template
// (`include`, `import`, `from`, `extends`) is refused when it is reached.
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "Loop.h"

namespace lora_rt::jinja {

bool Interpreter::write(std::string_view text, std::string &out) {
  if (text.size() > runtime.options.maxOutput - out.size()) {
    (void)runtime.fail("the template writes more than ",
                       runtime.options.maxOutput, " bytes");
    return false;
  }
  out += text;
  return runtime.step(1 + text.size() / 32);
}

bool Interpreter::write(const Value &value, std::string &out) {
  if (value.isString())
    return write(value.string(), out);
  std::string text;
  return runtime.print(value, text) && write(text, out);
}

void Interpreter::enter(const ScopeLayout &layout, Frame &frame) {
  // The next step ends the rendering if this is too much.
  (void)runtime.step(layout.locals.size());
  for (const Initial &initial : layout.initials) {
    Value value = Value::missing();
    if (initial.how == Initial::How::Resolve)
      value = frame.context.find(initial.name);
    else if (initial.how == Initial::How::Copy)
      value = frame.variables.at(initial.from);
    frame.variables.slots[initial.slot] = std::move(value);
  }
}

void Interpreter::leave(const ScopeLayout &layout, Frame &frame) {
  for (uint32_t slot : layout.locals)
    frame.variables.slots[slot] = Value::missing();
}

/// Checks that the fields to assign to are in namespaces.
bool Interpreter::checkTarget(const Node &target, Frame &frame) {
  if (target.kind == NodeKind::Tuple) {
    for (const NodePtr &part : target.operands)
      if (!checkTarget(*part, frame))
        return false;
    return true;
  }
  if (target.kind != NodeKind::NamespaceField ||
      frame.variables.at(target.place).is(Kind::Namespace))
    return true;
  runtime.line = target.line;
  (void)runtime.fail("cannot set '", target.name, ".", target.attribute,
                     "', because '", target.name, "' is not a namespace");
  return false;
}

bool Interpreter::assign(const Node &target, const Value &value, Frame &frame,
                         bool isExported) {
  if (target.kind == NodeKind::Tuple)
    return assignParts(target, value, frame, isExported);
  if (target.kind == NodeKind::NamespaceField) {
    if (target.attribute.starts_with('_')) {
      (void)runtime.fail("names in a namespace cannot begin with '_', as '",
                         target.attribute, "' does");
      return false;
    }
    // An assignment before may have changed the variable.
    const Value &space = frame.variables.at(target.place);
    if (!space.is(Kind::Namespace)) {
      (void)runtime.fail("'", target.name, "' is not a namespace");
      return false;
    }
    space.names().set(target.attribute, value);
    return true;
  }
  frame.variables.at(target.place) = value;
  if (isExported)
    frame.context.names[target.name] = value;
  return true;
}

bool Interpreter::assignParts(const Node &target, const Value &value,
                              Frame &frame, bool isExported) {
  std::vector<Value> parts;
  Ref<Iterator> iterator = runtime.iterate(value);
  if (!iterator)
    return false;
  size_t wanted = target.operands.size();
  while (true) {
    Value part = iterator->next(runtime);
    if (part.isFailure())
      return false;
    if (part.isMissing() ? parts.size() < wanted : parts.size() == wanted) {
      (void)runtime.fail("expected ", wanted, " values to assign, but found ",
                         part.isMissing() ? "" : "more than ", parts.size());
      return false;
    }
    if (part.isMissing())
      break;
    parts.push_back(std::move(part));
  }
  for (size_t i = 0; i < wanted; ++i)
    if (!assign(*target.operands[i], parts[i], frame, isExported))
      return false;
  return true;
}

Interpreter::Flow Interpreter::execute(const NodeList &nodes, Frame &frame,
                                       std::string &out) {
  for (const NodePtr &node : nodes)
    if (Flow flow = execute(*node, frame, out); flow != Flow::Normal)
      return flow;
  return Flow::Normal;
}

Interpreter::Flow Interpreter::execute(const Node &node, Frame &frame,
                                       std::string &out) {
  runtime.line = node.line;
  Descent descent(runtime);
  if (!descent || !runtime.step())
    return Flow::Failed;
  auto done = [](bool isFine) { return isFine ? Flow::Normal : Flow::Failed; };
  switch (node.kind) {
  case NodeKind::Data:
    return done(write(node.name, out));
  case NodeKind::Output:
    for (const NodePtr &operand : node.operands) {
      Value value = evaluate(*operand, frame);
      if (value.isFailure() || !write(value, out))
        return Flow::Failed;
    }
    return Flow::Normal;
  case NodeKind::For:
    return executeFor(node, frame, out);
  case NodeKind::If:
    return executeIf(node, frame, out);
  case NodeKind::Set: {
    if (!checkTarget(*node.target, frame))
      return Flow::Failed;
    Value value = evaluate(*node.operands[0], frame);
    runtime.line = node.line;
    return done(!value.isFailure() &&
                assign(*node.target, value, frame, node.isExported));
  }
  case NodeKind::SetBlock:
  case NodeKind::FilterText:
  case NodeKind::Scope:
    return executeText(node, frame, out);
  case NodeKind::With:
    return executeWith(node, frame, out);
  case NodeKind::Macro: {
    Value macro = Value::of(
        Kind::Thing, new Macro(*this, node, Ref<Activation>(&frame.variables),
                               frame.context));
    frame.variables.at(node.place) = macro;
    if (node.isExported)
      frame.context.names[node.name] = macro;
    return Flow::Normal;
  }
  case NodeKind::CallBlock:
  case NodeKind::Generation:
    return executeCall(node, frame, out);
  case NodeKind::Block:
    return executeBlock(node, frame, out);
  case NodeKind::Import:
    (void)runtime.fail("'", node.name,
                       "' needs another template, but a chat "
                       "template has no others");
    return Flow::Failed;
  case NodeKind::Break:
    return Flow::Break;
  case NodeKind::Continue:
    return Flow::Continue;
  default:
    (void)runtime.fail("not a statement");
    return Flow::Failed;
  }
}

Interpreter::Flow Interpreter::executeIf(const Node &node, Frame &frame,
                                         std::string &out) {
  const Node *branch = &node;
  for (size_t i = 0;; ++i) {
    Value condition = evaluate(*branch->condition, frame);
    if (condition.isFailure())
      return Flow::Failed;
    bool isTrue = runtime.isTrue(condition);
    if (runtime.failed())
      return Flow::Failed;
    if (isTrue)
      return execute(branch->body, frame, out);
    if (i == node.operands.size())
      return execute(node.otherwise, frame, out);
    branch = node.operands[i].get();
  }
}

/// The blocks of `set` and `filter`, and `autoescape`, which only has a scope.
Interpreter::Flow Interpreter::executeText(const Node &node, Frame &frame,
                                           std::string &out) {
  enter(node.scope, frame);
  if (node.kind == NodeKind::Scope) {
    Flow flow = execute(node.body, frame, out);
    leave(node.scope, frame);
    return flow;
  }
  std::string text;
  if (Flow flow = execute(node.body, frame, text); flow != Flow::Normal)
    return flow;
  Value value = runtime.text(std::move(text));
  if (!value.isFailure() && node.operands[0])
    value = evaluateFilter(*node.operands[0], frame, &value);
  if (value.isFailure())
    return Flow::Failed;
  runtime.line = node.line;
  bool isFine = node.kind == NodeKind::SetBlock
                    ? assign(*node.target, value, frame, node.isExported)
                    : write(value, out);
  leave(node.scope, frame);
  return isFine ? Flow::Normal : Flow::Failed;
}

Interpreter::Flow Interpreter::executeWith(const Node &node, Frame &frame,
                                           std::string &out) {
  enter(node.scope, frame);
  for (size_t i = 0; i < node.operands.size(); i += 2) {
    Value value = evaluate(*node.operands[i + 1], frame);
    if (value.isFailure() || !assign(*node.operands[i], value, frame, false))
      return Flow::Failed;
  }
  Flow flow = execute(node.body, frame, out);
  leave(node.scope, frame);
  return flow;
}

/// A block of `call` or `generation`: its body is a macro without a name.
Interpreter::Flow Interpreter::executeCall(const Node &node, Frame &frame,
                                           std::string &out) {
  Value caller = Value::of(
      Kind::Thing,
      new Macro(*this, node, Ref<Activation>(&frame.variables), frame.context));
  Value result;
  if (node.kind == NodeKind::Generation) {
    Arguments none;
    result = runtime.call(caller, none);
  } else {
    result = evaluateCall(*node.operands[0], frame, &caller);
  }
  runtime.line = node.line;
  return !result.isFailure() && write(result, out) ? Flow::Normal
                                                   : Flow::Failed;
}

Interpreter::Flow Interpreter::executeBlock(const Node &node, Frame &frame,
                                            std::string &out) {
  if (node.isRequired) {
    (void)runtime.fail("the block '", node.name,
                       "' is required, but nothing defines it");
    return Flow::Failed;
  }
  (void)runtime.step(node.visible.size());
  Ref<Context> derived(new Context(Ref<Context>(&frame.context)));
  for (const auto &[name, place] : node.visible)
    if (const Value &value = frame.variables.at(place); !value.isMissing())
      derived->names.emplace(name, value);
  Value text = callBlock(node, node.isScoped ? *derived : frame.context);
  return !text.isFailure() && write(text, out) ? Flow::Normal : Flow::Failed;
}

Value Interpreter::callBlock(const Node &node, Context &context) {
  CallDepth depth(runtime);
  if (!depth)
    return Value::failure();
  (void)runtime.step(node.function.slotCount);
  Ref<Activation> variables(
      new Activation(node.function.slotCount, Ref<Activation>()));
  Frame frame{*variables, context};
  enter(node.scope, frame);
  if (node.usesSelf)
    variables->slots[node.selfSlot] =
        Value::of(Kind::Thing, new TemplateSelf(*this, context));
  if (node.usesSuper)
    variables->slots[node.superSlot] =
        runtime.undefined("there is no parent block called '", node.name, "'");
  std::string text;
  if (execute(node.body, frame, text) == Flow::Failed)
    return Value::failure();
  return runtime.text(std::move(text));
}

bool Interpreter::run(Context &context, std::string &out) {
  Ref<Activation> variables(
      new Activation(program.function.slotCount, Ref<Activation>()));
  Frame frame{*variables, context};
  if (program.usesSelf)
    variables->slots[program.selfSlot] =
        Value::of(Kind::Thing, new TemplateSelf(*this, context));
  enter(program.scope, frame);
  return execute(program.body, frame, out) != Flow::Failed;
}

} // namespace lora_rt::jinja
