//===- Scopes.cpp - From names to slots -----------------------------------===//

#include "Scopes.h"
#include "Filters.h"
#include "Symbols.h"
#include "Tests.h"

#include <deque>

namespace lora_rt::jinja {

namespace {

/// A function whose slots are being given out. A variable belongs to the
/// innermost function that begins at its level or further out.
struct Function {
  FunctionLayout &layout;
  Function *outer;
  int level;
  std::map<Variable, uint32_t> slots;
};

/// What is known at a statement.
struct Frame {
  Symbols *symbols;
  Function *function;
  /// At the top, if conditions aside: what is set is visible in blocks.
  bool isTop = false;
  /// Inside of a condition: an unknown filter fails when it is reached.
  bool isSoft = false;
  bool isInLoop = false;
};

class Resolver {
public:
  explicit Resolver(Program &program) : program(program) {}
  Error run();

private:
  template <typename... Parts>
  void fail(const Node &node, const Parts &...parts) {
    if (!error)
      error = makeError(ErrorCode::InvalidFile, program.where, ": line ",
                        node.line, ": ", parts...);
  }
  void findBlocks(NodeList &nodes);

  Place locate(const Frame &frame, const Variable &variable);
  uint32_t slotOf(const Frame &frame, const std::string &name) {
    return locate(frame, *frame.symbols->find(name)).slot;
  }
  void layOut(ScopeLayout &layout, const Frame &frame);
  /// A scope inside of another.
  Symbols &makeSymbols(const Frame &frame) {
    return scopes.emplace_back(frame.symbols->level + 1, frame.symbols);
  }

  void visit(NodeList &nodes, const Frame &frame);
  void visit(Node &node, const Frame &frame);
  void visitFor(Node &node, const Frame &frame);
  void visitMacro(Node &node, const Frame &frame);
  void visitBlock(Node &node);
  void visitPlainScope(Node &node, const Frame &frame);
  void visitWith(Node &node, const Frame &frame);
  void visitName(Node &node, const Frame &frame);
  void visitFilterOrTest(Node &node, const Frame &frame);
  void visitArguments(CallArguments &arguments, const Frame &frame);
  bool storesLoop(const Node &node) const;
  NodePtr copyTarget(const Node &target) const;

  Program &program;
  std::deque<Symbols> scopes;
  /// Parameters of macros whose defaults are being visited, innermost last.
  std::vector<std::set<Variable>> unsetParameters;
  Error error;
};

Place Resolver::locate(const Frame &frame, const Variable &variable) {
  Place place;
  Function *function = frame.function;
  while (function->level > variable.level && function->outer) {
    function = function->outer;
    ++place.hops;
  }
  auto [found, isNew] =
      function->slots.try_emplace(variable, function->layout.slotCount);
  if (isNew)
    ++function->layout.slotCount;
  place.slot = found->second;
  return place;
}

void Resolver::layOut(ScopeLayout &layout, const Frame &frame) {
  for (const auto &[variable, source] : frame.symbols->loads) {
    uint32_t slot = locate(frame, variable).slot;
    layout.locals.push_back(slot);
    switch (source.load) {
    case Symbols::Load::Parameter:
      break;
    case Symbols::Load::Resolve:
      program.variables.insert(variable.name);
      layout.initials.push_back(
          {Initial::How::Resolve, slot, variable.name, {}});
      break;
    case Symbols::Load::Alias:
      layout.initials.push_back(
          {Initial::How::Copy, slot, "", locate(frame, source.outer)});
      break;
    case Symbols::Load::Undefined:
      layout.initials.push_back({Initial::How::Clear, slot, "", {}});
    }
  }
}

void Resolver::visit(NodeList &nodes, const Frame &frame) {
  for (NodePtr &node : nodes)
    if (node)
      visit(*node, frame);
}

void Resolver::visitName(Node &node, const Frame &frame) {
  const Variable *variable = frame.symbols->find(node.name);
  if (!variable) {
    fail(node, "the variable '", node.name, "' cannot be used here");
    return;
  }
  node.place = locate(frame, *variable);
  if (node.use != Use::Load)
    return;
  const Symbols::Source *source = frame.symbols->findLoad(*variable);
  bool isParameter = source && source->load == Symbols::Load::Parameter;
  node.isChecked = !isParameter || (!unsetParameters.empty() &&
                                    unsetParameters.back().count(*variable));
}

void Resolver::visitArguments(CallArguments &arguments, const Frame &frame) {
  visit(arguments.positional, frame);
  for (auto &[name, value] : arguments.named)
    visit(*value, frame);
  if (arguments.morePositional)
    visit(*arguments.morePositional, frame);
  if (arguments.moreNamed)
    visit(*arguments.moreNamed, frame);
}

void Resolver::visitFilterOrTest(Node &node, const Frame &frame) {
  bool isFilter = node.kind == NodeKind::Filter;
  if (isFilter)
    node.filter = findFilter(node.name);
  else
    node.test = findTest(node.name);
  if (!node.filter && !node.test && !frame.isSoft)
    fail(node, "no ", isFilter ? "filter" : "test", " named '", node.name, "'");
  if (node.filter && !node.filter->run)
    fail(node, "the filter '", node.name,
         "' is not supported: ", node.filter->parameters);
  visit(node.operands, frame);
  visitArguments(*node.arguments, frame);
}

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

void Resolver::visitFor(Node &node, const Frame &frame) {
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
    Function function{loop.test, frame.function, testSymbols.level, {}};
    Frame test{&testSymbols, &function};
    layOut(loop.testScope, test);
    loop.testTarget = copyTarget(*node.target);
    visit(*loop.testTarget, test);
    visit(*node.condition, test);
  }
  // The elements of a recursive loop come from outside of its function.
  visit(*node.iterable, frame);

