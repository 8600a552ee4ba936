//===- PythonRegex.cpp - Python's regular expressions by PCRE2 ------------===//
//
// Rewrites a pattern for PCRE2 so that it means the same as in Python, or
// refuses it. Matching is limited in steps and time.
//
//===----------------------------------------------------------------------===//

#include "PythonRegex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>
#include <ctime>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

namespace {

/// This is enough for any sensible pattern; a catastrophic one takes 0.01 s.
constexpr uint32_t matchLimit = 200'000;
/// A pattern must not be slow on each of thousands of paths either.
constexpr double patternSeconds = 1;
constexpr uint32_t depthLimit = 100'000;
constexpr uint32_t heapLimitKiB = 32 * 1024;

/// Processor time is measured, so that a busy machine does not change the
/// result.
double threadSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Letters that may follow a backslash in Python.
constexpr std::string_view pythonEscapes = "AbBdDsSwWZafnrtvxuU";

/// Whether "(?" may be followed by `rest` in Python; PCRE2 permits more.
bool isPythonGroup(std::string_view rest) {
  for (std::string_view start :
       {":", "=", "!", "<=", "<!", "P<", "P=", "#", ">", "("})
    if (rest.starts_with(start))
      return true;
  return !rest.empty() &&
         (std::string_view("aiLmsux-").find(rest[0]) != std::string_view::npos);
}

/// Reads a quantifier "{m,n}" at the front of `rest` as Python does: "{,n}"
/// means "{0,n}", which PCRE2 took as literal text before 10.43. Returns its
/// length, or 0 if there is none.
size_t openQuantifier(std::string_view rest, std::string &out) {
  size_t i = 2;
  if (!rest.starts_with("{,"))
    return 0;
  while (i < rest.size() && std::isdigit(static_cast<unsigned char>(rest[i])))
    ++i;
  if (i == 2 || i >= rest.size() || rest[i] != '}')
    return 0;
  out += "{0," + std::string(rest.substr(2, i - 1));
  return i + 1;
}

/// The text of `pattern` for PCRE2, or the reason why Python would not accept
/// it.
Expected<std::string> toPCRE2(std::string_view pattern,
                              const std::string &where) {
  auto refuse = [&](std::string_view what) {
    return makeError(ErrorCode::InvalidFile, where, ": '", pattern,
                     "' is not a regular expression of Python's: ", what);
  };
  std::string out;
  bool inClass = false;
  size_t classStart = 0;
  for (size_t i = 0; i < pattern.size();) {
    char c = pattern[i];
    if (c == '\\') {
      if (i + 1 == pattern.size())
        return refuse("it ends in a backslash");
      char next = pattern[i + 1];
      if (std::isalpha(static_cast<unsigned char>(next)) &&
          pythonEscapes.find(next) == std::string_view::npos)
        return refuse(std::string("unknown escape \\") + next);
      // Python's \Z matches only at the very end; PCRE2's also matches before a
      // last newline.
      out += next == 'Z' ? "\\z" : std::string(pattern.substr(i, 2));
      i += 2;
      continue;
    }
    if (inClass) {
      if (c == ']' && i != classStart)
        inClass = false;
      // "[:" begins a POSIX class in PCRE2 only.
      if (c == '[')
        out += '\\';
      out += c;
      ++i;
      continue;
    }
    if (c == '[') {
      inClass = true;
      out += c;
      ++i;
      if (i < pattern.size() && pattern[i] == '^') {
        out += '^';
        ++i;
      }
      classStart = i;
      continue;
    }
    std::string_view rest = pattern.substr(i);
    if (rest.starts_with("(*"))
      return refuse("nothing to repeat before '*'");
    if (rest.starts_with("(?") && !isPythonGroup(rest.substr(2)))
      return refuse("unknown extension '" + std::string(rest.substr(0, 3)) +
                    "'");
    if (size_t length = openQuantifier(rest, out)) {
      i += length;
      continue;
    }
    out += c;
    ++i;
  }
  return out;
}

} // namespace

struct PythonRegex::Impl {
  std::string where;
  std::string pattern;
  pcre2_code *code = nullptr;
  pcre2_match_context *context = nullptr;
  pcre2_match_data *data = nullptr;
  double seconds = 0; ///< The time that matching this pattern has taken.

  ~Impl() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

PythonRegex::PythonRegex(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
PythonRegex::PythonRegex(PythonRegex &&) noexcept = default;
PythonRegex &PythonRegex::operator=(PythonRegex &&) noexcept = default;
PythonRegex::~PythonRegex() = default;

Expected<PythonRegex> PythonRegex::compile(std::string_view pattern, Mode mode,
                                           const std::string &where) {
  Expected<std::string> text = toPCRE2(pattern, where);
  if (!text)
    return text.takeError();
  auto impl = std::make_unique<Impl>();
  impl->where = where;
  impl->pattern = std::string(pattern);
  uint32_t options = PCRE2_ANCHORED | PCRE2_NEVER_BACKSLASH_C;
  if (mode == Mode::Full)
    options |= PCRE2_ENDANCHORED;
  int status = 0;
  PCRE2_SIZE offset = 0;
  impl->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text->data()),
                             text->size(), options, &status, &offset, nullptr);
  if (!impl->code) {
    char message[256];
    pcre2_get_error_message(status, reinterpret_cast<PCRE2_UCHAR *>(message),
                            sizeof(message));
    return makeError(ErrorCode::InvalidFile, where, ": '", pattern,
                     "' is not a regular expression: ", message,
                     " at character ", offset + 1);
  }
  impl->context = pcre2_match_context_create(nullptr);
  impl->data = pcre2_match_data_create_from_pattern(impl->code, nullptr);
  if (!impl->context || !impl->data)
    return makeError(ErrorCode::System, where, ": out of memory");
  pcre2_set_match_limit(impl->context, matchLimit);
  pcre2_set_depth_limit(impl->context, depthLimit);
  pcre2_set_heap_limit(impl->context, heapLimitKiB);
  return PythonRegex(std::move(impl));
}

Expected<bool> PythonRegex::matches(std::string_view text) const {
  std::string group;
  return matches(text, group);
}

Expected<bool> PythonRegex::matches(std::string_view text,
                                    std::string &index) const {
  double start = threadSeconds();
  int status =
      pcre2_match(impl->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                  text.size(), 0, 0, impl->data, impl->context);
  impl->seconds += threadSeconds() - start;
  if (impl->seconds > patternSeconds)
    status = PCRE2_ERROR_MATCHLIMIT;
  if (status == PCRE2_ERROR_NOMATCH)
    return false;
  if (status < 0)
    return makeError(ErrorCode::InvalidFile, impl->where, ": matching '", text,
                     "' with '", impl->pattern,
                     "' takes too long; write the pattern without nested "
                     "repetitions");
  int group = pcre2_substring_number_from_name(
      impl->code, reinterpret_cast<PCRE2_SPTR>("idx"));
  if (group > 0 && group < status) {
    PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(impl->data) + 2 * group;
    if (bounds[0] != PCRE2_UNSET)
      index = std::string(text.substr(bounds[0], bounds[1] - bounds[0]));
  }
  return true;
}

} // namespace lora::peft
