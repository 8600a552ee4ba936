//===- Objects.cpp - Memory of values, dicts and ranges -------------------===//
//
// Implements Objects.h. Each object counts its bytes in the heap of its thread.
// Objects end one after the other, so that a long chain needs no deep
// recursion. Equal keys have equal hashes, even if their types differ (1, 1.0
// and true).
//
//===----------------------------------------------------------------------===//

#include "Objects.h"
#include "../Unicode.h"
#include "Operators.h"
#include "Runtime.h"

#include <functional>
#include <limits>

namespace lora_rt::jinja {

namespace {

thread_local Heap *currentHeap = nullptr;
/// Objects that wait for their end. Objects end one after the other, so that a
/// long chain needs no deep recursion.
thread_local std::vector<Object *> *dying = nullptr;

size_t countCharacters(std::string_view text) {
  size_t count = 0;
  for (char c : text)
    count += !text::isContinuation(static_cast<unsigned char>(c));
  return count;
}

/// The hash of a key, as far as equal keys need equal hashes; returns false if
/// the value cannot be a key.
bool hashOf(const Value &key, size_t &hash) {
  switch (key.kind()) {
  case Kind::Bool:
  case Kind::Int:
    hash = std::hash<double>()(double(key.integer()));
    return true;
  case Kind::Float:
    hash = std::hash<double>()(key.number());
    return true;
  case Kind::String:
    hash = std::hash<std::string_view>()(key.string());
    return true;
  case Kind::Tuple:
    hash = 1;
    for (const Value &item : key.items()) {
      size_t part;
      // A tuple in a tuple has no part in the hash, which ends the recursion.
      if (item.is(Kind::Tuple)) {
        if (!isHashable(item))
          return false;
        part = 2;
      } else if (!hashOf(item, part))
        return false;
      hash = hash * 31 + part;
    }
    return true;
  case Kind::List:
  case Kind::Dict:
  case Kind::View:
    return false;
  case Kind::Range:
    hash = size_t(key.range().length);
    return true;
  case Kind::None:
  case Kind::Undefined:
  case Kind::Missing:
  case Kind::Failure:
    hash = size_t(key.kind());
    return true;
  default:
    hash = std::hash<const void *>()(key.object());
    return true;
  }
}

} // namespace

bool isHashable(const Value &value, int depth) {
  if (value.is(Kind::Tuple)) {
    if (depth > maxNesting)
      return false;
    for (const Value &item : value.items())
      if (!isHashable(item, depth + 1))
        return false;
    return true;
  }
  return !value.is(Kind::List) && !value.is(Kind::Dict) &&
         !value.is(Kind::View);
}

size_t costOfKey(const Value &key) {
  if (key.isString())
    return key.string().size() / 32;
  size_t cost = 0;
  if (key.is(Kind::Tuple))
    for (const Value &item : key.items())
      cost += 1 + (item.isString() ? item.string().size() / 32 : 0);
  return cost;
}

Heap::Heap(size_t limit) : limit(limit) { currentHeap = this; }

Heap::~Heap() {
  while (cyclic) {
    Ref<Cyclic> object(cyclic);
    cyclic = object->next;
    if (cyclic)
      cyclic->previous = nullptr;
    object->owner = nullptr;
    object->clear();
  }
  currentHeap = nullptr;
}

Object::Object() : heap(currentHeap) { charge(64); }

Object::~Object() {
  if (heap)
    heap->used -= charged;
}

void Object::charge(size_t bytes) {
  charged += bytes;
  if (heap)
    heap->used += bytes;
}

void Object::destroy(Object *object) {
  if (dying) {
    dying->push_back(object);
    return;
  }
  std::vector<Object *> queue{object};
  dying = &queue;
  while (!queue.empty()) {
    Object *next = queue.back();
    queue.pop_back();
    delete next;
  }
  dying = nullptr;
}

Cyclic::Cyclic() : owner(currentHeap) {
  if (!owner)
    return;
  next = owner->cyclic;
  if (next)
    next->previous = this;
  owner->cyclic = this;
}

Cyclic::~Cyclic() {
  if (!owner)
    return;
  (previous ? previous->next : owner->cyclic) = next;
  if (next)
    next->previous = previous;
}

Value Value::text(std::string value, bool isMarkup) {
  return of(Kind::String, new Text(std::move(value), isMarkup));
}

Value Value::list(std::vector<Value> items) {
  return of(Kind::List, new Sequence(std::move(items)));
}

Value Value::tuple(std::vector<Value> items) {
  return of(Kind::Tuple, new Sequence(std::move(items)));
}

Text::Text(std::string bytes, bool isMarkup)
    : bytes(std::move(bytes)), isMarkup(isMarkup),
      length(countCharacters(this->bytes)) {
  charge(this->bytes.capacity());
}

size_t Text::offsetOf(size_t index) const {
  if (isAscii())
    return index;
  size_t at = 0;
  for (; index > 0; --index)
    at += text::characterBytes(static_cast<unsigned char>(bytes[at]));
  return at;
}

Sequence::Sequence(std::vector<Value> items, bool isGroup)
    : items(std::move(items)), isGroup(isGroup) {
  charge(this->items.capacity() * sizeof(Value));
}

const Value *Dict::findHashed(const Value &key, size_t hash) const {
  auto [begin, end] = places.equal_range(hash);
  for (auto place = begin; place != end; ++place)
    if (isSameKey(entries[place->second].first, key))
      return &entries[place->second].second;
  return nullptr;
}

void Dict::append(const Value &key, Value value, size_t hash) {
  charge(2 * sizeof(Entry) + 64);
  places.emplace(hash, entries.size());
  entries.emplace_back(key, std::move(value));
}

bool Dict::set(Runtime &runtime, const Value &key, Value value) {
  size_t hash;
  if (!runtime.step(1 + costOfKey(key)))
    return false;
  if (!hashOf(key, hash)) {
    (void)runtime.fail("a ", typeName(key), " cannot be the key of a dict");
    return false;
  }
  if (const Value *place = findHashed(key, hash))
    *const_cast<Value *>(place) = std::move(value);
  else
    append(key, std::move(value), hash);
  return true;
}

bool Dict::set(std::string_view key, Value value) {
  size_t hash = std::hash<std::string_view>()(key);
  if (const Value *place = find(key)) {
    *const_cast<Value *>(place) = std::move(value);
    return false;
  }
  append(Value::text(std::string(key)), std::move(value), hash);
  return true;
}

const Value *Dict::find(const Value &key, bool &isUnhashable) const {
  size_t hash;
  isUnhashable = !hashOf(key, hash);
  return isUnhashable ? nullptr : findHashed(key, hash);
}

const Value *Dict::find(std::string_view key) const {
  auto [begin, end] = places.equal_range(std::hash<std::string_view>()(key));
  for (auto place = begin; place != end; ++place) {
    const Value &known = entries[place->second].first;
    if (known.isString() && known.string() == key)
      return &entries[place->second].second;
  }
  return nullptr;
}

Range::Range(int64_t start, int64_t stop, int64_t step)
    : start(start), stop(stop), step(step) {
  // The distance as an unsigned number does not overflow.
  length = 0;
  if (step > 0 && start < stop)
    length =
        int64_t((uint64_t(stop) - uint64_t(start) - 1) / uint64_t(step)) + 1;
  else if (step < 0 && start > stop)
    length =
        int64_t((uint64_t(start) - uint64_t(stop) - 1) / (0 - uint64_t(step))) +
        1;
  if (length < 0)
    length = std::numeric_limits<int64_t>::max();
}

void Namespace::set(const std::string &name, Value value) {
  names->set(name, std::move(value));
}

Value Thing::attribute(Runtime &, std::string_view) { return Value::missing(); }

bool Thing::print(Runtime &, std::string &) { return false; }

const char *typeName(const Value &value) {
  switch (value.kind()) {
  case Kind::Failure:
  case Kind::Missing:
    return "MissingType";
  case Kind::None:
    return "NoneType";
  case Kind::Bool:
    return "bool";
  case Kind::Int:
    return "int";
  case Kind::Float:
    return "float";
  case Kind::Undefined:
    return "Undefined";
  case Kind::String:
    return value.asText().isMarkup ? "Markup" : "str";
  case Kind::List:
    return "list";
  case Kind::Tuple:
    return "tuple";
  case Kind::Dict:
    return "dict";
  case Kind::View:
    return value.view().what == View::What::Keys     ? "dict_keys"
           : value.view().what == View::What::Values ? "dict_values"
                                                     : "dict_items";
  case Kind::Range:
    return "range";
  case Kind::Iterator:
    return value.iterator().typeName();
  case Kind::Namespace:
    return "Namespace";
  case Kind::Thing:
    return value.thing().typeName();
  }
  return "object";
}

bool isSame(const Value &a, const Value &b) {
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Kind::None:
  case Kind::Missing:
  case Kind::Failure:
    return true;
  case Kind::Bool:
  case Kind::Int:
    return a.integer() == b.integer();
  case Kind::Float:
    return a.number() == b.number();
  default:
    return a.object() == b.object();
  }
}

} // namespace lora_rt::jinja
