//===- Loop.cpp - Loops and blocks ----------------------------------------===//
//
// Implements LoopState and TemplateSelf of Loop.h, and the statement `for`. A
// loop makes a LoopState only if `loop` is used or if the loop is recursive.
// `loop.last` reads one element ahead, and `loop.length` may read all of them.
//
//===----------------------------------------------------------------------===//

#include "Loop.h"
#include "Operators.h"

namespace lora_rt::jinja {

/// `loop.cycle` and `loop.changed`.
class LoopMethod final : public Thing {
public:
  LoopMethod(Ref<LoopState> loop, bool isCycle)
      : loop(std::move(loop)), isCycle(isCycle) {}
  const char *typeName() const override { return "method"; }
  void clear() override { loop = Ref<LoopState>(); }

  Value call(Runtime &runtime, Arguments &arguments) override {
    if (!arguments.named.empty())
      return runtime.fail("loop.", isCycle ? "cycle" : "changed",
                          "() takes no argument '", arguments.named[0].first,
                          "'");
    auto &values = arguments.positional;
    if (isCycle) {
      if (values.empty())
        return runtime.fail("loop.cycle() needs values");
      return values[size_t(loop->index) % values.size()];
    }
    Value value = Value::tuple(std::move(values));
    bool isChanged = loop->lastChanged.isMissing() ||
                     !isEqual(runtime, loop->lastChanged, value);
    if (runtime.failed())
      return Value::failure();
    if (isChanged)
      loop->lastChanged = value;
    return Value::boolean(isChanged);
  }

private:
  Ref<LoopState> loop;
  bool isCycle;
};

namespace {

/// The elements of a loop for which its condition holds.
class ConditionIterator final : public Iterator {
public:
  ConditionIterator(Interpreter &interpreter, const Node &node,
                    Ref<Activation> variables, Context &context,
                    Ref<Iterator> source)
      : interpreter(interpreter), node(node), variables(std::move(variables)),
        context(&context), source(std::move(source)) {}

