//===- Runtime.h - The limits, the error and the calls of a rendering ----===//
//
// Everything that a part of the interpreter needs while a template is rendered.
// A function that fails calls `fail` and returns Value::failure() or false; its
// callers pass that on. The first error is the one that is reported.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_RUNTIME_H
#define LORA_RUNTIME_TEXT_TEMPLATE_RUNTIME_H

#include "Objects.h"
#include "lora-runtime/ChatTemplate.h"

#include <algorithm>
#include <string>

namespace lora_rt::jinja {

/// Calls of macros, loops and filters in one another; Python's limit is alike.
inline constexpr int maxCallDepth = 190;
/// Statements and expressions in one another, those of all calls together: the
/// stack of a thread holds so many.
inline constexpr int maxDepth = 1000;

class Runtime {
public:
  Runtime(const RenderOptions &options, const std::string &where)
      : options(options), where(where), heap(options.maxMemory) {}

  const RenderOptions &options;
  const std::string &where;
  /// Where the interpreter is, for messages.
  uint32_t line = 1;

  template <typename... Parts> Value fail(const Parts &...parts) {
    if (!error)
      error = makeError(ErrorCode::InvalidArgument, where, ": line ", line,
                        ": ", parts...);
    return Value::failure();
  }
  bool failed() const { return bool(error); }
  Error takeError() { return std::move(error); }

  /// Counts work; returns false if it is too much.
  bool step(size_t count = 1) {
    steps += count;
    if (steps <= options.maxSteps && !heap.isExceeded()) [[likely]]
      return true;
    return refuseStep(count);
  }
  /// Whether a string or list of so many bytes may be made.
  bool hasRoom(size_t bytes);
  /// Whether a text may grow by so many bytes. The old and the new place of a
  /// text that moves count both.
  bool canGrow(const std::string &text, size_t bytes) {
    size_t size = text.size() + bytes;
    return hasRoom(size <= text.capacity()
                       ? size
                       : text.capacity() + std::max(size, 2 * text.capacity()));
  }

  /// A string; Failure if it exceeds the memory.
  Value text(std::string value, bool isMarkup = false) {
    return hasRoom(value.size()) && step(value.size() / 32)
               ? Value::text(std::move(value), isMarkup)
               : Value::failure();
  }
  template <typename... Parts> Value undefined(const Parts &...parts) {
    std::ostringstream stream;
    (stream << ... << parts);
    return Value::of(Kind::Undefined, new UndefinedInfo(stream.str()));
  }
  /// The failure of an operation that an undefined value does not have.
  Value failUndefined(const Value &value) {
    return fail(value.undefined().message);
  }

  Value call(const Value &function, Arguments &arguments);
  /// Enters a call; returns false if the calls are too deep. Each true needs
  /// a `leave`.
  bool enter();
  void leave() { --depth; }
  /// The same for a statement or an expression.
  bool descend() { return ++nesting <= maxDepth || refuseDepth(); }
  void ascend() { --nesting; }

  /// What Python's iter() gives; null after an error.
  Ref<Iterator> iterate(const Value &value);
  /// All elements; returns false after an error.
  bool collect(const Value &value, std::vector<Value> &out);
  /// Python's len(); -1 after an error.
  int64_t length(const Value &value);
  /// Python's bool().
  bool isTrue(const Value &value);

  /// Appends what str() gives. Returns false after an error.
  bool print(const Value &value, std::string &out);
  /// Appends what repr() gives.
  bool represent(const Value &value, std::string &out, int nesting = 0);
  /// str() as a value.
  Value toText(const Value &value);

private:
  bool refuseStep(size_t count);
  bool refuseDepth();

  Heap heap;
  Error error;
  uint64_t steps = 0;
  int depth = 0;
  int nesting = 0;
};

/// Counts a statement or an expression for as long as it lives.
class Descent {
public:
  explicit Descent(Runtime &runtime)
      : runtime(runtime), isFine(runtime.descend()) {}
  ~Descent() { runtime.ascend(); }
  explicit operator bool() const { return isFine; }

private:
  Runtime &runtime;
  bool isFine;
};

/// Counts a call for as long as it lives.
class CallDepth {
public:
  explicit CallDepth(Runtime &runtime)
      : runtime(runtime), isEntered(runtime.enter()) {}
  ~CallDepth() {
    if (isEntered)
      runtime.leave();
  }
  explicit operator bool() const { return isEntered; }

private:
  Runtime &runtime;
  bool isEntered;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_RUNTIME_H
