//===- Loop.h - Loops, macros and blocks as values --------------*- C++ -*-===//
//
// What the statements of a template define: `loop`, macros, and the blocks in
// `self`. These objects keep the variables around them alive. They can be part
// of a cycle, which `clear` breaks at the end.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_LOOP_H
#define LORA_RUNTIME_TEXT_TEMPLATE_LOOP_H

#include "Interpreter.h"

namespace lora_rt::jinja {

/// The variable `loop`, and what gives the elements of its loop.
class LoopState final : public Thing {
public:
  LoopState(Interpreter &interpreter, const Node &node, Ref<Activation> outer,
            Context &context, Value iterable, Ref<Iterator> iterator,
            int64_t depth)
      : interpreter(interpreter), node(node), outer(std::move(outer)),
        context(&context), iterable(std::move(iterable)),
        iterator(std::move(iterator)), depth(depth) {}

  /// The next element, Missing or Failure.
  Value advance(Runtime &runtime);

  const char *typeName() const override { return "LoopContext"; }
  Value attribute(Runtime &runtime, std::string_view name) override;
  Value call(Runtime &runtime, Arguments &arguments) override;
  bool print(Runtime &runtime, std::string &out) override;
  int64_t length(Runtime &runtime) override;
  void clear() override;

private:
  friend class LoopMethod;
  const Value &peek(Runtime &runtime);

  Interpreter &interpreter;
  const Node &node;
  Ref<Activation> outer;
  Ref<Context> context;
  Value iterable;
  Ref<Iterator> iterator;
  int64_t depth;
  int64_t index = -1;
  int64_t knownLength = -1;
  Value after = Value::missing(), current = Value::missing(),
        before = Value::missing(), lastChanged = Value::missing();
};

class Macro final : public Thing {
public:
  Macro(Interpreter &interpreter, const Node &node, Ref<Activation> outer,
        Context &context)
      : interpreter(interpreter), node(node), outer(std::move(outer)),
        context(&context) {}

  const char *typeName() const override { return "Macro"; }
  Value attribute(Runtime &runtime, std::string_view name) override;
  Value call(Runtime &runtime, Arguments &arguments) override {
    return interpreter.callMacro(node, outer, *context, arguments);
  }
  bool print(Runtime &runtime, std::string &out) override;
  void clear() override {
    outer = Ref<Activation>();
    context = Ref<Context>();
  }

private:
  Interpreter &interpreter;
  const Node &node;
  Ref<Activation> outer;
  Ref<Context> context;
};

/// The variable `self`, whose attributes are the blocks.
class TemplateSelf final : public Thing {
public:
  TemplateSelf(Interpreter &interpreter, Context &context)
      : interpreter(interpreter), context(&context) {}

  const char *typeName() const override { return "TemplateReference"; }
  bool isCallable() const override { return false; }
  Value attribute(Runtime &runtime, std::string_view name) override;
  Value call(Runtime &runtime, Arguments &arguments) override;
  bool print(Runtime &runtime, std::string &out) override;
  void clear() override { context = Ref<Context>(); }

private:
  Interpreter &interpreter;
  Ref<Context> context;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_LOOP_H
