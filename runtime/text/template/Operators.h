//===- Operators.h - Python's operators -------------------------*- C++ -*-===//
//
// Arithmetic, comparison and membership with the results of Python. Whole
// numbers have 64 bits; a result beyond is an error, never another number.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_OPERATORS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_OPERATORS_H

#include "Ast.h"
#include "Runtime.h"

namespace lora_rt::jinja {

/// + - * / // % **
Value calculate(Runtime &runtime, Operator operation, const Value &left,
                const Value &right);

/// -value, or +value.
Value negate(Runtime &runtime, const Value &value, bool isMinus);

/// == != < <= > >= in, not in. After an error, the runtime has failed.
bool compare(Runtime &runtime, Operator operation, const Value &left,
             const Value &right);

bool isEqual(Runtime &runtime, const Value &left, const Value &right,
             int nesting = 0);
/// left < right.
bool isLess(Runtime &runtime, const Value &left, const Value &right);

/// Whether two keys of a dict are the same.
bool isSameKey(const Value &left, const Value &right, int nesting = 0);

/// A number as Python compares it: whole numbers and others exactly.
int compareNumbers(const Value &left, const Value &right, bool &isUnordered);

/// The characters & < > " ' as HTML's entities.
bool escapeHtml(Runtime &runtime, std::string_view text, std::string &out);

/// What Markup makes of something that is added to it.
bool escapeValue(Runtime &runtime, const Value &value, std::string &out);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_OPERATORS_H
