//===- Value.h - Python's values in a template ------------------*- C++ -*-===//
//
// A value of a template: what Python would hold. Values that need memory are
// reference-counted objects. While a template is rendered, its thread has a
// `Heap`, which counts the bytes of all objects and breaks their cycles at the
// end.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_VALUE_H
#define LORA_RUNTIME_TEXT_TEMPLATE_VALUE_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lora_rt::jinja {

class Runtime;
class Value;
struct Arguments;

enum class Kind : uint8_t {
  /// A call failed; the runtime has the error.
  Failure,
  /// No value: an argument that is not given, a variable that is not set, the
  /// end of an iteration.
  Missing,
  None,
  Bool,
  Int,
  Float,
  // The kinds from here on have an object.
  Undefined,
  String,
  List,
  Tuple,
  Dict,
  /// dict.keys(), dict.values() and dict.items().
  View,
  Range,
  /// What gives its elements once: a generator.
  Iterator,
  Namespace,
  /// Any other object, of class `Thing`.
  Thing,
};

class Cyclic;

/// The memory of the values of one rendering. There is at most one in a thread.
class Heap {
public:
  explicit Heap(size_t limit);
  ~Heap();
  Heap(const Heap &) = delete;
  Heap &operator=(const Heap &) = delete;

  bool isExceeded() const { return used > limit; }
  /// Whether `bytes` more are within the limit.
  bool hasRoom(size_t bytes) const {
    return used <= limit && bytes <= limit - used;
  }

private:
  friend class Object;
  friend class Cyclic;
  size_t used = 0;
  size_t limit;
  Cyclic *cyclic = nullptr;
};

class Object {
public:
  Object();
  virtual ~Object();
  Object(const Object &) = delete;
  Object &operator=(const Object &) = delete;

  void retain() { refs.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
      destroy(this);
  }

protected:
  /// Counts bytes that belong to the object.
  void charge(size_t bytes);

private:
  static void destroy(Object *object);

  std::atomic<uint32_t> refs{0};
  Heap *heap;
  size_t charged = 0;
};

/// An object that may hold itself, because it changes after it was made.
class Cyclic : public Object {
public:
  Cyclic();
  ~Cyclic() override;
  /// Drops all values.
  virtual void clear() = 0;

private:
  friend class Heap;
  Heap *owner;
  Cyclic *previous = nullptr, *next = nullptr;
};

/// A counted pointer to an object.
template <typename T> class Ref {
public:
  Ref() = default;
  explicit Ref(T *object) : object(object) {
    if (object)
      object->retain();
  }
  Ref(const Ref &other) : Ref(other.object) {}
  Ref(Ref &&other) noexcept : object(std::exchange(other.object, nullptr)) {}
  Ref &operator=(Ref other) noexcept {
    std::swap(object, other.object);
    return *this;
  }
  ~Ref() {
    if (object)
      object->release();
  }
  T *get() const { return object; }
  T *operator->() const { return object; }
  T &operator*() const { return *object; }
  explicit operator bool() const { return object != nullptr; }

private:
  T *object = nullptr;
};

class Text;
class Sequence;
class Dict;
class View;
class Range;
class Iterator;
class Namespace;
class Thing;
class UndefinedInfo;

class Value {
public:
  Value() : kind_(Kind::None) { payload.integer = 0; }
  Value(const Value &other) : kind_(other.kind_), payload(other.payload) {
    if (hasObject())
      payload.object->retain();
  }
  Value(Value &&other) noexcept : kind_(other.kind_), payload(other.payload) {
    other.kind_ = Kind::None;
  }
  Value &operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(payload, other.payload);
    return *this;
  }
  ~Value() {
    if (hasObject())
      payload.object->release();
  }

  static Value failure() { return Value(Kind::Failure); }
  static Value missing() { return Value(Kind::Missing); }
  static Value boolean(bool value) {
    Value result(Kind::Bool);
    result.payload.integer = value;
    return result;
  }
  static Value integer(int64_t value) {
    Value result(Kind::Int);
    result.payload.integer = value;
    return result;
  }
  static Value real(double value) {
    Value result(Kind::Float);
    result.payload.real = value;
    return result;
  }
  static Value text(std::string value, bool isMarkup = false);
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value of(Kind kind, Object *object) {
    Value result(kind);
    result.payload.object = object;
    object->retain();
    return result;
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool isFailure() const { return kind_ == Kind::Failure; }
  bool isMissing() const { return kind_ == Kind::Missing; }
  bool isNone() const { return kind_ == Kind::None; }
  bool isUndefined() const { return kind_ == Kind::Undefined; }
  bool isString() const { return kind_ == Kind::String; }
  /// Int or Bool: Python's bool is an int.
  bool isInteger() const { return kind_ == Kind::Int || kind_ == Kind::Bool; }
  bool isNumber() const { return isInteger() || kind_ == Kind::Float; }
  bool hasObject() const { return kind_ >= Kind::Undefined; }

  /// The value of an Int or a Bool.
  int64_t integer() const { return payload.integer; }
  /// The value of a number.
  double number() const {
    return kind_ == Kind::Float ? payload.real : double(payload.integer);
  }
  Object *object() const { return payload.object; }
  Text &asText() const;
  /// The bytes of a String.
  const std::string &string() const;
  Sequence &sequence() const;
  /// The elements of a List or Tuple.
  const std::vector<Value> &items() const;
  Dict &dict() const;
  View &view() const;
  Range &range() const;
  Iterator &iterator() const;
  Namespace &names() const;
  Thing &thing() const;
  UndefinedInfo &undefined() const;

private:
  explicit Value(Kind kind) : kind_(kind) { payload.integer = 0; }

  Kind kind_;
  union {
    int64_t integer;
    double real;
    Object *object;
  } payload;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_VALUE_H
