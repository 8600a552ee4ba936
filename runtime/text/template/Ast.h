//===- Ast.h - The syntax tree of a template --------------------*- C++ -*-===//
//
// One class of nodes; the comment at a kind says which members it uses. The
// parser makes the tree, `Scopes` adds where each name is at run time, and then
// it does not change.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_AST_H
#define LORA_RUNTIME_TEXT_TEMPLATE_AST_H

#include "Value.h"

#include <memory>

namespace lora_rt::jinja {

struct Node;
struct FilterRule;
struct TestRule;
using NodePtr = std::unique_ptr<Node>;
using NodeList = std::vector<NodePtr>;

enum class NodeKind : uint8_t {
  // Expressions; `operands` are the parts in the order of the source.
  Name,           // name, use, place
  NamespaceField, // name (the namespace), attribute, place: a target of `set`
  Constant,       // value
  Tuple,
  List,
  Dict,      // key, value, key, value, ...
  Binary,    // operation; two operands
  And,       // two operands
  Or,        // two operands
  Unary,     // operation; one operand
  Not,       // one operand
  Concat,    // two or more operands
  Compare,   // two or more operands; an element of `comparisons` between two
  Attribute, // attribute; one operand
  Item,      // the object and the index
  Slice,     // start, stop and step; each may be null
  Choose,    // the condition, the value, the value otherwise (may be null)
  Call,      // the function; arguments
  Filter,    // name; the value (null for the text of a block); arguments
  Test,      // name; the value; arguments
  // Statements.
  Data,       // name is the text
  Output,     // operands
  For,        // target, iterable, condition (or null), body, otherwise
  If,         // condition, body, otherwise; `elif` is an If in `otherwise`
  Set,        // target, value (operands[0])
  SetBlock,   // target, filter (operands[0] or null), body
  With,       // operands: target, value, target, value, ...; body
  FilterText, // filter (operands[0]), body
  Macro,      // name, parameters, body
  CallBlock,  // call (operands[0]), parameters, body
  Generation, // body
  Block,      // name, body
  Scope,      // body: what `{% autoescape false %}` holds
  Import,     // operands[0], names: include, import, from and extends, which
              // fail when they are reached
  Break,
  Continue,
};

enum class Use : uint8_t { Load, Store, Parameter };

enum class Operator : uint8_t {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};

/// Where a variable is at run time: a slot of the function that is so many
/// functions further out.
struct Place {
  uint32_t hops = 0;
  uint32_t slot = 0;
};

/// What to do with a variable where its scope begins.
struct Initial {
  enum class How : uint8_t { Resolve, Copy, Clear };
  How how;
  uint32_t slot;
  /// How::Resolve: the name to look up.
  std::string name;
  /// How::Copy: what to copy.
  Place from;
};

/// The variables of a scope.
struct ScopeLayout {
  std::vector<Initial> initials;
  /// The slots that are cleared at the end.
  std::vector<uint32_t> locals;
};

/// The variables of a piece that is called: the template, a macro, a block, a
/// recursive loop, the condition of a loop.
struct FunctionLayout {
  uint32_t slotCount = 0;
};

struct Parameter {
  std::string name;
  /// Null if there is no default.
  NodePtr initial;
  uint32_t slot = 0;
};

struct CallArguments {
  NodeList positional;
  std::vector<std::pair<std::string, NodePtr>> named;
  NodePtr morePositional, moreNamed;
};

/// What only loops have.
struct LoopLayout {
  /// The body's scope, and that of `else`.
  ScopeLayout body, otherwise;
  /// The function of the condition, and its scope.
  FunctionLayout test;
  ScopeLayout testScope;
  /// Where the test stores an element.
  NodePtr testTarget;
  /// The function of a recursive loop.
  FunctionLayout function;
  bool isRecursive = false;
  /// Whether the body uses `loop`, and its slot.
  bool isExtended = false;
  uint32_t loopSlot = 0;
};

/// What only macros and the bodies of `call` have.
struct MacroLayout {
  std::vector<Parameter> parameters;
  FunctionLayout function;
  ScopeLayout scope;
  bool usesCaller = false, usesNamed = false, usesPositional = false;
  uint32_t callerSlot = 0, namedSlot = 0, positionalSlot = 0;
};

struct Node {
  Node(NodeKind kind, uint32_t line) : kind(kind), line(line) {}

  NodeKind kind;
  Use use = Use::Load;
  Operator operation = Operator::Add;
  /// Name: whether it may be missing.
  bool isChecked = true;
  /// Set, Macro, ...: whether what it sets is visible in blocks, too.
  bool isExported = false;
  uint32_t line;
  /// How deep the expression below is.
  uint32_t depth = 1;
  Place place;
  std::string name, attribute;
  Value value;
  NodeList operands;
  std::vector<Operator> comparisons;
  std::unique_ptr<CallArguments> arguments;
  const FilterRule *filter = nullptr;
  const TestRule *test = nullptr;
  // Statements.
  NodePtr target, iterable, condition;
  NodeList body, otherwise;
  ScopeLayout scope;
  std::unique_ptr<LoopLayout> loop;
  std::unique_ptr<MacroLayout> macro;
  /// Block: the variables that it sees, as with `scoped`.
  bool isScoped = false;
  bool isRequired = false;
  FunctionLayout function;
  std::vector<std::pair<std::string, Place>> visible;
  uint32_t selfSlot = 0, superSlot = 0;
  bool usesSelf = false, usesSuper = false;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_AST_H
