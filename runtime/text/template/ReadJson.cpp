//===- ReadJson.cpp - The variables of a template -------------------------===//
//
// The text is parsed twice: once by the common reader, which checks all limits
// and describes what is wrong, and once into values, in the order of the text.
//
//===----------------------------------------------------------------------===//

#include "../../core/Json.h"
#include "Json.h"

namespace lora_rt::jinja {

namespace {

class Builder : public nlohmann::json_sax<lora_rt::Json> {
public:
  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override {
    return add(Value::integer(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > uint64_t(INT64_MAX))
      return refuse(std::to_string(value));
    return add(Value::integer(int64_t(value)));
  }
  bool number_float(number_float_t value, const string_t &text) override {
    // A whole number that is too large for the reader.
    if (text.find_first_of(".eE") == std::string::npos)
      return refuse(text);
    return add(Value::real(value));
  }
  bool string(string_t &value) override {
    return add(Value::text(std::move(value)));
  }
  bool binary(binary_t &) override { return false; }
  bool start_object(std::size_t) override {
    open.push_back({true, {}, "", Ref<Dict>(new Dict)});
    return true;
  }
  bool start_array(std::size_t) override {
    open.push_back({});
    return true;
  }
  bool key(string_t &name) override {
    open.back().key = std::move(name);
    return true;
  }
  bool end_object() override {
    Value value = Value::of(Kind::Dict, open.back().dict.get());
    open.pop_back();
    return add(std::move(value));
  }
  bool end_array() override {
    Value value = Value::list(std::move(open.back().items));
    open.pop_back();
    return add(std::move(value));
  }
  bool parse_error(std::size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return false;
  }

  Value root;
  std::string refused;

private:
  struct Level {
    bool isObject = false;
    std::vector<Value> items;
    std::string key;
    Ref<Dict> dict;
  };

  bool refuse(std::string number) {
    refused = std::move(number);
    return false;
  }
  bool add(Value value) {
    if (open.empty())
      root = std::move(value);
    else if (open.back().isObject)
      open.back().dict->set(open.back().key, std::move(value));
    else
      open.back().items.push_back(std::move(value));
    return true;
  }

  std::vector<Level> open;
};

} // namespace

Expected<Value> readJson(std::string_view text, const std::string &where) {
  if (auto checked = parseJson(text, where); !checked)
    return checked.takeError();
  Builder builder;
  if (!lora_rt::Json::sax_parse(text.begin(), text.end(), &builder))
    return makeError(ErrorCode::InvalidFile, where, ": the whole number ",
                     builder.refused, " does not fit 64 bits");
  return std::move(builder.root);
}

} // namespace lora_rt::jinja