  Value next(Runtime &) override {
    return interpreter.nextOfLoop(node, *variables, *context, *source);
  }

private:
  Interpreter &interpreter;
  const Node &node;
  Ref<Activation> variables;
  Ref<Context> context;
  Ref<Iterator> source;
};

/// The call of a block: `self.name`.
class BlockCall final : public Thing {
public:
  BlockCall(Interpreter &interpreter, const Node &node, Ref<Context> context)
      : interpreter(interpreter), node(node), context(std::move(context)) {}
  const char *typeName() const override { return "BlockReference"; }
  void clear() override { context = Ref<Context>(); }
  Value call(Runtime &runtime, Arguments &arguments) override {
    if (!arguments.positional.empty() || !arguments.named.empty())
      return runtime.fail("a block takes no arguments");
    return interpreter.callBlock(node, *context);
  }

private:
  Interpreter &interpreter;
  const Node &node;
  Ref<Context> context;
};

} // namespace

Value LoopState::advance(Runtime &runtime) {
  Value element = Value::missing();
  std::swap(element, after);
  if (element.isMissing())
    element = iterator->next(runtime);
  if (element.isMissing() || element.isFailure())
    return element;
  ++index;
  before = std::move(current);
  current = element;
  return element;
}

const Value &LoopState::peek(Runtime &runtime) {
  if (after.isMissing())
    after = iterator->next(runtime);
  return after;
}

int64_t LoopState::length(Runtime &runtime) {
  if (knownLength >= 0)
    return knownLength;
  if (!node.condition && !iterable.is(Kind::Iterator))
    return knownLength = runtime.length(iterable);
  std::vector<Value> rest;
  while (true) {
    Value element = iterator->next(runtime);
    if (element.isFailure() || !runtime.step())
      return -1;
    if (element.isMissing())
      break;
    rest.push_back(std::move(element));
  }
  knownLength = int64_t(rest.size()) + index + 1 + !after.isMissing();
  iterator = runtime.iterate(Value::list(std::move(rest)));
  return knownLength;
}

Value LoopState::attribute(Runtime &runtime, std::string_view name) {
  if (name == "index")
    return Value::integer(index + 1);
  if (name == "index0")
    return Value::integer(index);
  if (name == "first")
    return Value::boolean(index == 0);
  if (name == "last" || name == "nextitem") {
    const Value &next = peek(runtime);
    if (next.isFailure())
      return next;
    if (name == "last")
      return Value::boolean(next.isMissing());
    return next.isMissing() ? runtime.undefined("there is no next item") : next;
  }
  if (name == "previtem")
    return index == 0 ? runtime.undefined("there is no previous item") : before;
  if (name == "length" || name == "revindex" || name == "revindex0") {
    int64_t count = length(runtime);
    if (count < 0)
      return Value::failure();
    return Value::integer(name == "length"     ? count
                          : name == "revindex" ? count - index
                                               : count - index - 1);
  }
  if (name == "depth")
    return Value::integer(depth + 1);
  if (name == "depth0")
    return Value::integer(depth);
  if (name == "cycle" || name == "changed")
    return Value::of(Kind::Thing,
                     new LoopMethod(Ref<LoopState>(this), name == "cycle"));
  return Value::missing();
}

Value LoopState::call(Runtime &runtime, Arguments &arguments) {
  if (!node.loop->isRecursive)
    return runtime.fail("only a loop that is marked 'recursive' can be called");
  if (arguments.positional.size() != 1 || !arguments.named.empty())
    return runtime.fail("the call of a loop has one argument: what to loop "
                        "over");
  return interpreter.callLoop(node, outer, *context, arguments.positional[0],
                              depth + 1);
}

bool LoopState::print(Runtime &runtime, std::string &out) {
  int64_t count = length(runtime);
  if (count < 0)
    return false;
  out += "<LoopContext " + std::to_string(index + 1) + "/" +
         std::to_string(count) + ">";
  return true;
}

void LoopState::clear() {
  outer = Ref<Activation>();
  context = Ref<Context>();
  iterator = Ref<Iterator>();
  iterable = after = current = before = lastChanged = Value();
}

Value TemplateSelf::attribute(Runtime &, std::string_view name) {
  const auto &blocks = interpreter.program.blocks;
  auto found = blocks.find(std::string(name));
  if (found == blocks.end())
    return Value::missing();
  return Value::of(Kind::Thing,
                   new BlockCall(interpreter, *found->second, context));
}

Value TemplateSelf::call(Runtime &runtime, Arguments &) {
  return runtime.fail("'self' is not callable");
}

bool TemplateSelf::print(Runtime &, std::string &out) {
  out += "<TemplateReference None>";
  return true;
}

Interpreter::Flow Interpreter::executeFor(const Node &node, Frame &frame,
                                          std::string &out) {
  Value iterable = evaluate(*node.iterable, frame);
  if (iterable.isFailure())
    return Flow::Failed;
  runtime.line = node.line;
  if (!node.loop->isRecursive)
    return executeLoop(node, frame, iterable, 0, out);
  Value text = callLoop(node, Ref<Activation>(&frame.variables), frame.context,
                        iterable, 0);
  return !text.isFailure() && write(text, out) ? Flow::Normal : Flow::Failed;
}

Value Interpreter::callLoop(const Node &node, const Ref<Activation> &outer,
                            Context &context, const Value &iterable,
                            int64_t depth) {
  CallDepth called(runtime);
  if (!called)
    return Value::failure();
  (void)runtime.step(node.loop->function.slotCount);
  Ref<Activation> variables(
      new Activation(node.loop->function.slotCount, outer));
  Frame frame{*variables, context};
  std::string text;
  if (executeLoop(node, frame, iterable, depth, text) == Flow::Failed)
    return Value::failure();
  return runtime.text(std::move(text));
}

/// What was assigned to a target: a tuple if the target is one.
static Value rebuild(const Node &target, Activation &variables) {
  if (target.kind != NodeKind::Tuple)
    return variables.at(target.place);
  std::vector<Value> parts;
  for (const NodePtr &part : target.operands)
    parts.push_back(rebuild(*part, variables));
  return Value::tuple(std::move(parts));
}

Value Interpreter::nextOfLoop(const Node &node, Activation &variables,
                              Context &context, Iterator &source) {
  CallDepth depth(runtime);
  if (!depth)
    return Value::failure();
  Frame frame{variables, context};
  while (true) {
    Value element = source.next(runtime);
    if (element.isMissing() || element.isFailure())
      return element;
    if (!runtime.step() ||
        !assign(*node.loop->testTarget, element, frame, false))
      return Value::failure();
    Value holds = evaluate(*node.condition, frame);
    if (holds.isFailure())
      return holds;
    bool isTrue = runtime.isTrue(holds);
    if (runtime.failed())
      return Value::failure();
    if (isTrue)
      return rebuild(*node.loop->testTarget, variables);
  }
}

Interpreter::Flow Interpreter::executeLoop(const Node &node, Frame &frame,
                                           const Value &iterable, int64_t depth,
                                           std::string &out) {
  const LoopLayout &loop = *node.loop;
  Ref<Activation> outer = loop.isRecursive ? frame.variables.outer
                                           : Ref<Activation>(&frame.variables);
  Ref<Iterator> iterator = runtime.iterate(iterable);
  if (!iterator)
    return Flow::Failed;
  if (node.condition) {
    Ref<Activation> variables(new Activation(loop.test.slotCount, outer));
    Frame test{*variables, frame.context};
    enter(loop.testScope, test);
    iterator = Ref<Iterator>(new ConditionIterator(
        *this, node, variables, frame.context, std::move(iterator)));
  }
  Ref<LoopState> state;
  if (loop.isExtended)
    state = Ref<LoopState>(new LoopState(*this, node, outer, frame.context,
                                         iterable, iterator, depth));
  // As in jinja2, `else` also runs if no iteration came to its end.
  bool isElse = !node.otherwise.empty();
  while (true) {
    Value element = state ? state->advance(runtime) : iterator->next(runtime);
    if (element.isMissing())
      break;
    runtime.line = node.line;
    if (element.isFailure() || !runtime.step() ||
        !assign(*node.target, element, frame, false))
      return Flow::Failed;
    if (state)
      frame.variables.slots[loop.loopSlot] =
          Value::of(Kind::Thing, state.get());
    enter(loop.body, frame);
    Flow flow = execute(node.body, frame, out);
    if (flow == Flow::Failed)
      return flow;
    if (flow == Flow::Break)
      break;
    if (flow == Flow::Normal)
      isElse = false;
  }
  leave(loop.body, frame);
  if (!isElse)
    return Flow::Normal;
  enter(loop.otherwise, frame);
  Flow flow = execute(node.otherwise, frame, out);
  leave(loop.otherwise, frame);
  return flow;
}

} // namespace lora_rt::jinja
