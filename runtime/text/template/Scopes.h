//===- Scopes.h - Where the variables of a template are ---------*- C++ -*-===//
//
// Gives each variable a slot, and checks what jinja2 checks when it compiles a
// template: filters and tests that do not exist, loops around `break`.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_SCOPES_H
#define LORA_RUNTIME_TEXT_TEMPLATE_SCOPES_H

#include "Ast.h"
#include "lora-runtime/Error.h"

#include <map>
#include <set>
#include <string>

namespace lora_rt::jinja {

/// A template that can be rendered.
struct Program {
  std::string where, source;
  NodeList body;
  FunctionLayout function;
  ScopeLayout scope;
  bool usesSelf = false;
  uint32_t selfSlot = 0;
  /// The blocks by name.
  std::map<std::string, const Node *> blocks;
  /// The variables that are looked up outside of the template.
  std::set<std::string, std::less<>> variables;
};

/// Completes a program whose body was parsed.
Error resolveScopes(Program &program);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_SCOPES_H
