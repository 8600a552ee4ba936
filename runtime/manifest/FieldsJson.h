//===- FieldsJson.h - Structs of the contract as JSON -----------*- C++ -*-===//
//
// Visitors of lora-runtime/Fields.h. The reader takes any text: a key that is
// missing, not known, or of another type is an error that names the object. The
// writer's text, read again, gives an equal struct.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_MANIFEST_FIELDSJSON_H
#define LORA_RUNTIME_MANIFEST_FIELDSJSON_H

#include "../core/JsonFields.h"
#include "lora-runtime/Fields.h"

#include <limits>
#include <optional>

namespace lora_rt {

/// Reads the fields of a struct from an object.
class FieldsReader {
public:
  static constexpr bool isContract = false;

  /// `what` names the object in messages.
  FieldsReader(const Json &object, const std::string &what)
      : fields(object, what), what(what) {}

  template <typename T>
  static Error read(const Json &json, const std::string &what, T &result) {
    FieldsReader reader(json, what);
    T::visitFields(result, reader);
    return reader.fields.finish();
  }

  template <size_t N, typename T>
  void choose(const std::array<const char *, N> &names, T &choice) {
    for (size_t i = 0; i < N; ++i)
      if (fields.has(names[i])) {
        choice = T(i);
        return;
      }
    choice = T(N - 1);
  }
  bool group(const char *key, bool &isPresent) {
    return isPresent = fields.has(key);
  }

  void operator()(const char *key, std::string &value) {
    value = fields.text(key);
  }
  void operator()(const char *key, DType &value) { value = fields.type(key); }
  void operator()(const char *key, FlagField<bool> field) {
    field.value = fields.flag(key);
  }
  void operator()(const char *key, PositiveField<int64_t> field) {
    field.value = fields.size(key);
  }
  void operator()(const char *key, PositiveField<double> field) {
    field.value = fields.positive(key);
  }
  template <typename T> void operator()(const char *key, IndexField<T> field) {
    field.value = T(fields.index(key));
  }
  void operator()(const char *key, IndexOrMinusOneField<int32_t> field) {
    int64_t value = fields.indexOrMinusOne(key);
    if (value > std::numeric_limits<int32_t>::max())
      fields.fail("expected a number of 32 bits for '", key, "'");
    else
      field.value = int32_t(value);
  }
  template <typename T, size_t N>
  void operator()(const char *key, NamedField<T, N> field) {
    field.value = T(fields.choice(key, field.names));
  }
  void operator()(const char *key, ShapeField<std::vector<int64_t>> field) {
    field.value = fields.shape(key, field.hasWildcard);
  }
  void operator()(const char *key, LayoutField<std::string> field) {
    field.value = fields.layout(key);
  }
  template <typename Rule, typename T, typename Absent>
  void operator()(const char *key, DefaultedField<Rule, T, Absent> field) {
    if (fields.has(key))
      (*this)(key, field.rule);
    else
      field.value = field.absent;
  }
  template <typename T>
  void operator()(const char *key, std::optional<T> &value) {
    if (!fields.has(key))
      value.reset();
    else if constexpr (requires(T field) { T::visitFields(field, *this); })
      nested(*fields.take(key), key, value.emplace());
    else
      (*this)(key, value.emplace());
  }
  template <typename T> void operator()(const char *key, T &object) {
    static const Json empty;
    const Json *json = fields.take(key);
    nested(json ? *json : empty, key, object);
  }
  void operator()(const char *key, std::vector<std::string> &list) {
    for (const Json &text : fields.list(key)) {
      if (!text.is_string())
        return fields.fail("expected texts in '", key, "'");
      list.push_back(text.get<std::string>());
    }
  }
  void operator()(const char *key, std::vector<int32_t> &list) {
    for (const Json &id : fields.list(key)) {
      if (!isIndex(id) ||
          id.get<int64_t>() > std::numeric_limits<int32_t>::max())
        return fields.fail("expected token ids in '", key, "'");
      list.push_back(id.get<int32_t>());
    }
  }
  void operator()(const char *key, std::vector<float> &list) {
    list = fields.floats(key);
  }
  template <typename T> void operator()(const char *key, std::vector<T> &list) {
    for (const Json &json : fields.list(key))
      nested(json, key + ("[" + std::to_string(list.size()) + "]"),
             list.emplace_back());
  }

private:
  template <typename T>
  void nested(const Json &json, const std::string &name, T &object) {
    if (Error error = read(json, what + ": " + name, object))
      fields.adopt(std::move(error));
  }

  Fields fields;
  std::string what;
};

/// Writes the fields of a struct into an object, in their order.
class FieldsWriter {
public:
  static constexpr bool isContract = false;

  template <typename T> static OrderedJson write(const T &value) {
    FieldsWriter writer;
    T::visitFields(value, writer);
    return std::move(writer.object);
  }
  template <typename T> static std::string print(const T &value) {
    return write(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  template <size_t N, typename T>
  void choose(const std::array<const char *, N> &, const T &) {}
  bool group(const char *, bool isPresent) { return isPresent; }

  void operator()(const char *key, const std::string &value) {
    object[key] = value;
  }
  void operator()(const char *key, const DType &value) {
    object[key] = manifestName(value);
  }
  void operator()(const char *key, FlagField<const bool> field) {
    if (field.value)
      object[key] = true;
  }
  template <typename T>
  void operator()(const char *key, PositiveField<T> field) {
    object[key] = field.value;
  }
  template <typename T> void operator()(const char *key, IndexField<T> field) {
    object[key] = field.value;
  }
  template <typename T>
  void operator()(const char *key, IndexOrMinusOneField<T> field) {
    object[key] = field.value;
  }
  template <typename T, size_t N>
  void operator()(const char *key, NamedField<T, N> field) {
    object[key] = field.names[size_t(field.value)];
  }
  template <typename T> void operator()(const char *key, ShapeField<T> field) {
    object[key] = field.value;
  }
  void operator()(const char *key, LayoutField<const std::string> field) {
    object[key] = {{"scheme", "plain"}};
    if (!field.value.empty() && field.value != "plain")
      object[key] = {{"scheme", "onednn"}, {"tag", field.value}};
  }
  template <typename Rule, typename T, typename Absent>
  void operator()(const char *key, DefaultedField<Rule, T, Absent> field) {
    if (field.value != T(field.absent))
      (*this)(key, field.rule);
  }
  template <typename T>
  void operator()(const char *key, const std::optional<T> &value) {
    if (value)
      (*this)(key, *value);
  }
  template <typename T> void operator()(const char *key, const T &value) {
    if constexpr (requires { T::visitFields(value, *this); })
      object[key] = write(value);
    else
      object[key] = value;
  }
  template <typename T>
  void operator()(const char *key, const std::vector<T> &list) {
    object[key] = OrderedJson::array();
    for (const T &value : list)
      if constexpr (requires { T::visitFields(value, *this); })
        object[key].push_back(write(value));
      else
        object[key].push_back(value);
  }

private:
  OrderedJson object = OrderedJson::object();
};

} // namespace lora_rt

#endif // LORA_RUNTIME_MANIFEST_FIELDSJSON_H
