//===- Tests.h - The tests of jinja2 ----------------------------*- C++ -*-===//
//
// `value is name(arguments)`.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_TESTS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_TESTS_H

#include "Binding.h"

#include <string_view>

namespace lora_rt::jinja {

struct TestRule {
  std::string_view name;
  std::string_view parameters;
  bool (*holds)(Runtime &runtime, const Value &value, const Bound &bound);
};

/// nullptr if there is no such test.
const TestRule *findTest(std::string_view name);

/// A Bool, or Failure.
Value callTest(Runtime &runtime, const TestRule &rule, const Value &value,
               const Arguments &arguments);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_TESTS_H
