//===- WriteJson.cpp - The filter tojson ----------------------------------===//
//
// Implements `writeJson` as Python's json.dumps(). NaN and Infinity are
// written, and nothing is escaped for HTML. A key may be a string, None, a bool
// or a number. Undefined values and functions are refused.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Filters.h"
#include "Json.h"
#include "PythonFormat.h"

#include <cmath>
#include <cstdio>

namespace lora_rt::jinja {

namespace {

class Writer {
public:
  Writer(Runtime &runtime, const JsonFormat &format, std::string &out)
      : runtime(runtime), format(format), out(out) {}

  bool write(const Value &value, int depth);

private:
  void writeString(std::string_view text);
  void writeFloat(double value);
  void newLine(int depth) {
    if (!format.isIndented)
      return;
    out += '\n';
    for (int i = 0; i < depth; ++i)
      out += format.indent;
  }
  bool writeList(const std::vector<Value> &items, int depth);
  bool writeDict(const Dict &dict, int depth);
  bool keyOf(const Value &key, std::string &text);

  Runtime &runtime;
  const JsonFormat &format;
  std::string &out;
};

void Writer::writeString(std::string_view text) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    char32_t c = text::nextCharacter(text, at);
    static constexpr std::string_view marks = "\"\\\n\r\t\f\b";
    static constexpr std::string_view letters = "\"\\nrtfb";
    size_t mark = c < 0x80 ? marks.find(char(c)) : marks.npos;
    char buffer[16];
    if (mark != marks.npos) {
      out += '\\';
      out += letters[mark];
    } else if (c < 0x20 ||
               (format.isAscii && c >= 0x7f && c < 0x10000 && c != 0x7f)) {
      std::snprintf(buffer, sizeof buffer, "\\u%04x", unsigned(c));
      out += buffer;
    } else if (format.isAscii && c >= 0x10000) {
      unsigned rest = unsigned(c) - 0x10000;
      std::snprintf(buffer, sizeof buffer, "\\u%04x\\u%04x",
                    0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
      out += buffer;
    } else {
      out.append(text, begin, at - begin);
    }
  }
  out += '"';
}

void Writer::writeFloat(double value) {
  out += std::isnan(value)   ? "NaN"
         : std::isinf(value) ? (value < 0 ? "-Infinity" : "Infinity")
                             : representFloat(value);
}

bool Writer::writeList(const std::vector<Value> &items, int depth) {
  if (items.empty()) {
    out += "[]";
    return true;
  }
  out += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i)
      out += format.itemSeparator;
    newLine(depth + 1);
    if (!write(items[i], depth + 1))
      return false;
  }
  newLine(depth);
  out += ']';
  return true;
}

bool Writer::keyOf(const Value &key, std::string &text) {
  switch (key.kind()) {
  case Kind::String:
    text = key.string();
    return true;
  case Kind::None:
    text = "null";
    return true;
  case Kind::Bool:
    text = key.integer() ? "true" : "false";
    return true;
  case Kind::Int:
    text = std::to_string(key.integer());
    return true;
  case Kind::Float: {
    std::string number;
    Writer(runtime, format, number).writeFloat(key.number());
    text = std::move(number);
    return true;
  }
  default:
    (void)runtime.fail("tojson() cannot write a ", typeName(key),
                       " as the key of an object");
    return false;
  }
}

bool Writer::writeDict(const Dict &dict, int depth) {
  if (dict.entries.empty()) {
    out += "{}";
    return true;
  }
  std::vector<std::pair<Value, Value>> entries = dict.entries;
  if (format.sortsKeys && !sortByKeys(runtime, entries, false))
    return false;
  out += '{';
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i)
      out += format.itemSeparator;
    newLine(depth + 1);
    std::string key;
    if (!keyOf(entries[i].first, key))
      return false;
    writeString(key);
    out += format.keySeparator;
    if (!write(entries[i].second, depth + 1))
      return false;
  }
  newLine(depth);
  out += '}';
  return true;
}

bool Writer::write(const Value &value, int depth) {
  if (!runtime.step() || !runtime.hasRoom(out.size()))
    return false;
  if (depth > maxNesting) {
    (void)runtime.fail("values in one another are too deep for tojson()");
    return false;
  }
  switch (value.kind()) {
  case Kind::None:
    out += "null";
    return true;
  case Kind::Bool:
    out += value.integer() ? "true" : "false";
    return true;
  case Kind::Int:
    out += std::to_string(value.integer());
    return true;
  case Kind::Float:
    writeFloat(value.number());
    return true;
  case Kind::String:
    // A byte becomes six of them at most, because control characters
    // are written with their numbers.
    if (!runtime.canGrow(out, 2 * 6 * value.string().size()) ||
        !runtime.step(value.string().size() / 16))
      return false;
    writeString(value.string());
    return true;
  case Kind::List:
  case Kind::Tuple:
    return writeList(value.items(), depth);
  case Kind::Dict:
    return writeDict(value.dict(), depth);
  case Kind::Undefined:
    (void)runtime.fail("tojson() of an undefined value: ",
                       value.undefined().message);
    return false;
  default:
    (void)runtime.fail("tojson() cannot write a ", typeName(value));
    return false;
  }
}

} // namespace

bool writeJson(Runtime &runtime, const Value &value, const JsonFormat &format,
               std::string &out) {
  return Writer(runtime, format, out).write(value, 0);
}

} // namespace lora_rt::jinja
