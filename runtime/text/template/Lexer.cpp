//===- Lexer.cpp - Tokens and white space ---------------------------------===//
//
// Implements Lexer.h. Line ends become \n, and one at the end of the template
// is left out. In a tag, `-` removes all white space beside it, and `+` keeps
// it. White space is what Python takes for it.
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"
#include "../Unicode.h"
#include "Literals.h"

#include <algorithm>

namespace lora_rt::jinja {

bool isPythonSpace(char32_t c) {
  return text::isWhitespace(c) || (c >= 0x1c && c <= 0x1f);
}

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Line ends as \n, without one at the end.
std::string normalizeLines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i)
    if (source[i] != '\r')
      out += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      out += '\n';
  if (!out.empty() && out.back() == '\n')
    out.pop_back();
  return out;
}

class Lexer {
public:
  Lexer(std::string_view source, const std::string &where)
      : text(source), where(where) {}

  Expected<std::vector<Token>> run();

private:
  enum class Tag { None, Variable, Comment, Block, Raw };

  char at(size_t i) const { return i < text.size() ? text[i] : '\0'; }
  bool startsWith(size_t i, std::string_view part) const {
    return text.substr(std::min(i, text.size())).starts_with(part);
  }
  size_t skipSpace(size_t i) const;
  template <typename... Parts> bool fail(const Parts &...parts) {
    error = makeError(ErrorCode::InvalidFile, where, ": line ", line, ": ",
                      parts...);
    return false;
  }
  Token &add(TokenKind kind) {
    tokens.push_back({kind, line, "", 0, 0});
    return tokens.back();
  }
  /// Moves to `to`, counting lines.
  void move(size_t to) {
    line +=
        uint32_t(std::count(text.begin() + position, text.begin() + to, '\n'));
    if (to > position)
      isLineStart = text[to - 1] == '\n';
    position = to;
  }

  void addData(size_t end, char sign, bool isVariable);
  Tag findTag(size_t &begin, size_t &end, char &sign) const;
  size_t rawEnd(size_t begin, char &sign) const;
  bool lexComment();
  bool lexRaw();
  bool lexTag(bool isVariable);
  bool lexTagEnd(bool isVariable, bool &isEnd);
  bool lexNumber(bool &isNumber);
  bool lexString();
  bool lexName();
  bool lexSymbol();

  std::string_view text;
  const std::string &where;
  size_t position = 0;
  uint32_t line = 1;
  /// Whether the part before ended with a line end.
  bool isLineStart = true;
  /// The brackets that are open.
  std::string open;
  std::vector<Token> tokens;
  Error error;
};

size_t Lexer::skipSpace(size_t i) const {
  while (i < text.size()) {
    size_t next = i;
    if (!isPythonSpace(text::nextCharacter(text, next)))
      break;
    i = next;
  }
  return i;
}

/// The end of the tag that begins a raw block, or npos.
size_t Lexer::rawEnd(size_t begin, char &sign) const {
  size_t i = begin + 2;
  sign = at(i) == '-' || at(i) == '+' ? at(i) : '\0';
  i = skipSpace(i + (sign != '\0'));
  if (!startsWith(i, "raw"))
    return std::string_view::npos;
  i = skipSpace(i + 3);
  if (startsWith(i, "-%}"))
    return skipSpace(i + 3);
  return startsWith(i, "%}") ? i + 2 : std::string_view::npos;
}

/// The next tag from the position on: where it begins and where its first part
/// ends.
Lexer::Tag Lexer::findTag(size_t &begin, size_t &end, char &sign) const {
  for (begin = position;; ++begin) {
    begin = text.find('{', begin);
    if (begin == std::string_view::npos)
      return Tag::None;
    char second = at(begin + 1);
    if (second != '{' && second != '#' && second != '%')
      continue;
    if (second == '%') {
      end = rawEnd(begin, sign);
      if (end != std::string_view::npos)
        return Tag::Raw;
    }
    end = begin + 2;
    sign = at(end) == '-' || at(end) == '+' ? at(end) : '\0';
    end += sign != '\0';
    return second == '{'   ? Tag::Variable
           : second == '#' ? Tag::Comment
                           : Tag::Block;
  }
}

/// Adds the text up to a tag, without the white space that the tag removes.
void Lexer::addData(size_t end, char sign, bool isVariable) {
  std::string_view data = text.substr(position, end - position);
  if (sign == '-') {
    while (!data.empty()) {
      size_t last = data.size();
      if (!isPythonSpace(text::previousCharacter(data, last)))
        break;
      data = data.substr(0, last);
    }
  } else if (sign != '+' && !isVariable) {
    size_t start = data.rfind('\n') + 1;
    if ((start > 0 || isLineStart) && start < data.size() &&
        skipSpace(position + start) >= end)
      data = data.substr(0, start);
  }
  if (!data.empty())
    add(TokenKind::Data).text = data;
}

bool Lexer::lexComment() {
  for (size_t i = position;; ++i) {
    i = text.find('#', i);
    if (i == std::string_view::npos)
      return position == text.size() || fail("a comment has no end '#}'");
    if (at(i + 1) != '}')
      continue;
    char sign = i > position ? text[i - 1] : '\0';
    size_t end = i + 2;
    if (sign == '-')
      end = skipSpace(end);
    else if (sign != '+' && at(end) == '\n')
      ++end;
    move(end);
    return true;
  }
}

