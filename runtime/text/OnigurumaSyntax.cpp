//===- OnigurumaSyntax.cpp - Ruby's regular expressions for PCRE2 ---------===//
//
// Constructs with the same meaning in both syntaxes are copied. Others are
// rewritten: \s, \w, \d, \h, \b and POSIX names, whose sets differ; scripts,
// which are script extensions in PCRE2; nested classes, and their intersections
// with &&; {n,m}+ and {n}?, which have other meanings; {,n}; (?m), which is
// (?s). Unknown escapes and groups are refused.
//
//===----------------------------------------------------------------------===//

#include "Regex.h"

#include <cctype>
#include <optional>

namespace lora_rt::text {

namespace {

constexpr std::string_view wordSet = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
/// Six characters of Latin-1 are words for \w, \b and \p{Word}, and are none
/// for the same in a class, as in Oniguruma.
constexpr std::string_view outerWordSet =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view hexSet = "0-9a-fA-F";
constexpr int maxNesting = 50;

/// The sets of POSIX brackets and \p{...} by name, as the inside of a class.
std::string_view namedSet(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> sets[] = {
      {"alpha", "\\p{Alphabetic}"},
      {"alnum", "\\p{Alphabetic}\\p{Nd}"},
      {"digit", "\\p{Nd}"},
      {"space", "\\p{White_Space}"},
      {"blank", "\\p{Zs}\\t"},
      {"upper", "\\p{Uppercase}"},
      {"lower", "\\p{Lowercase}"},
      {"punct", "\\p{P}$+<=>^`|~"},
      {"cntrl", "\\p{Cc}"},
      {"xdigit", hexSet},
      {"word", wordSet},
      {"ascii", "\\x00-\\x7f"},
      {"any", "\\x{0}-\\x{10ffff}"},
      {"letter", "\\p{L}"},
      {"mark", "\\p{M}"},
      {"number", "\\p{N}"},
      {"punctuation", "\\p{P}"},
      {"symbol", "\\p{S}"},
      {"separator", "\\p{Z}"},
      {"other", "\\p{C}"},
  };
  for (const auto &[known, set] : sets)
    if (name == known)
      return set;
  return {};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// An item of a class: an item of a PCRE2 class, or a separate expression that
/// matches one character.
struct Item {
  std::string set;
  std::string expression;
};

class Translator {
public:
  Translator(std::string_view in, const std::string &where)
      : in(in), where(where) {}

  Expected<std::string> run() {
    if (in.size() > maxExpressionBytes)
      return makeError(ErrorCode::InvalidFile, where,
                       ": a regular expression of more than ",
                       maxExpressionBytes, " bytes");
    while (at < in.size() && !error)
      next();
    if (error)
      return std::move(error);
    return std::move(out);
  }

private:
  std::string_view in;
  const std::string &where;
  std::string out;
  size_t at = 0;
  /// The beginning, in `out`, of the last item that can be repeated.
  std::optional<size_t> atom;
  std::vector<size_t> groups;
  int nesting = 0;
  Error error;

  void refuse(std::string_view what) {
    if (!error)
      error =
          makeError(ErrorCode::InvalidFile, where, ": '", in,
                    "' is a regular expression that is not supported: ", what);
  }

  bool startsWith(std::string_view text) const {
    return in.substr(at).starts_with(text);
  }

  void emit(std::string_view text) {
    atom = out.size();
    out += text;
  }

  /// The character at `at`, escaped so that it has no special meaning.
  std::string takeLiteral() {
    size_t begin = at;
    nextCharacter(in, at);
    return std::string(in.substr(begin, at - begin));
  }

  void next() {
    char c = in[at];
    switch (c) {
    case '\\':
      return escape();
    case '[': {
      ++at;
      Item item = bracket();
      return emit(item.expression.empty() ? "[" + item.set + "]"
                                          : item.expression);
    }
    case '(':
      return openGroup();
    case ')':
      ++at;
      if (groups.empty())
        return refuse("a ')' without its '('");
      out += ')';
      atom = groups.back();
      groups.pop_back();
      return;
    case '|':
    case '^':
    case '$':
      ++at;
      out += c;
      atom.reset();
      return;
    case '*':
    case '+':
    case '?':
    case '{':
      return quantifier();
    default:
      return emit(takeLiteral());
    }
  }

  /// {n}, {n,}, {,m} or {n,m} at `at`: its text for PCRE2, and the bytes of it.
  std::string interval(size_t &bytes, bool &isExact) const {
    size_t i = at + 1;
    auto digits = [&] {
      size_t begin = i;
      while (i < in.size() && std::isdigit(static_cast<unsigned char>(in[i])))
        ++i;
      return std::string(in.substr(begin, i - begin));
    };
    std::string low = digits(), high;
    isExact = true;
    if (i < in.size() && in[i] == ',') {
      isExact = false;
      ++i;
      high = digits();
      if (low.empty() && high.empty())
        return "";
    }
    if (i >= in.size() || in[i] != '}' || (isExact && low.empty()))
      return "";
    bytes = i + 1 - at;
    return "{" + (low.empty() ? "0" : low) + (isExact ? "" : "," + high) + "}";
  }

  void quantifier() {
    std::string text(1, in[at]);
    size_t bytes = 1;
    bool isInterval = in[at] == '{', isExact = false;
    if (isInterval) {
      text = interval(bytes, isExact);
      if (text.empty()) {
        ++at;
        return emit("\\{");
      }
    }
    if (!atom)
      return refuse("nothing in front of '" + text + "'");
    at += bytes;
    char suffix = at < in.size() ? in[at] : '\0';
    bool isLazy = suffix == '?' && !(isInterval && isExact);
    bool isPossessive = suffix == '+' && !isInterval;
    if (isLazy || isPossessive) {
      text += suffix;
      ++at;
    }
    out += text;
    // A repetition of a repetition: PCRE2 would take it for a suffix.
    if (at < in.size() &&
        std::string_view("*+?{").find(in[at]) != std::string_view::npos) {
      out.insert(*atom, "(?:");
      out += ')';
    } else {
      // In this form it cannot be repeated again.
      size_t keep = *atom;
      atom = keep;
    }
  }

  void openGroup() {
    size_t begin = out.size();
    if (startsWith("(*"))
      return refuse("nothing in front of '*'");
    if (startsWith("(?#")) {
      size_t end = in.find(')', at);
      if (end == std::string_view::npos)
        return refuse("a comment without an end");
      at = end + 1;
      return;
    }
    if (groups.size() >= size_t(maxNesting))
      return refuse("groups nested too deeply");
    if (!startsWith("(?")) {
      ++at;
      out += '(';
      groups.push_back(begin);
      atom.reset();
      return;
    }
    for (std::string_view start : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"})
      if (startsWith(start)) {
        at += start.size();
        out += start;
        groups.push_back(begin);
        atom.reset();
        return;
      }
    if (startsWith("(?<") || startsWith("(?'")) {
      out += in.substr(at, 3);
      at += 3;
      groups.push_back(begin);
      atom.reset();
      // The name and its end.
      while (
          at < in.size() &&
          (std::isalnum(static_cast<unsigned char>(in[at])) || in[at] == '_'))
        out += in[at++];
      if (at < in.size())
        out += in[at++];
      return;
    }
    // Options: i, and m, with which a dot is a line end, too.
    size_t i = at + 2;
    std::string options = "(?";
    for (; i < in.size() && in[i] != ':' && in[i] != ')'; ++i) {
      if (in[i] == 'i' || in[i] == '-')
        options += in[i];
      else if (in[i] == 'm')
        options += 's';
      else
        return refuse("the group '" + std::string(in.substr(at, i + 1 - at)) +
                      "'");
    }
    if (i == in.size())
      return refuse("a '(' without its ')'");
    out += options + in[i];
    at = i + 1;
    if (in[i] == ':')
      groups.push_back(begin);
    atom.reset();
  }

  /// What \w means here.
  std::string_view words() const { return nesting ? wordSet : outerWordSet; }

  /// \p{...} or \P{...}, `at` behind the p.
  Item property(bool isNegated) {
    if (at >= in.size() || in[at] != '{')
      return refuse("a property without braces"), Item();
    size_t end = in.find('}', at);
    if (end == std::string_view::npos)
      return refuse("a property without an end"), Item();
    std::string_view name = in.substr(at + 1, end - at - 1);
    at = end + 1;
    if (name.starts_with('^')) {
      isNegated = !isNegated;
      name.remove_prefix(1);
    }
    std::string known;
    bool isPlain = !name.empty();
    for (char c : name)
      isPlain &= std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                 c == ' ' || c == '-';
    if (std::string_view set = namedSet(lower(name)); !set.empty()) {
      if (set == wordSet)
        set = words();
      if (isNegated)
        return {"", "[^" + std::string(set) + "]"};
      return {std::string(set), ""};
    }
    if (isPlain && isKnownProperty("sc:" + std::string(name)))
      known = "sc:" + std::string(name);
    else if (isPlain && isKnownProperty(name))
      known = name;
    else
      return refuse("the property '" + std::string(name) + "'"), Item();
    return {(isNegated ? "\\P{" : "\\p{") + known + "}", ""};
  }

  /// An escape that means the same inside of a class and outside: a set of
  /// characters, or one. `at` is after the backslash.
  Item commonEscape() {
    char c = in[at];
    if (!std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80)) {
      std::string text = takeLiteral();
      bool isAscii = text.size() == 1;
      return {isAscii ? "\\" + text : text, ""};
    }
    ++at;
    auto set = [](std::string_view positive, bool isNegated) {
      if (isNegated)
        return Item{"", "[^" + std::string(positive) + "]"};
      return Item{std::string(positive), ""};
    };
    switch (c) {
    case 'd':
      return {"\\p{Nd}", ""};
    case 'D':
      return {"\\P{Nd}", ""};
    case 's':
      return {"\\p{White_Space}", ""};
    case 'S':
      return {"\\P{White_Space}", ""};
    case 'w':
    case 'W':
      return set(words(), c == 'W');
    case 'h':
    case 'H':
      return set(hexSet, c == 'H');
    case 'p':
    case 'P':
      return property(c == 'P');
    case 'n':
    case 't':
    case 'r':
    case 'f':
      return {std::string("\\") + c, ""};
    case 'v':
      return {"\\x0b", ""};
    case 'a':
      return {"\\x07", ""};
    case 'e':
      return {"\\x1b", ""};
    case 'u':
      return character(4);
    case 'x':
      if (at < in.size() && in[at] == '{') {
        size_t end = in.find('}', at);
        if (end == std::string_view::npos || end - at > 9 || end == at + 1)
          return refuse("a number of a character without an end"), Item();
        std::string digits(in.substr(at + 1, end - at - 1));
        at = end + 1;
        return checkedCharacter(digits);
      }
      return character(2);
    case '0':
      return {"\\x00", ""};
    default:
      return refuse(std::string("the escape \\") + c), Item();
    }
  }

  Item character(size_t digits) {
    size_t begin = at;
    while (at < in.size() && at - begin < digits &&
           std::isxdigit(static_cast<unsigned char>(in[at])))
      ++at;
    if (at - begin != digits)
      return refuse("a number of a character that is too short"), Item();
    // \x80 and above are bytes of an encoding there.
    if (digits == 2 && in[begin] >= '8')
      return refuse("a byte that is no character"), Item();
    return checkedCharacter(std::string(in.substr(begin, digits)));
  }

  Item checkedCharacter(const std::string &digits) {
    for (char c : digits)
      if (!std::isxdigit(static_cast<unsigned char>(c)))
        return refuse("a number of a character that is none"), Item();
    return {"\\x{" + digits + "}", ""};
  }

  void escape() {
    ++at;
    if (at == in.size())
      return refuse("it ends in a backslash");
    char c = in[at];
    std::string word = "[" + std::string(outerWordSet) + "]";
    switch (c) {
    case 'b':
      ++at;
      return emit("(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word +
                  ")(?=" + word + "))");
    case 'B':
      ++at;
      return emit("(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" +
                  word + "))");
    case 'A':
    case 'z':
    case 'Z':
    case 'G':
    case 'K':
    case 'R':
    case 'X':
      ++at;
      return emit(std::string("\\") + c);
    case 'k':
    case 'g': {
      size_t end = in.find('>', at);
      if (at + 1 >= in.size() || in[at + 1] != '<' ||
          end == std::string_view::npos)
        return refuse(std::string("the escape \\") + c);
      emit("\\" + std::string(in.substr(at, end + 1 - at)));
      at = end + 1;
      return;
    }
    default:
      break;
    }
    if (c >= '1' && c <= '9') {
      std::string text = "\\";
      while (at < in.size() && std::isdigit(static_cast<unsigned char>(in[at])))
        text += in[at++];
      return emit("(?:" + text + ")");
    }
    Item item = commonEscape();
    if (!item.expression.empty())
      return emit(item.expression);
    bool isOne = item.set.starts_with('\\') &&
                 item.set.find('\\', 1) == std::string::npos &&
                 item.set.find('-') == std::string::npos;
    if (isOne || item.set.empty() ||
        !(item.set[0] == '\\' || item.set[0] < 0x7f))
      return emit(item.set);
    emit("[" + item.set + "]");
  }

  /// A class, `at` behind its '['.
  Item bracket() {
    if (++nesting > maxNesting)
      return refuse("classes nested too deeply"), Item();
    bool isNegated = startsWith("^");
    at += isNegated;
    struct Term {
      std::string set;
      std::vector<std::string> others;
    };
    std::vector<Term> terms(1);
    bool isFirst = true, isClosed = false, lastIsSet = false;
    while (at < in.size() && !error) {
      char c = in[at];
      if (c == ']' && !isFirst) {
        ++at;
        isClosed = true;
        break;
      }
      isFirst = false;
      Item item;
      bool isSet = false;
      if (startsWith("[:") && in.find(":]", at) != std::string_view::npos) {
        size_t end = in.find(":]", at);
        std::string_view name = in.substr(at + 2, end - at - 2);
        bool isNot = name.starts_with('^');
        name.remove_prefix(isNot);
        std::string_view set = namedSet(name);
        if (set.empty())
          return refuse("the class '" + std::string(name) + "'"), Item();
        at = end + 2;
        item = isNot ? Item{"", "[^" + std::string(set) + "]"}
                     : Item{std::string(set), ""};
        isSet = true;
      } else if (c == '[') {
        ++at;
        item = bracket();
        if (item.expression.empty())
          item.expression = "[" + item.set + "]";
        isSet = true;
      } else if (startsWith("&&")) {
        at += 2;
        terms.emplace_back();
        lastIsSet = false;
        continue;
      } else if (c == '\\') {
        ++at;
        if (at == in.size())
          return refuse("it ends in a backslash"), Item();
        if (in[at] == 'b') {
          ++at;
          item.set = "\\x08";
        } else {
          size_t begin = at;
          item = commonEscape();
          isSet = std::string_view("dDsSwWhHpP").find(in[begin]) !=
                  std::string_view::npos;
        }
      } else if (c == '-' && (lastIsSet || at + 1 == in.size() ||
                              in[at + 1] == ']' || in[at + 1] == '[')) {
        ++at;
        item.set = "\\-";
      } else if (c == '-') {
        ++at;
        item.set = terms.back().set.empty() ? "\\-" : "-";
      } else {
        std::string text = takeLiteral();
        bool isSpecial = text == "^" || text == "]" || text == "[";
        item.set = isSpecial ? "\\" + text : text;
      }
      lastIsSet = isSet;
      if (item.expression.empty())
        terms.back().set += item.set;
      else
        terms.back().others.push_back(item.expression);
    }
    --nesting;
    if (!isClosed)
      return refuse("a '[' without its ']'"), Item();
    if (terms.size() == 1 && terms[0].others.empty()) {
      if (terms[0].set.empty())
        return {"", isNegated ? "(?s:.)" : "(?!)"};
      if (isNegated)
        return {"", "[^" + terms[0].set + "]"};
      return {terms[0].set, ""};
    }
    std::string all;
    for (size_t i = 0; i < terms.size(); ++i) {
      std::string one;
      if (!terms[i].set.empty())
        one = "[" + terms[i].set + "]";
      for (const std::string &other : terms[i].others)
        one += (one.empty() ? "" : "|") + other;
      if (one.empty())
        one = "(?!)";
      all += (i + 1 < terms.size() ? "(?=" : "(?:") + one + ")";
    }
    return {"", isNegated ? "(?:(?!" + all + ")(?s:.))" : "(?:" + all + ")"};
  }
};

} // namespace

Expected<std::string> fromOnigurumaSyntax(std::string_view pattern,
                                          const std::string &where) {
  return Translator(pattern, where).run();
}

} // namespace lora_rt::text
