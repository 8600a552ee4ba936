//===- Iterators.cpp - Iterating over values ------------------------------===//
//
// Implements Iterators.h, and `iterate` and `collect` of Runtime.h. As in
// jinja2, a string gives characters, a dict gives keys, and an undefined value
// gives nothing. An iterator goes on where it was; other values begin again.
//
//===----------------------------------------------------------------------===//

#include "Iterators.h"
#include "../Unicode.h"
#include "Access.h"

namespace lora_rt::jinja {

namespace {

class SequenceIterator final : public Iterator {
public:
  SequenceIterator(const Value &value, bool isReversed)
      : value(value), isReversed(isReversed) {}
  Value next(Runtime &) override {
    const auto &items = value.items();
    if (index == items.size())
      return Value::missing();
    ++index;
    return items[isReversed ? items.size() - index : index - 1];
  }
  const char *typeName() const override {
    return value.is(Kind::Tuple) ? (isReversed ? "reversed" : "tuple_iterator")
           : isReversed          ? "list_reverseiterator"
                                 : "list_iterator";
  }

private:
  Value value;
  bool isReversed;
  size_t index = 0;
};

class TextIterator final : public Iterator {
public:
  TextIterator(const Value &value, bool isReversed)
      : value(value), isReversed(isReversed),
        at(isReversed ? value.string().size() : 0) {}
  Value next(Runtime &runtime) override {
    const std::string &bytes = value.string();
    if (at == (isReversed ? 0 : bytes.size()))
      return Value::missing();
    size_t begin = at;
    if (isReversed)
      text::previousCharacter(bytes, at);
    else
      text::nextCharacter(bytes, at);
    size_t first = std::min(begin, at), last = std::max(begin, at);
    return runtime.text(bytes.substr(first, last - first));
  }
  const char *typeName() const override {
    return isReversed ? "reversed" : "str_iterator";
  }

private:
  Value value;
  bool isReversed;
  size_t at;
};

class DictIterator final : public Iterator {
public:
  DictIterator(Ref<Dict> dict, View::What what, bool isReversed)
      : dict(std::move(dict)), what(what), isReversed(isReversed) {}
  Value next(Runtime &) override {
    const auto &entries = dict->entries;
    if (index >= entries.size())
      return Value::missing();
    ++index;
    const auto &[key, value] =
        entries[isReversed ? entries.size() - index : index - 1];
    if (what == View::What::Keys)
      return key;
    return what == View::What::Values ? value : Value::tuple({key, value});
  }
  const char *typeName() const override {
    return isReversed ? "dict_reversekeyiterator" : "dict_keyiterator";
  }

private:
  Ref<Dict> dict;
  View::What what;
  bool isReversed;
  size_t index = 0;
};

class RangeIterator final : public Iterator {
public:
  RangeIterator(const Value &value, bool isReversed)
      : value(value), isReversed(isReversed) {}
  Value next(Runtime &) override {
    const Range &range = value.range();
    if (index == range.length)
      return Value::missing();
    ++index;
    return Value::integer(
        range.at(isReversed ? range.length - index : index - 1));
  }
  const char *typeName() const override { return "range_iterator"; }

private:
  Value value;
  bool isReversed;
  int64_t index = 0;
};

class EmptyIterator final : public Iterator {
public:
  Value next(Runtime &) override { return Value::missing(); }
};

Ref<Iterator> makeIterator(const Value &value, bool isReversed) {
  switch (value.kind()) {
  case Kind::List:
  case Kind::Tuple:
    return Ref<Iterator>(new SequenceIterator(value, isReversed));
  case Kind::String:
    return Ref<Iterator>(new TextIterator(value, isReversed));
  case Kind::Dict:
    return Ref<Iterator>(new DictIterator(Ref<Dict>(&value.dict()),
                                          View::What::Keys, isReversed));
  case Kind::View:
    return Ref<Iterator>(
        new DictIterator(value.view().dict, value.view().what, isReversed));
  case Kind::Range:
    return Ref<Iterator>(new RangeIterator(value, isReversed));
  case Kind::Undefined:
    return Ref<Iterator>(new EmptyIterator);
  case Kind::Iterator:
    return isReversed ? Ref<Iterator>() : Ref<Iterator>(&value.iterator());
  default:
    return Ref<Iterator>();
  }
}

} // namespace

Ref<Iterator> iterateReversed(const Value &value) {
  return makeIterator(value, true);
}

Value MappedIterator::next(Runtime &runtime) {
  // A chain of generators is as deep as it is long.
  CallDepth depth(runtime);
  if (!depth)
    return Value::failure();
  if (!iterator) {
    iterator = runtime.iterate(source);
    if (!iterator)
      return Value::failure();
  }
  while (true) {
    Value element = iterator->next(runtime);
    if (element.isMissing() || element.isFailure())
      return element;
    if (!runtime.step())
      return Value::failure();
    Value result = function(runtime, element);
    if (!result.isMissing())
      return result;
  }
}

Ref<Iterator> Runtime::iterate(const Value &value) {
  Ref<Iterator> iterator = makeIterator(value, false);
  if (!iterator)
    (void)fail("a ", typeName(value), " cannot be iterated over");
  return iterator;
}

bool Runtime::collect(const Value &value, std::vector<Value> &out) {
  Ref<Iterator> iterator = iterate(value);
  while (iterator) {
    Value element = iterator->next(*this);
    if (element.isMissing())
      return true;
    if (element.isFailure() || !step() || !hasRoom(out.size() * sizeof(Value)))
      return false;
    out.push_back(std::move(element));
  }
  return false;
}

} // namespace lora_rt::jinja
