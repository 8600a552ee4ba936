//===- FieldAttributes.h - Structs of the runtime in the IR -----*- C++ -*-===//
//
// The contract between compiler and runtime consists of C++ structs
// (lora-runtime/Manifest.h, lora-runtime/PrimitiveSpec.h). In the IR, a struct
// is an attribute that holds a dictionary with the manifest's keys. The
// verifier of the attribute reads the dictionary into the struct. So an unknown
// key, or a value of a wrong type, is an error at the attribute.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_FIELDATTRIBUTES_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_FIELDATTRIBUTES_H

#include "lora-runtime/Fields.h"
#include "lora-runtime/Numeric.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace lora {

using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// Converts the fields of a struct to a dictionary.
class FieldsToAttributes {
public:
  static constexpr bool isContract = false;

  /// All fields that the JSON form has.
  template <typename T>
  static mlir::DictionaryAttr convert(mlir::MLIRContext *context,
                                      const T &value) {
    FieldsToAttributes fields(context);
    T::visitFields(value, fields);
    return fields.entries.getDictionary(context);
  }

  /// Only the fields whose values differ from those of a new struct.
  template <typename T>
  static mlir::DictionaryAttr convertChanged(mlir::MLIRContext *context,
                                             const T &value) {
    const T absent;
    mlir::NamedAttrList fields(convert(context, value)),
        defaults(convert(context, absent)), result;
    for (mlir::NamedAttribute entry : fields)
      if (defaults.get(entry.getName()) != entry.getValue())
        result.append(entry);
    return result.getDictionary(context);
  }

  bool group(const char *, bool isPresent) { return isPresent; }

  void operator()(const char *key, const std::string &value) {
    set(key, builder.getStringAttr(value));
  }
  void operator()(const char *key, const lora_rt::DType &value) {
    auto name = lora_rt::manifestName(value);
    set(key, builder.getStringAttr(llvm::StringRef(name.data(), name.size())));
  }
  void operator()(const char *key, lora_rt::FlagField<const bool> field) {
    if (field.value)
      set(key, builder.getBoolAttr(true));
  }
  void operator()(const char *key, lora_rt::PositiveField<const double> field) {
    set(key, builder.getF64FloatAttr(field.value));
  }
  template <typename T>
  void operator()(const char *key, lora_rt::PositiveField<T> field) {
    set(key, builder.getI64IntegerAttr(field.value));
  }
  template <typename T>
  void operator()(const char *key, lora_rt::IndexField<T> field) {
    set(key, builder.getI64IntegerAttr(field.value));
  }
  template <typename T>
  void operator()(const char *key, lora_rt::IndexOrMinusOneField<T> field) {
    set(key, builder.getI64IntegerAttr(field.value));
  }
  template <typename T, size_t N>
  void operator()(const char *key, lora_rt::NamedField<T, N> field) {
    set(key, builder.getStringAttr(field.names[size_t(field.value)]));
  }
  void operator()(const char *key,
                  lora_rt::LayoutField<const std::string> field) {
    set(key, builder.getStringAttr(field.value));
  }
  template <typename Rule, typename T, typename Absent>
  void operator()(const char *key,
                  lora_rt::DefaultedField<Rule, T, Absent> field) {
    if (field.value != T(field.absent))
      (*this)(key, field.rule);
  }
  template <typename T>
  void operator()(const char *key, const std::optional<T> &value) {
    if (value)
      (*this)(key, *value);
  }
  void operator()(const char *key, const std::vector<std::string> &list) {
    llvm::SmallVector<llvm::StringRef> texts(list.begin(), list.end());
    set(key, builder.getStrArrayAttr(texts));
  }
  void operator()(const char *key, const std::vector<int32_t> &list) {
    set(key, builder.getDenseI32ArrayAttr(list));
  }
  void operator()(const char *key, const std::vector<float> &list) {
    set(key, builder.getDenseF32ArrayAttr(list));
  }
  template <typename T>
  void operator()(const char *key, const std::vector<T> &list) {
    llvm::SmallVector<mlir::Attribute> attributes;
    for (const T &value : list)
      attributes.push_back(convert(builder.getContext(), value));
    set(key, builder.getArrayAttr(attributes));
  }
  template <typename T>
  requires requires(const T &value, FieldsToAttributes &visitor) {
    T::visitFields(value, visitor);
  }
  void operator()(const char *key, const T &value) {
    set(key, convert(builder.getContext(), value));
  }

private:
  explicit FieldsToAttributes(mlir::MLIRContext *context) : builder(context) {}

  void set(const char *key, mlir::Attribute value) { entries.set(key, value); }

  mlir::Builder builder;
  mlir::NamedAttrList entries;
};

/// Reads the fields of a struct from a dictionary. A field without a key has
/// the value that it has in a new struct.
class FieldsFromAttributes {
public:
  static constexpr bool isContract = false;

  template <typename T>
  static mlir::FailureOr<T> convert(mlir::DictionaryAttr dictionary,
                                    EmitError emitError) {
    T value;
    FieldsFromAttributes fields(dictionary, emitError);
    T::visitFields(value, fields);
    if (mlir::failed(fields.finish()))
      return mlir::failure();
    return value;
  }

  bool group(const char *key, bool &isPresent) {
    return isPresent = dictionary.contains(key);
  }

