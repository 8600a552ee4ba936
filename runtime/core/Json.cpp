//===- Json.cpp - JSON texts with limits ----------------------------------===//
//
// The library parses; this file builds the value, and stops at the first thing
// that is refused. So memory and time for a text of N bytes are bounded before
// they are used.
//
//===----------------------------------------------------------------------===//

#include "JsonParts.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace lora_rt {

namespace {

/// The position of a byte as "line 3, column 14". Both count from 1; a column
/// is a byte.
std::string placeOf(std::string_view text, size_t position) {
  std::string_view before = text.substr(0, std::min(position, text.size()));
  size_t line = size_t(std::count(before.begin(), before.end(), '\n')) + 1;
  size_t start = before.rfind('\n');
  size_t column =
      before.size() - (start == std::string_view::npos ? 0 : start + 1);
  return "line " + std::to_string(line) + ", column " +
         std::to_string(std::max<size_t>(column, 1));
}

/// Builds a value from the events of the library's parser. A callback that
/// returns false ends the parse.
class Builder : public nlohmann::json_sax<Json> {
public:
  Builder(std::string_view text, const std::string &where,
          std::span<const JsonPart> parts)
      : text(text), where(where), parts(parts) {}

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return add(value);
  }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return refuse("holds binary values"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    if (isInPart()) {
      elementKey = std::move(name);
      return true;
    }
    if (!parts.empty() && !part) {
      path.resize(nesting.size() - 1);
      path.push_back(name);
    }
    auto *object = nesting.back()->get_ptr<Json::object_t *>();
    auto [place, isNew] = object->emplace(name, Json());
    if (!isNew)
      return refuse("the key '", name, "' stands twice in one JSON object");
    member = &place->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    std::string contents = describeContents(text);
    if (contents.empty())
      contents = "the file is damaged or incomplete";
    return refuse("not valid JSON at ", placeOf(text, position), "; ",
                  contents);
  }

  Expected<Json> take() {
    if (error)
      return std::move(error);
    return std::move(root);
  }

private:
  template <typename... Parts> bool refuse(const Parts &...parts) {
    error = makeError(ErrorCode::InvalidFile, where, ": ", parts...);
    return false;
  }

  /// Puts a value at the next place; returns nullptr if there are too many
  /// values.
  Json *put(Json &&value) {
    if (size_t most = part ? maxJsonPartValues : maxJsonValues;
        ++(part ? partValues : values) > most) {
      (void)refuse("more than ", most, " values in one JSON text");
      return nullptr;
    }
    if (isInPart()) {
      element = std::move(value);
      return &element;
    }
    if (nesting.empty()) {
      root = std::move(value);
      return &root;
    }
    if (nesting.back()->is_object()) {
      *member = std::move(value);
      return member;
    }
    auto *array = nesting.back()->get_ptr<Json::array_t *>();
    // Elements of the open lists do not move, because only the innermost list
    // grows.
    return &array->emplace_back(std::move(value));
  }

  bool add(Json &&value) {
    return put(std::move(value)) && (!isInPart() || giveElement());
  }

  bool open(Json &&value) {
    if (nesting.size() == maxJsonDepth)
      return refuse("JSON nested deeper than ", maxJsonDepth, " levels");
    Json *place = put(std::move(value));
    if (!place)
      return false;
    nesting.push_back(place);
    if (!part)
      for (const JsonPart &one : parts)
        if (one.path.size() + 1 == nesting.size() && one.path == path &&
            nesting[nesting.size() - 2]->is_object()) {
          part = &one;
          partDepth = nesting.size();
        }
    return true;
  }

  bool close() {
    bool endsPart = isInPart();
    nesting.pop_back();
    if (endsPart)
      part = nullptr;
    return !isInPart() || giveElement();
  }

  /// Whether the innermost list or object is a part.
  bool isInPart() const { return part && nesting.size() == partDepth; }

  bool giveElement() {
    error = part->take(std::move(elementKey), std::move(element));
    elementKey.clear();
    return !error;
  }

  std::string_view text;
  const std::string &where;
  Json root;
  /// The lists and objects that are open, outermost first.
  std::vector<Json *> nesting;
  /// The place for the value of the last key.
  Json *member = nullptr;
  size_t values = 0;
  Error error;

  std::span<const JsonPart> parts;
  /// The keys of the open objects, as far as they can lead to a part.
  std::vector<std::string> path;
  /// The part that is open, and the number of lists and objects up to it.
  const JsonPart *part = nullptr;
  size_t partDepth = 0, partValues = 0;
  std::string elementKey;
  Json element;
};

} // namespace

Expected<Json> parseJson(std::string_view text, const std::string &where) {
  return parseJson(text, where, {});
}

Expected<Json> parseJson(std::string_view text, const std::string &where,
                         std::span<const JsonPart> parts) {
  if (text.size() > maxJsonBytes)
    return makeError(ErrorCode::InvalidFile, where, ": more than ",
                     maxJsonBytes, " bytes in one JSON text");
  // The library takes a zero byte as the end of the text, and would ignore what
  // follows.
  if (size_t zero = text.find('\0'); zero != std::string_view::npos)
    return makeError(ErrorCode::InvalidFile, where, ": not valid JSON at ",
                     placeOf(text, zero + 1),
                     "; the file is damaged or incomplete");
  Builder builder(text, where, parts);
  // The builder keeps the error.
  (void)Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Expected<Json> readJsonFile(const std::string &path, uint64_t limit) {
  Expected<std::string> text = readTextFile(path, limit);
  if (!text)
    return text.takeError();
  return parseJson(*text, path);
}

bool isIndex(const Json &value) {
  return value.is_number_unsigned() &&
         value.get<uint64_t>() <= uint64_t(std::numeric_limits<int64_t>::max());
}

} // namespace lora_rt
