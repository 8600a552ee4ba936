//===- Objects.h - The objects behind values --------------------*- C++ -*-===//
//
// Strings, lists, dicts and the like do not change after they were made: the
// sandbox of chat templates allows no method that would change one.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_OBJECTS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_OBJECTS_H

#include "Value.h"

#include <unordered_map>

namespace lora_rt::jinja {

/// A string in valid UTF-8. Indices and lengths count characters.
class Text final : public Object {
public:
  Text(std::string bytes, bool isMarkup);

  const std::string bytes;
  /// Markup is escaped for HTML already; what is added to it is escaped.
  const bool isMarkup;
  const size_t length;
  bool isAscii() const { return length == bytes.size(); }
  /// The byte at which a character begins; `index` is at most `length`.
  size_t offsetOf(size_t index) const;
};

/// A list or a tuple.
class Sequence final : public Object {
public:
  explicit Sequence(std::vector<Value> items, bool isGroup = false);
  const std::vector<Value> items;
  /// A group of the filter `groupby`: its elements have names.
  const bool isGroup;
};

/// A dict: entries in the order in which they came.
class Dict final : public Object {
public:
  using Entry = std::pair<Value, Value>;

  /// Sets an entry; returns false if the key cannot be one. Only the creator
  /// of a dict calls it.
  bool set(Runtime &runtime, const Value &key, Value value);
  bool set(std::string_view key, Value value);
  /// Looks up a key; nullptr if it is not there, or cannot be a key, which
  /// sets `isUnhashable`.
  const Value *find(const Value &key, bool &isUnhashable) const;
  const Value *find(std::string_view key) const;

  std::vector<Entry> entries;

private:
  const Value *findHashed(const Value &key, size_t hash) const;
  void append(const Value &key, Value value, size_t hash);

  std::unordered_multimap<size_t, size_t> places;
};

class View final : public Object {
public:
  enum class What { Keys, Values, Items };
  View(Ref<Dict> dict, What what) : dict(std::move(dict)), what(what) {}
  const Ref<Dict> dict;
  const What what;
};

class Range final : public Object {
public:
  Range(int64_t start, int64_t stop, int64_t step);
  int64_t at(int64_t index) const { return start + index * step; }
  const int64_t start, stop, step;
  int64_t length;
};

/// Gives elements one by one.
class Iterator : public Object {
public:
  /// The next element; Missing at the end, Failure if there was an error.
  virtual Value next(Runtime &runtime) = 0;
  /// The name of Python's type.
  virtual const char *typeName() const { return "generator"; }
};

/// What `namespace()` makes.
class Namespace final : public Cyclic {
public:
  explicit Namespace(Ref<Dict> names) : names(std::move(names)) {}
  void set(const std::string &name, Value value);
  void clear() override { names = Ref<Dict>(new Dict); }
  Ref<Dict> names;
};

/// An undefined value: printed as nothing; most else fails with the message.
class UndefinedInfo final : public Object {
public:
  explicit UndefinedInfo(std::string message) : message(std::move(message)) {
    charge(this->message.size());
  }
  const std::string message;
};

/// Functions, methods, macros, loops and other objects with attributes.
class Thing : public Cyclic {
public:
  void clear() override {}
  virtual const char *typeName() const = 0;
  /// Missing if there is no such attribute.
  virtual Value attribute(Runtime &runtime, std::string_view name);
  virtual bool isCallable() const { return true; }
  virtual Value call(Runtime &runtime, Arguments &arguments) = 0;
  /// What Python prints; returns false if it prints an address.
  virtual bool print(Runtime &runtime, std::string &out);
  /// Like Python's len(); -1 if there is none.
  virtual int64_t length(Runtime &runtime) { return -1; }
};

inline Text &Value::asText() const {
  return *static_cast<Text *>(payload.object);
}
inline const std::string &Value::string() const { return asText().bytes; }
inline Sequence &Value::sequence() const {
  return *static_cast<Sequence *>(payload.object);
}
inline const std::vector<Value> &Value::items() const {
  return sequence().items;
}
inline Dict &Value::dict() const {
  return *static_cast<Dict *>(payload.object);
}
inline View &Value::view() const {
  return *static_cast<View *>(payload.object);
}
inline Range &Value::range() const {
  return *static_cast<Range *>(payload.object);
}
inline Iterator &Value::iterator() const {
  return *static_cast<Iterator *>(payload.object);
}
inline Namespace &Value::names() const {
  return *static_cast<Namespace *>(payload.object);
}
inline Thing &Value::thing() const {
  return *static_cast<Thing *>(payload.object);
}
inline UndefinedInfo &Value::undefined() const {
  return *static_cast<UndefinedInfo *>(payload.object);
}

/// The name of Python's type of a value.
const char *typeName(const Value &value);

/// Values nest at most this deep where they are printed or compared.
inline constexpr int maxNesting = 200;

/// Whether a value can be the key of a dict.
bool isHashable(const Value &value, int depth = 0);

/// How many steps it takes to look for a key.
size_t costOfKey(const Value &key);

/// Whether two values are the same object.
bool isSame(const Value &a, const Value &b);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_OBJECTS_H
