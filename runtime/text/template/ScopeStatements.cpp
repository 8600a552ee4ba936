//===- ScopeStatements.cpp - The scopes of loops, macros and blocks -------===//
//
// The part of Resolver for statements with scopes of their own, in the order of
// jinja2's compiler. Macros and recursive loops are functions with their own
// slots. A loop that assigns to `loop` is refused.
//
//===----------------------------------------------------------------------===//

#include "Resolver.h"

namespace lora_rt::jinja {

/// Whether a `loop` is assigned to inside of a loop.
bool Resolver::storesLoop(const Node &node) const {
  if (node.kind == NodeKind::Name)
    return node.use == Use::Store && node.name == "loop";
  auto any = [&](const NodeList &nodes) {
    for (const NodePtr &part : nodes)
      if (part && storesLoop(*part))
        return true;
    return false;
  };
  return (node.target && storesLoop(*node.target)) || any(node.operands) ||
         any(node.body) || any(node.otherwise);
}

NodePtr Resolver::copyTarget(const Node &target) const {
  auto copy = std::make_unique<Node>(target.kind, target.line);
  copy->use = target.use;
  copy->name = target.name;
  for (const NodePtr &part : target.operands)
    copy->operands.push_back(copyTarget(*part));
  return copy;
}

void Resolver::visitFor(Node &node, const ScopeFrame &frame) {
  LoopLayout &loop = *node.loop;
  if (storesLoop(node))
    fail(node, "a loop cannot assign to its variable 'loop'");
  loop.isExtended =
      loop.isRecursive || !findUndeclared(node.body, {"loop"}).empty();

  Symbols &bodySymbols = makeSymbols(frame);
  if (loop.isExtended)
    bodySymbols.declareParameter("loop");
  bodySymbols.visit(*node.target, true);
  bodySymbols.visit(node.body);
  Symbols &elseSymbols = makeSymbols(frame);
  elseSymbols.visit(node.otherwise);

  if (node.condition) {
    Symbols &testSymbols = makeSymbols(frame);
    testSymbols.visit(*node.target, true);
    testSymbols.visit(*node.condition);
    FunctionSlots function{loop.test, frame.function, testSymbols.level, {}};
    ScopeFrame test{&testSymbols, &function};
    layOut(loop.testScope, test);
    loop.testTarget = copyTarget(*node.target);
    visit(*loop.testTarget, test);
    visit(*node.condition, test);
  }
  // The elements of a recursive loop come from outside of its function.
  visit(*node.iterable, frame);

  FunctionSlots function{loop.function, frame.function, bodySymbols.level, {}};
  FunctionSlots *inner = loop.isRecursive ? &function : frame.function;
  ScopeFrame body{&bodySymbols, inner};
  body.isInLoop = true;
  layOut(loop.body, body);
  visit(*node.target, body);
  if (loop.isExtended)
    loop.loopSlot = slotOf(body, "loop");
  visit(node.body, body);

  ScopeFrame otherwise{&elseSymbols, inner};
  otherwise.isInLoop = !loop.isRecursive && frame.isInLoop;
  layOut(loop.otherwise, otherwise);
  visit(node.otherwise, otherwise);
}

/// A macro, or the body of `call` or `generation`.
void Resolver::visitMacro(Node &node, const ScopeFrame &frame) {
  MacroLayout &macro = *node.macro;
  Symbols &symbols = makeSymbols(frame);
  auto analyze = [&] {
    for (const Parameter &parameter : macro.parameters)
      symbols.declareParameter(parameter.name);
    for (const Parameter &parameter : macro.parameters)
      if (parameter.initial)
        symbols.visit(*parameter.initial);
    symbols.visit(node.body);
  };
  analyze();
  std::set<std::string> special =
      findUndeclared(node.body, {"caller", "kwargs", "varargs"});
  std::set<std::string> explicitNames;
  for (const Parameter &parameter : macro.parameters) {
    explicitNames.insert(parameter.name);
    if (parameter.name == "caller" && special.count("caller") &&
        !parameter.initial)
      fail(node, "the parameter 'caller' needs a default, or is left out");
  }
  auto uses = [&](const char *name) {
    return special.count(name) && !explicitNames.count(name);
  };
  macro.usesCaller = special.count("caller");
  macro.usesNamed = uses("kwargs");
  macro.usesPositional = uses("varargs");
  for (const char *name : {"caller", "kwargs", "varargs"})
    if (uses(name))
      symbols.declareParameter(name);
  analyze();

  FunctionSlots function{macro.function, frame.function, symbols.level, {}};
  ScopeFrame inner{&symbols, &function};
  layOut(macro.scope, inner);
  if (uses("caller"))
    macro.callerSlot = slotOf(inner, "caller");
  if (macro.usesNamed)
    macro.namedSlot = slotOf(inner, "kwargs");
  if (macro.usesPositional)
    macro.positionalSlot = slotOf(inner, "varargs");

  unsetParameters.emplace_back();
  for (const auto &[variable, source] : symbols.loads)
    if (source.load == Symbols::Load::Parameter)
      unsetParameters.back().insert(variable);
  for (Parameter &parameter : macro.parameters) {
    parameter.slot = slotOf(inner, parameter.name);
    if (parameter.initial)
      visit(*parameter.initial, inner);
    unsetParameters.back().erase(*symbols.find(parameter.name));
  }
  unsetParameters.pop_back();
  visit(node.body, inner);
}

/// A scope in the same function: a block of `set`, `filter` or `autoescape`.
void Resolver::visitPlainScope(Node &node, const ScopeFrame &frame) {
  Symbols &symbols = makeSymbols(frame);
  symbols.visit(node.body);
  if (node.kind == NodeKind::FilterText)
    symbols.visit(node.operands);
  ScopeFrame inner{&symbols, frame.function};
  inner.isInLoop = frame.isInLoop;
  layOut(node.scope, inner);
  visit(node.body, inner);
  visit(node.operands, inner);
}

void Resolver::visitWith(Node &node, const ScopeFrame &frame) {
  Symbols &symbols = makeSymbols(frame);
  for (size_t i = 0; i < node.operands.size(); i += 2)
    symbols.visit(*node.operands[i], true);
  symbols.visit(node.body);
  ScopeFrame inner{&symbols, frame.function};
  inner.isInLoop = frame.isInLoop;
  layOut(node.scope, inner);
  for (size_t i = 0; i < node.operands.size(); i += 2) {
    visit(*node.operands[i], inner);
    visit(*node.operands[i + 1], frame);
  }
  visit(node.body, inner);
}

void Resolver::visitBlock(Node &node) {
  Symbols &symbols = scopes.emplace_back(0, work);
  std::set<std::string> special = findUndeclared(node.body, {"self", "super"});
  node.usesSelf = special.count("self");
  node.usesSuper = special.count("super");
  for (const std::string &name : special)
    symbols.declareParameter(name);
  symbols.visit(node.body);
  FunctionSlots function{node.function, nullptr, 0, {}};
  ScopeFrame frame{&symbols, &function};
  layOut(node.scope, frame);
  if (node.usesSelf)
    node.selfSlot = slotOf(frame, "self");
  if (node.usesSuper)
    node.superSlot = slotOf(frame, "super");
  visit(node.body, frame);
}

} // namespace lora_rt::jinja
