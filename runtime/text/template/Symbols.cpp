//===- Symbols.cpp - The names of a scope ---------------------------------===//
//
// Implements Symbols.h. Each branch of an `if` gets a copy of the symbols, and
// `update` joins the copies as jinja2 does. The copies are counted and limited,
// because a template is not trusted.
//
//===----------------------------------------------------------------------===//

#include "Symbols.h"

namespace lora_rt::jinja {

const Symbols::Source *Symbols::findLoad(const Variable &variable) const {
  for (const Symbols *scope = this; scope; scope = scope->parent)
    if (auto found = scope->loads.find(variable); found != scope->loads.end())
      return &found->second;
  return nullptr;
}

const Variable *Symbols::find(const std::string &name) const {
  for (const Symbols *scope = this; scope; scope = scope->parent)
    if (auto found = scope->names.find(name); found != scope->names.end())
      return &found->second;
  return nullptr;
}

void Symbols::define(const std::string &name, Source source) {
  Variable variable{level, name};
  names[name] = variable;
  loads[variable] = std::move(source);
}

void Symbols::store(const std::string &name) {
  stores.insert(name);
  if (names.count(name))
    return;
  const Variable *outer = parent ? parent->find(name) : nullptr;
  if (outer)
    define(name, {Load::Alias, *outer});
  else
    define(name, {Load::Undefined, {}});
}

Variable Symbols::declareParameter(const std::string &name) {
  stores.insert(name);
  define(name, {Load::Parameter, {}});
  return names[name];
}

void Symbols::load(const std::string &name) {
  if (!find(name))
    define(name, {Load::Resolve, {}});
}

void Symbols::update(const std::vector<Symbols> &branches) {
  std::set<std::string> added;
  for (const Symbols &branch : branches)
    for (const std::string &name : branch.stores)
      if (!stores.count(name))
        added.insert(name);
  for (const Symbols &branch : branches) {
    for (const auto &[name, variable] : branch.names)
      names[name] = variable;
    for (const auto &[variable, source] : branch.loads)
      loads[variable] = source;
    stores.insert(branch.stores.begin(), branch.stores.end());
  }
  for (const std::string &name : added) {
    const Variable *outer = parent ? parent->find(name) : nullptr;
    Source source{outer ? Load::Alias : Load::Resolve, {}};
    if (outer)
      source.outer = *outer;
    loads[*find(name)] = std::move(source);
  }
}

void Symbols::visitIf(const Node &node) {
  visit(*node.condition);
  std::vector<Symbols> branches;
  for (const NodeList *branch : {&node.body, &node.operands, &node.otherwise}) {
    // A branch without nodes changes nothing.
    *work += branch->empty() ? 1 : 1 + names.size() + loads.size();
    if (branch->empty() || *work > maxWork)
      continue;
    branches.push_back(*this);
    branches.back().visit(*branch);
  }
  update(branches);
}

void Symbols::visitArguments(const CallArguments &arguments) {
  visit(arguments.positional);
  for (const auto &[name, value] : arguments.named)
    visit(*value);
  if (arguments.morePositional)
    visit(*arguments.morePositional);
  if (arguments.moreNamed)
    visit(*arguments.moreNamed);
}

void Symbols::visit(const NodeList &nodes) {
  for (const NodePtr &node : nodes)
    if (node)
      visit(*node);
}

void Symbols::visit(const Node &node, bool asParameter) {
  switch (node.kind) {
  case NodeKind::Name:
    if (asParameter || node.use == Use::Parameter)
      declareParameter(node.name);
    else if (node.use == Use::Store)
      store(node.name);
    else
      load(node.name);
    return;
  case NodeKind::NamespaceField:
    load(node.name);
    return;
  case NodeKind::Tuple:
    for (const NodePtr &part : node.operands)
      visit(*part, asParameter);
    return;
  case NodeKind::If:
    visitIf(node);
    return;
  case NodeKind::Set:
    visit(node.operands);
    visit(*node.target);
    return;
  case NodeKind::SetBlock:
    visit(*node.target);
    return;
  case NodeKind::For:
    visit(*node.iterable);
    return;
  case NodeKind::Macro:
    store(node.name);
    return;
  case NodeKind::With:
    for (size_t i = 1; i < node.operands.size(); i += 2)
      visit(*node.operands[i]);
    return;
  case NodeKind::Scope:
  case NodeKind::Block:
  case NodeKind::Generation:
    return;
  default:
    // Expressions; the call of a CallBlock and the filter of a FilterText are
    // operands.
    visit(node.operands);
    if (node.arguments)
      visitArguments(*node.arguments);
  }
}

namespace {

class UndeclaredFinder {
public:
  explicit UndeclaredFinder(std::set<std::string> names)
      : names(std::move(names)) {}

  void visit(const NodeList &nodes) {
    for (const NodePtr &node : nodes)
      if (node)
        visit(*node);
  }

  std::set<std::string> found;

private:
  void visit(const Node &node);
  void visitName(const std::string &name, bool isLoad) {
    if (!isLoad)
      names.erase(name);
    else if (names.count(name))
      found.insert(name);
  }
  void visitPart(const NodePtr &node) {
    if (node)
      visit(*node);
  }

  std::set<std::string> names;
};

/// Visits the parts of a node in the order of the fields of jinja2's nodes.
void UndeclaredFinder::visit(const Node &node) {
  switch (node.kind) {
  case NodeKind::Name:
    visitName(node.name, node.use == Use::Load);
    return;
  case NodeKind::Block:
    return;
  case NodeKind::If:
    visitPart(node.condition);
    visit(node.body);
    visit(node.operands);
    visit(node.otherwise);
    return;
  case NodeKind::For:
    visitPart(node.target);
    visitPart(node.iterable);
    visit(node.body);
    visit(node.otherwise);
    visitPart(node.condition);
    return;
  case NodeKind::FilterText:
    visit(node.body);
    visit(node.operands);
    return;
  case NodeKind::With:
    for (size_t i = 0; i < node.operands.size(); i += 2)
      visitPart(node.operands[i]);
    for (size_t i = 1; i < node.operands.size(); i += 2)
      visitPart(node.operands[i]);
    visit(node.body);
    return;
  default:
    break;
  }
  visitPart(node.target);
  visit(node.operands);
  if (node.arguments) {
    visit(node.arguments->positional);
    for (const auto &[name, value] : node.arguments->named)
      visitPart(value);
    visitPart(node.arguments->morePositional);
    visitPart(node.arguments->moreNamed);
  }
  if (node.macro) {
    for (const Parameter &parameter : node.macro->parameters)
      visitName(parameter.name, false);
    for (const Parameter &parameter : node.macro->parameters)
      visitPart(parameter.initial);
  }
  visit(node.body);
}

} // namespace

std::set<std::string> findUndeclared(const NodeList &nodes,
                                     std::set<std::string> names) {
  UndeclaredFinder finder(std::move(names));
  finder.visit(nodes);
  return finder.found;
}

} // namespace lora_rt::jinja
