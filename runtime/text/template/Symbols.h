//===- Symbols.h - Which variable a name is ---------------------*- C++ -*-===//
//
// The rules by which jinja2 decides what a name means in a scope, as in its
// module `idtracking`. A scope has a level; a variable is a name at a level. A
// scope says of each of its variables how it begins: looked up in the context,
// copied from an outer scope, not set, or set by the scope itself.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_SYMBOLS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_SYMBOLS_H

#include "Ast.h"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace lora_rt::jinja {

/// A variable: a name at a level.
struct Variable {
  int level = 0;
  std::string name;
  auto operator<=>(const Variable &) const = default;
};

class Symbols {
public:
  enum class Load { Parameter, Resolve, Alias, Undefined };
  struct Source {
    Load load;
    Variable outer; // Load::Alias
  };

  /// `work` counts what is copied; after `maxWork`, names are left out.
  Symbols(int level, size_t &work, const Symbols *parent = nullptr)
      : level(level), parent(parent), work(&work) {}

  static constexpr size_t maxWork = 1'000'000;

  const Source *findLoad(const Variable &variable) const;
  const Variable *find(const std::string &name) const;

  void store(const std::string &name);
  Variable declareParameter(const std::string &name);
  void load(const std::string &name);

  /// Takes in the names of the nodes of a scope, without the scopes inside.
  void visit(const NodeList &nodes);
  /// `asParameter`: names are set by the scope.
  void visit(const Node &node, bool asParameter = false);

  int level;
  const Symbols *parent;
  std::map<std::string, Variable> names;
  std::map<Variable, Source> loads;
  std::set<std::string> stores;
  size_t *work;

private:
  void define(const std::string &name, Source source);
  void visitIf(const Node &node);
  void visitArguments(const CallArguments &arguments);
  void update(const std::vector<Symbols> &branches);
};

/// Which of `names` the nodes use before they set them, in all scopes.
std::set<std::string> findUndeclared(const NodeList &nodes,
                                     std::set<std::string> names);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_SYMBOLS_H
