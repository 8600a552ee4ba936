//===- Resolver.h - The walk that gives slots to variables ------*- C++ -*-===//
//
// Visits a template as jinja2's compiler does, with the symbols of each scope.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_RESOLVER_H
#define LORA_RUNTIME_TEXT_TEMPLATE_RESOLVER_H

#include "Scopes.h"
#include "Symbols.h"

#include <deque>

namespace lora_rt::jinja {

/// A function whose slots are being given out. A variable belongs to the
/// innermost function that begins at its level or further out.
struct FunctionSlots {
  FunctionLayout &layout;
  FunctionSlots *outer;
  int level;
  std::map<Variable, uint32_t> slots;
};

/// What is known at a statement.
struct ScopeFrame {
  Symbols *symbols;
  FunctionSlots *function;
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

  Place locate(const ScopeFrame &frame, const Variable &variable);
  uint32_t slotOf(const ScopeFrame &frame, const std::string &name) {
    return locate(frame, *frame.symbols->find(name)).slot;
  }
  void layOut(ScopeLayout &layout, const ScopeFrame &frame);
  /// A scope inside of another.
  Symbols &makeSymbols(const ScopeFrame &frame) {
    return scopes.emplace_back(frame.symbols->level + 1, work, frame.symbols);
  }

  void visit(NodeList &nodes, const ScopeFrame &frame);
  void visit(Node &node, const ScopeFrame &frame);
  void visitFor(Node &node, const ScopeFrame &frame);
  void visitMacro(Node &node, const ScopeFrame &frame);
  void visitBlock(Node &node);
  void visitPlainScope(Node &node, const ScopeFrame &frame);
  void visitWith(Node &node, const ScopeFrame &frame);
  void visitName(Node &node, const ScopeFrame &frame);
  void visitFilterOrTest(Node &node, const ScopeFrame &frame);
  void visitArguments(CallArguments &arguments, const ScopeFrame &frame);
  bool storesLoop(const Node &node) const;
  NodePtr copyTarget(const Node &target) const;

  Program &program;
  std::deque<Symbols> scopes;
  size_t work = 0;
  /// Parameters of macros whose defaults are being visited, innermost last.
  std::vector<std::set<Variable>> unsetParameters;
  Error error;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_RESOLVER_H
