//===- Access.h - Attributes, items and slices ------------------*- C++ -*-===//
//
// What `a.b`, `a[b]` and `a[b:c]` give, with jinja2's rules for what is not
// there, and those of its sandbox for what is not safe.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_ACCESS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_ACCESS_H

#include "Runtime.h"

#include <string_view>

namespace lora_rt::jinja {

/// object.name: the attribute, else the item, else an undefined value.
Value getAttribute(Runtime &runtime, const Value &object,
                   std::string_view name);

/// Only the attribute; Missing if there is none.
Value findAttribute(Runtime &runtime, const Value &object,
                    std::string_view name);

/// object[key]: the item, else the attribute, else an undefined value.
Value getItem(Runtime &runtime, const Value &object, const Value &key);

/// object[start:stop:step]; each may be None.
Value getSlice(Runtime &runtime, const Value &object, const Value &start,
               const Value &stop, const Value &step);

/// Python's rule for the bounds of a slice of `length` elements. Returns false
/// after an error.
bool resolveSlice(Runtime &runtime, const Value &start, const Value &stop,
                  const Value &step, int64_t length, int64_t &first,
                  int64_t &count, int64_t &stride);

/// The characters [begin, end) of a string, counted in characters.
std::string_view charactersOf(const Text &text, size_t begin, size_t end);

/// A method of a value of Python; Missing if its type has none of the name.
Value findMethod(Runtime &runtime, const Value &object, std::string_view name);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_ACCESS_H
