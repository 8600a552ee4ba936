//===- Fields.h - Structs that list their fields ----------------*- C++ -*-===//
//
// A struct of the contract between compiler and runtime lists its fields in one
// function template:
//
//   template <typename Self, typename Visitor>
//   static void visitFields(Self &self, Visitor &visit) {
//     visit("vocab_size", positive(self.vocabSize));
//   }
//
// The reader and the writer of JSON (manifest/FieldsJson.h), the checksums of
// the contract and the attributes of the IR visit this list. So a new field is
// added in one place. The type of a field says which values it may have. If the
// type permits too many, the field is wrapped in one of the rules below.
// Conditions on several fields are checked by the struct's `verify`.
//
// A visitor has, besides the call operator:
//   isContract              whether it visits only what is part of the contract
//                           with compiled code
//   choose(names, index)    called where a struct has exactly one of several
//                           keys: `index` is the index of that key in `names`
//   group(key, isPresent)   whether the optional fields that follow are there;
//                           a reader sets `isPresent` if it finds `key`
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_FIELDS_H
#define LORA_RUNTIME_FIELDS_H

#include <array>
#include <cstddef>

namespace lora_rt {

/// An integer of at least 1, or a finite number above 0.
template <typename T> struct PositiveField { T &value; };
template <typename T> PositiveField<T> positive(T &value) { return {value}; }

/// An integer of at least 0.
template <typename T> struct IndexField { T &value; };
template <typename T> IndexField<T> index(T &value) { return {value}; }

/// An integer of at least 0, or -1.
template <typename T> struct IndexOrMinusOneField { T &value; };
template <typename T> IndexOrMinusOneField<T> indexOrMinusOne(T &value) {
  return {value};
}

/// An enumeration, a bool or an index, written as one of the names.
template <typename T, size_t N> struct NamedField {
  T &value;
  const std::array<const char *, N> &names;
};
template <typename T, size_t N>
NamedField<T, N> named(T &value, const std::array<const char *, N> &names) {
  return {value, names};
}

/// Dimensions of at least 0; with `hasWildcard` also -1.
template <typename T> struct ShapeField {
  T &value;
  bool hasWildcard;
};
template <typename T> ShapeField<T> shape(T &value, bool hasWildcard = false) {
  return {value, hasWildcard};
}

/// The name of a weight layout: "plain" or a tag of 1 to 63 letters and digits.
template <typename T> struct LayoutField { T &value; };
template <typename T> LayoutField<T> layout(T &value) { return {value}; }

/// A field that is not written if it has the value `absent`.
template <typename Rule, typename T, typename Absent> struct DefaultedField {
  Rule rule;
  T &value;
  Absent absent;
};
template <template <typename> typename Rule, typename T, typename Absent>
DefaultedField<Rule<T>, T, Absent> defaulted(Rule<T> rule, Absent absent) {
  return {rule, rule.value, absent};
}
/// A bool that is not written if it is false.
template <typename T> struct FlagField { T &value; };
template <typename T> FlagField<T> flag(T &value) { return {value}; }

} // namespace lora_rt

#endif // LORA_RUNTIME_FIELDS_H