  void operator()(const char *key, std::string &value) {
    if (auto text = take<mlir::StringAttr>(key, "a text"))
      value = text.getValue().str();
  }
  void operator()(const char *key, lora_rt::DType &value) {
    auto text = take<mlir::StringAttr>(key, "an element type");
    if (!text)
      return;
    if (auto type = lora_rt::parseManifestName(text.getValue().str()))
      value = *type;
    else
      fail() << "unknown element type " << text << " for '" << key << "'";
  }
  void operator()(const char *key, lora_rt::FlagField<bool> field) {
    if (auto flag = take<mlir::BoolAttr>(key, "true or false"))
      field.value = flag.getValue();
  }
  void operator()(const char *key, lora_rt::PositiveField<double> field) {
    auto number = take<mlir::FloatAttr>(key, "a number above 0");
    if (!number)
      return;
    double value = number.getValueAsDouble();
    if (std::isfinite(value) && value > 0)
      field.value = value;
    else
      fail() << "expected a number above 0 for '" << key << "', but got "
             << number;
  }
  template <typename T>
  void operator()(const char *key, lora_rt::PositiveField<T> field) {
    integer(key, field.value, 1);
  }
  template <typename T>
  void operator()(const char *key, lora_rt::IndexField<T> field) {
    integer(key, field.value, 0);
  }
  template <typename T>
  void operator()(const char *key, lora_rt::IndexOrMinusOneField<T> field) {
    integer(key, field.value, -1);
  }
  template <typename T, size_t N>
  void operator()(const char *key, lora_rt::NamedField<T, N> field) {
    auto text = take<mlir::StringAttr>(key, "a text");
    if (!text)
      return;
    for (size_t i = 0; i < N; ++i)
      if (text.getValue() == field.names[i]) {
        field.value = T(i);
        return;
      }
    auto diagnostic = fail();
    diagnostic << "unknown value " << text << " for '" << key << "'; known: ";
    llvm::interleaveComma(field.names, diagnostic);
  }
  void operator()(const char *key, lora_rt::LayoutField<std::string> field) {
    (*this)(key, field.value);
  }
  template <typename Rule, typename T, typename Absent>
  void operator()(const char *key,
                  lora_rt::DefaultedField<Rule, T, Absent> field) {
    (*this)(key, field.rule);
  }
  template <typename T>
  void operator()(const char *key, std::optional<T> &value) {
    if (dictionary.contains(key))
      (*this)(key, value.emplace());
    else
      known.push_back(key);
  }
  void operator()(const char *key, std::vector<std::string> &list) {
    auto array = take<mlir::ArrayAttr>(key, "a list of texts");
    if (!array)
      return;
    for (mlir::Attribute element : array)
      if (auto text = llvm::dyn_cast<mlir::StringAttr>(element))
        list.push_back(text.getValue().str());
      else
        fail() << "expected a list of texts for '" << key << "', but got "
               << array;
  }
  void operator()(const char *key, std::vector<int32_t> &list) {
    if (auto array = take<mlir::DenseI32ArrayAttr>(key, "an array of i32"))
      list = array.asArrayRef().vec();
  }
  void operator()(const char *key, std::vector<float> &list) {
    auto array = take<mlir::DenseF32ArrayAttr>(key, "an array of f32");
    if (!array)
      return;
    list = array.asArrayRef().vec();
    if (!llvm::all_of(list, [](float one) { return std::isfinite(one); }))
      fail() << "expected finite numbers in '" << key << "'";
  }
  template <typename T> void operator()(const char *key, std::vector<T> &list) {
    auto array = take<mlir::ArrayAttr>(key, "a list");
    if (!array)
      return;
    for (mlir::Attribute element : array)
      nested(key, element, list.emplace_back());
  }
  template <typename T>
  requires requires(T &value, FieldsFromAttributes &visitor) {
    T::visitFields(value, visitor);
  }
  void operator()(const char *key, T &value) {
    known.push_back(key);
    if (mlir::Attribute attribute = dictionary.get(key))
      nested(key, attribute, value);
  }

private:
  FieldsFromAttributes(mlir::DictionaryAttr dictionary, EmitError emitError)
      : dictionary(dictionary), emitError(emitError) {}

  mlir::InFlightDiagnostic fail() {
    hasFailed = true;
    return emitError();
  }

  template <typename Attr> Attr take(const char *key, const char *expected) {
    known.push_back(key);
    mlir::Attribute value = dictionary.get(key);
    auto result = llvm::dyn_cast_or_null<Attr>(value);
    if (value && !result)
      fail() << "expected " << expected << " for '" << key << "', but got "
             << value;
    return result;
  }

  template <typename T> void integer(const char *key, T &value, int64_t least) {
    auto number = take<mlir::IntegerAttr>(key, "a whole number");
    if (!number)
      return;
    if (!number.getType().isSignlessInteger(64) || number.getInt() < least ||
        number.getInt() > int64_t(std::numeric_limits<T>::max() &
                                  std::numeric_limits<int64_t>::max()))
      fail() << "expected a whole number from " << least << " on for '" << key
             << "', but got " << number;
    else
      value = T(number.getInt());
  }

  template <typename T>
  void nested(const char *key, mlir::Attribute attribute, T &value) {
    auto inner = llvm::dyn_cast<mlir::DictionaryAttr>(attribute);
    if (!inner) {
      fail() << "expected a dictionary for '" << key << "', but got "
             << attribute;
      return;
    }
    if (auto result = convert<T>(inner, emitError); mlir::succeeded(result))
      value = std::move(*result);
    else
      hasFailed = true;
  }

  mlir::LogicalResult finish() {
    for (mlir::NamedAttribute entry : dictionary)
      if (!llvm::is_contained(known, entry.getName()) && !hasFailed) {
        auto diagnostic = fail();
        diagnostic << "unknown key '" << entry.getName().getValue()
                   << "'; known: ";
        llvm::interleaveComma(known, diagnostic);
      }
    return mlir::failure(hasFailed);
  }

  mlir::DictionaryAttr dictionary;
  EmitError emitError;
  llvm::SmallVector<llvm::StringRef> known;
  bool hasFailed = false;
};

} // namespace lora

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_FIELDATTRIBUTES_H