bool Lexer::lexRaw() {
  for (size_t begin = position;; ++begin) {
    begin = text.find("{%", begin);
    if (begin == std::string_view::npos)
      return position == text.size() ||
             fail("a raw block has no end '{% endraw %}'");
    size_t i = begin + 2;
    char sign = at(i) == '-' || at(i) == '+' ? at(i) : '\0';
    i = skipSpace(i + (sign != '\0'));
    if (!startsWith(i, "endraw"))
      continue;
    i = skipSpace(i + 6);
    size_t end;
    if (startsWith(i, "-%}"))
      end = skipSpace(i + 3);
    else if (startsWith(i, "+%}"))
      end = i + 3;
    else if (startsWith(i, "%}"))
      end = i + 2 + (at(i + 2) == '\n');
    else
      continue;
    addData(begin, sign, false);
    move(end);
    return true;
  }
}

/// The end of a tag, if no bracket is open.
bool Lexer::lexTagEnd(bool isVariable, bool &isEnd) {
  isEnd = false;
  if (!open.empty())
    return true;
  std::string_view mark = isVariable ? "}}" : "%}";
  char sign = at(position);
  size_t i = position + (sign == '-' || (sign == '+' && !isVariable));
  if (!startsWith(i, mark))
    return true;
  size_t end = i + 2;
  if (sign == '-')
    end = skipSpace(end);
  else if (sign != '+' && !isVariable && at(end) == '\n')
    ++end;
  add(isVariable ? TokenKind::VariableEnd : TokenKind::BlockEnd);
  move(end);
  isEnd = true;
  return true;
}

bool Lexer::lexNumber(bool &isNumber) {
  isNumber = isDigit(at(position));
  if (!isNumber)
    return true;
  NumberLiteral number;
  std::string problem;
  if (!readNumber(text, position, number, problem))
    return fail(problem);
  Token &token = add(number.isReal ? TokenKind::Float : TokenKind::Integer);
  token.integer = number.whole;
  token.real = number.real;
  move(number.end);
  return true;
}

bool Lexer::lexString() {
  char quote = text[position];
  size_t end = position + 1;
  while (end < text.size() && text[end] != quote)
    end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size())
    return fail("a string that begins with ", quote, " has no end");
  std::string value, problem;
  if (!unescape(text.substr(position + 1, end - position - 1), value, problem))
    return fail(problem);
  add(TokenKind::String).text = std::move(value);
  move(end + 1);
  return true;
}

bool Lexer::lexName() {
  size_t end = position;
  bool isFirst = true;
  while (end < text.size()) {
    size_t next = end;
    char32_t c = text::nextCharacter(text, next);
    if (!text::isWord(c))
      break;
    if (isFirst && (text::isNumeric(c) || text::isMark(c)))
      return fail("a name cannot begin with '", text.substr(end, next - end),
                  "'");
    isFirst = false;
    end = next;
  }
  if (end == position)
    return lexSymbol();
  add(TokenKind::Name).text = text.substr(position, end - position);
  move(end);
  return true;
}

bool Lexer::lexSymbol() {
  static constexpr std::string_view symbols[] = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (std::string_view symbol : symbols) {
    if (!startsWith(position, symbol))
      continue;
    char c = symbol[0];
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty())
        return fail("unexpected '", c, "'");
      if (open.back() != c)
        return fail("unexpected '", c, "', expected '", open.back(), "'");
      open.pop_back();
    }
    add(TokenKind::Symbol).text = symbol;
    move(position + symbol.size());
    return true;
  }
  size_t next = position;
  text::nextCharacter(text, next);
  return fail("unexpected character '", text.substr(position, next - position),
              "' in a tag");
}

bool Lexer::lexTag(bool isVariable) {
  open.clear();
  while (true) {
    bool isDone = false;
    if (!lexTagEnd(isVariable, isDone))
      return false;
    if (isDone || position == text.size())
      return true;
    if (size_t next = skipSpace(position); next != position) {
      move(next);
      continue;
    }
    if (!lexNumber(isDone))
      return false;
    if (isDone)
      continue;
    char c = text[position];
    if (!(c == '"' || c == '\'' ? lexString() : lexName()))
      return false;
  }
}

Expected<std::vector<Token>> Lexer::run() {
  bool isFine = true;
  while (isFine && position < text.size()) {
    size_t begin, end;
    char sign;
    Tag tag = findTag(begin, end, sign);
    if (tag == Tag::None) {
      add(TokenKind::Data).text = text.substr(position);
      move(text.size());
      break;
    }
    addData(begin, sign, tag == Tag::Variable);
    move(begin);
    if (tag == Tag::Variable || tag == Tag::Block)
      add(tag == Tag::Variable ? TokenKind::VariableBegin
                               : TokenKind::BlockBegin);
    move(end);
    isFine = tag == Tag::Comment ? lexComment()
             : tag == Tag::Raw   ? lexRaw()
                                 : lexTag(tag == Tag::Variable);
  }
  if (!isFine)
    return std::move(error);
  add(TokenKind::End);
  return std::move(tokens);
}

} // namespace

Expected<std::vector<Token>> tokenize(std::string_view source,
                                      const std::string &where) {
  std::string lines = normalizeLines(source);
  return Lexer(lines, where).run();
}

std::string describe(const Token &token) {
  switch (token.kind) {
  case TokenKind::End:
    return "the end of the template";
  case TokenKind::Data:
    return "text";
  case TokenKind::VariableBegin:
    return "'{{'";
  case TokenKind::VariableEnd:
    return "'}}'";
  case TokenKind::BlockBegin:
    return "'{%'";
  case TokenKind::BlockEnd:
    return "'%}'";
  case TokenKind::String:
    return "a string";
  case TokenKind::Integer:
  case TokenKind::Float:
    return "a number";
  default:
    return "'" + token.text + "'";
  }
}

} // namespace lora_rt::jinja
