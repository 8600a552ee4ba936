//===- Scopes.cpp - From names to slots -----------------------------------===//
//
// Implements Scopes.h, but for the statements in ScopeStatements.cpp. An
// unknown filter or test is refused, except inside of a condition: there it
// fails when it is reached, as in jinja2. A filter that is not supported is
// always refused.
//
//===----------------------------------------------------------------------===//

#include "Scopes.h"
#include "Filters.h"
#include "Resolver.h"
#include "Tests.h"

namespace lora_rt::jinja {

Place Resolver::locate(const ScopeFrame &frame, const Variable &variable) {
  Place place;
  FunctionSlots *function = frame.function;
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

void Resolver::layOut(ScopeLayout &layout, const ScopeFrame &frame) {
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

void Resolver::visit(NodeList &nodes, const ScopeFrame &frame) {
  for (NodePtr &node : nodes)
    if (node)
      visit(*node, frame);
}

void Resolver::visitName(Node &node, const ScopeFrame &frame) {
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

void Resolver::visitArguments(CallArguments &arguments,
                              const ScopeFrame &frame) {
  visit(arguments.positional, frame);
  for (auto &[name, value] : arguments.named)
    visit(*value, frame);
  if (arguments.morePositional)
    visit(*arguments.morePositional, frame);
  if (arguments.moreNamed)
    visit(*arguments.moreNamed, frame);
}

void Resolver::visitFilterOrTest(Node &node, const ScopeFrame &frame) {
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

void Resolver::visit(Node &node, const ScopeFrame &frame) {
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
    ScopeFrame soft = frame;
    soft.isSoft = true;
    visit(*node.condition, soft);
    visit(node.body, soft);
    visit(node.operands, soft);
    visit(node.otherwise, soft);
    return;
  }
  case NodeKind::Choose: {
    ScopeFrame soft = frame;
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
        if (++work <= Symbols::maxWork)
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
  Symbols &symbols = scopes.emplace_back(0, work);
  program.usesSelf = !findUndeclared(program.body, {"self"}).empty();
  if (program.usesSelf)
    symbols.declareParameter("self");
  symbols.visit(program.body);
  FunctionSlots function{program.function, nullptr, 0, {}};
  ScopeFrame frame{&symbols, &function};
  frame.isTop = true;
  layOut(program.scope, frame);
  if (program.usesSelf)
    program.selfSlot = slotOf(frame, "self");
  visit(program.body, frame);
  for (auto &[name, block] : program.blocks)
    visitBlock(const_cast<Node &>(*block));
  if (work > Symbols::maxWork)
    return makeError(ErrorCode::InvalidFile, program.where,
                     ": the template has too many variables and conditions");
  return std::move(error);
}

Error resolveScopes(Program &program) { return Resolver(program).run(); }

} // namespace lora_rt::jinja
