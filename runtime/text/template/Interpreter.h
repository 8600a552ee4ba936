//===- Interpreter.h - Running a template -----------------------*- C++ -*-===//
//
// Statements write to a string; expressions give values. The variables of a
// function are in an `Activation`, which lives as long as a macro that was
// defined in it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_INTERPRETER_H
#define LORA_RUNTIME_TEXT_TEMPLATE_INTERPRETER_H

#include "Runtime.h"
#include "Scopes.h"

#include <map>

namespace lora_rt::jinja {

class Activation final : public Cyclic {
public:
  Activation(uint32_t slotCount, Ref<Activation> outer)
      : slots(slotCount, Value::missing()), outer(std::move(outer)) {
    charge(slotCount * sizeof(Value));
  }
  void clear() override {
    slots.assign(slots.size(), Value::missing());
    outer = Ref<Activation>();
  }
  Value &at(Place place) {
    Activation *activation = this;
    for (; place.hops > 0; --place.hops)
      activation = activation->outer.get();
    return activation->slots[place.slot];
  }

  std::vector<Value> slots;
  Ref<Activation> outer;
};

/// The variables by name: those that the template set at its top, then those
/// of the caller.
class Context final : public Cyclic {
public:
  explicit Context(Ref<Context> outer = {}) : outer(std::move(outer)) {}
  void clear() override {
    names.clear();
    outer = Ref<Context>();
  }
  Value find(std::string_view name) const {
    for (const Context *context = this; context; context = context->outer.get())
      if (auto found = context->names.find(name); found != context->names.end())
        return found->second;
    return Value::missing();
  }

  std::map<std::string, Value, std::less<>> names;
  Ref<Context> outer;
};

class Interpreter {
public:
  Interpreter(const Program &program, Runtime &runtime)
      : program(program), runtime(runtime) {}

  /// Renders the template; returns false after an error.
  bool run(Context &context, std::string &out);

  /// Calls a macro, or the body of `call`.
  Value callMacro(const Node &node, const Ref<Activation> &outer,
                  Context &context, Arguments &arguments);
  /// Runs a recursive loop.
  Value callLoop(const Node &node, const Ref<Activation> &outer,
                 Context &context, const Value &iterable, int64_t depth);
  Value callBlock(const Node &node, Context &context);
  /// The next element for which a loop's condition holds.
  Value nextOfLoop(const Node &node, Activation &frame, Context &context,
                   Iterator &source);

  const Program &program;
  Runtime &runtime;

private:
  enum class Flow { Normal, Break, Continue, Failed };
  struct Frame {
    Activation &variables;
    Context &context;
  };

  Flow execute(const NodeList &nodes, Frame &frame, std::string &out);
  Flow execute(const Node &node, Frame &frame, std::string &out);
  [[gnu::noinline]] Flow executeFor(const Node &node, Frame &frame,
                                    std::string &out);
  [[gnu::noinline]] Flow executeLoop(const Node &node, Frame &frame,
                                     const Value &iterable, int64_t depth,
                                     std::string &out);
  [[gnu::noinline]] Flow executeIf(const Node &node, Frame &frame,
                                   std::string &out);
  [[gnu::noinline]] Flow executeText(const Node &node, Frame &frame,
                                     std::string &out);
  [[gnu::noinline]] Flow executeWith(const Node &node, Frame &frame,
                                     std::string &out);
  [[gnu::noinline]] Flow executeCall(const Node &node, Frame &frame,
                                     std::string &out);
  [[gnu::noinline]] Flow executeBlock(const Node &node, Frame &frame,
                                      std::string &out);
  bool write(std::string_view text, std::string &out);
  bool write(const Value &value, std::string &out);
  void enter(const ScopeLayout &layout, Frame &frame);
  void leave(const ScopeLayout &layout, Frame &frame);
  bool checkTarget(const Node &target, Frame &frame);
  bool assign(const Node &target, const Value &value, Frame &frame,
              bool isExported);
  bool assignParts(const Node &target, const Value &value, Frame &frame,
                   bool isExported);

  // Evaluate.cpp. The functions by kind are not inlined, so that an expression
  // in others needs little of the stack.
  Value evaluate(const Node &node, Frame &frame);
  Value evaluateName(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateItems(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateDict(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateBinary(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateCompare(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateConcat(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateChoice(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateItem(const Node &node, Frame &frame);
  [[gnu::noinline]] Value evaluateSlice(const Value &object, const Node &slice,
                                        Frame &frame);
  [[gnu::noinline]] Value evaluateCall(const Node &node, Frame &frame,
                                       const Value *caller);
  [[gnu::noinline]] Value evaluateFilter(const Node &node, Frame &frame,
                                         const Value *text);
  [[gnu::noinline]] Value evaluateTest(const Node &node, Frame &frame);
  bool evaluateArguments(const CallArguments &syntax, Frame &frame,
                         Arguments &out);
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_INTERPRETER_H
