//===- Iterators.h - Iterating over values ----------------------*- C++ -*-===//
//
// Iterators give elements one by one, as in Python. A generator does its work
// when an element is asked for, so an error also comes only then.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_ITERATORS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_ITERATORS_H

#include "Runtime.h"

#include <functional>

namespace lora_rt::jinja {

/// The elements of a value from the last to the first; null, without an error,
/// if the value has no such order.
Ref<Iterator> iterateReversed(const Value &value);

/// A generator that maps the elements of another; a Missing result leaves an
/// element out.
class MappedIterator final : public Iterator {
public:
  using Function = std::function<Value(Runtime &, const Value &)>;
  /// The source is iterated when the first element is asked for.
  MappedIterator(Value source, Function function)
      : source(std::move(source)), function(std::move(function)) {}
  Value next(Runtime &runtime) override;

private:
  Value source;
  Ref<Iterator> iterator;
  Function function;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_ITERATORS_H