  Function function{loop.function, frame.function, bodySymbols.level, {}};
  Function *inner = loop.isRecursive ? &function : frame.function;
  Frame body{&bodySymbols, inner};
  body.isInLoop = true;
  layOut(loop.body, body);
  visit(*node.target, body);
  if (loop.isExtended)
    loop.loopSlot = slotOf(body, "loop");
  visit(node.body, body);

  Frame otherwise{&elseSymbols, inner};
  otherwise.isInLoop = !loop.isRecursive && frame.isInLoop;
  layOut(loop.otherwise, otherwise);
  visit(node.otherwise, otherwise);
}

/// A macro, or the body of `call` or `generation`.
void Resolver::visitMacro(Node &node, const Frame &frame) {
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

  Function function{macro.function, frame.function, symbols.level, {}};
  Frame inner{&symbols, &function};
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
void Resolver::visitPlainScope(Node &node, const Frame &frame) {
  Symbols &symbols = makeSymbols(frame);
  symbols.visit(node.body);
  if (node.kind == NodeKind::FilterText)
    symbols.visit(node.operands);
  Frame inner{&symbols, frame.function};
  inner.isInLoop = frame.isInLoop;
  layOut(node.scope, inner);
  visit(node.body, inner);
  visit(node.operands, inner);
}

void Resolver::visitWith(Node &node, const Frame &frame) {
  Symbols &symbols = makeSymbols(frame);
  for (size_t i = 0; i < node.operands.size(); i += 2)
    symbols.visit(*node.operands[i], true);
  symbols.visit(node.body);
  Frame inner{&symbols, frame.function};
  inner.isInLoop = frame.isInLoop;
  layOut(node.scope, inner);
  for (size_t i = 0; i < node.operands.size(); i += 2) {
    visit(*node.operands[i], inner);
    visit(*node.operands[i + 1], frame);
  }
  visit(node.body, inner);
}

void Resolver::visitBlock(Node &node) {
  Symbols &symbols = scopes.emplace_back(0);
  std::set<std::string> special = findUndeclared(node.body, {"self", "super"});
  node.usesSelf = special.count("self");
  node.usesSuper = special.count("super");
  for (const std::string &name : special)
    symbols.declareParameter(name);
  symbols.visit(node.body);
  Function function{node.function, nullptr, 0, {}};
  Frame frame{&symbols, &function};
  layOut(node.scope, frame);
  if (node.usesSelf)
    node.selfSlot = slotOf(frame, "self");
  if (node.usesSuper)
    node.superSlot = slotOf(frame, "super");
  visit(node.body, frame);
}

void Resolver::visit(Node &node, const Frame &frame) {
  switch (node.kind) {
  case NodeKind::Name:
  case NodeKind::NamespaceField:
    visitName(node, frame);
    return;
  case NodeKind::Filter:
  case NodeKind::Test:
    visitFilterOrTest(node, frame);
    return;
  case NodeKind::For:
    visitFor(node, frame);
    return;
  case NodeKind::If: {
    Frame soft = frame;
    soft.isSoft = true;
    visit(*node.condition, soft);
    visit(node.body, soft);
    visit(node.operands, soft);
    visit(node.otherwise, soft);
    return;
  }
  case NodeKind::Choose: {
    Frame soft = frame;
    soft.isSoft = true;
    visit(node.operands, soft);
    return;
  }
  case NodeKind::Macro: {
    visitMacro(node, frame);
    node.isExported = frame.isTop;
    node.place = locate(frame, *frame.symbols->find(node.name));
    return;
  }
  case NodeKind::CallBlock:
    visitMacro(node, frame);
    visit(node.operands, frame);
    return;
  case NodeKind::Generation:
    visitMacro(node, frame);
    return;
  case NodeKind::Set:
    node.isExported = frame.isTop;
    visit(*node.target, frame);
    visit(node.operands, frame);
    return;
  case NodeKind::SetBlock:
    node.isExported = frame.isTop;
    visitPlainScope(node, frame);
    visit(*node.target, frame);
    return;
  case NodeKind::FilterText:
  case NodeKind::Scope:
    visitPlainScope(node, frame);
    return;
  case NodeKind::With:
    visitWith(node, frame);
    return;
  case NodeKind::Block:
    for (const Symbols *scope = frame.symbols; node.isScoped && scope;
         scope = scope->parent)
      for (const std::string &name : scope->stores)
        node.visible.emplace_back(name,
                                  locate(frame, *frame.symbols->find(name)));
    return;
  case NodeKind::Break:
  case NodeKind::Continue:
    if (!frame.isInLoop)
      fail(node, "'", node.kind == NodeKind::Break ? "break" : "continue",
           "' is outside of a loop");
    return;
  case NodeKind::Import:
    if (node.name == "extends" && !frame.isTop)
      fail(node, "'extends' is only possible outside of other tags");
    visit(*node.operands[0], frame);
    return;
  default:
    visit(node.operands, frame);
    if (node.arguments)
      visitArguments(*node.arguments, frame);
  }
}

/// Blocks are found by name, wherever they are.
void Resolver::findBlocks(NodeList &nodes) {
  for (NodePtr &node : nodes) {
    if (!node)
      continue;
    if (node->kind == NodeKind::Block &&
        !program.blocks.emplace(node->name, node.get()).second)
      fail(*node, "the block '", node->name, "' is defined twice");
    findBlocks(node->body);
    findBlocks(node->otherwise);
    if (node->kind == NodeKind::If)
      findBlocks(node->operands);
  }
}

Error Resolver::run() {
  findBlocks(program.body);
  Symbols &symbols = scopes.emplace_back(0);
  program.usesSelf = !findUndeclared(program.body, {"self"}).empty();
  if (program.usesSelf)
    symbols.declareParameter("self");
  symbols.visit(program.body);
  Function function{program.function, nullptr, 0, {}};
  Frame frame{&symbols, &function};
  frame.isTop = true;
  layOut(program.scope, frame);
  if (program.usesSelf)
    program.selfSlot = slotOf(frame, "self");
  visit(program.body, frame);
  for (auto &[name, block] : program.blocks)
    visitBlock(const_cast<Node &>(*block));
  return std::move(error);
}

} // namespace

Error resolveScopes(Program &program) { return Resolver(program).run(); }

} // namespace lora_rt::jinja
