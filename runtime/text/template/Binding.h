//===- Binding.h - Arguments to parameters ----------------------*- C++ -*-===//
//
// Functions, methods and filters write their parameters as one string, and read
// their arguments by number. Arguments are bound as Python binds them. An
// argument of a wrong type is an error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_BINDING_H
#define LORA_RUNTIME_TEXT_TEMPLATE_BINDING_H

#include "Runtime.h"

#include <string_view>

namespace lora_rt::jinja {

/// Arguments by the order of a function's parameters; Missing where none is
/// given.
class Bound {
public:
  /// `parameters` are names with spaces between them. A name with '?' may be
  /// left out. "/ a b" takes no names in the call.
  Bound(Runtime &runtime, std::string_view function,
        std::string_view parameters, const Arguments &arguments);

  explicit operator bool() const { return isFine; }
  const Value &operator[](size_t index) const { return values[index]; }
  bool has(size_t index) const { return !values[index].isMissing(); }
  /// Whether the argument is given and not None.
  bool isSet(size_t index) const {
    return has(index) && !values[index].isNone();
  }

  /// The argument as a whole number, or `initial` if it is not given. A wrong
  /// type is an error, after which the object is false.
  int64_t whole(size_t index, int64_t initial);
  /// The argument as Python's truth.
  bool flag(size_t index, bool initial);
  /// The argument as a str.
  std::string_view text(size_t index, std::string_view initial = "");

private:
  void bind(std::string_view parameters, const Arguments &arguments);
  bool fail(size_t index, const char *wanted);

  Runtime &runtime;
  std::string_view function;
  std::vector<Value> values;
  bool isFine = true;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_BINDING_H
