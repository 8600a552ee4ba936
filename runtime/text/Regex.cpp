//===- Regex.cpp - Matching by PCRE2 --------------------------------------===//
//
// The cost of a pattern is limited in two ways: PCRE2's limits bound the steps
// of one attempt, and a budget that grows with the text bounds the time of all
// attempts in one text. A search is split into short ranges of start positions,
// because PCRE2 returns only after it has tried all of them.
//
//===----------------------------------------------------------------------===//

#include "Regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <ctime>

namespace lora_rt::text {

namespace {

/// Steps of an attempt: a run of spaces is passed once for each alternative.
constexpr uint32_t matchLimit = 1'000'000;
constexpr uint32_t stepsPerByte = 4;
constexpr uint32_t depthLimit = 1'000'000;
constexpr uint32_t heapLimitKiB = 256 * 1024;
constexpr size_t jitStackBytes = 1024 * 1024;
/// Processor time for a text; published patterns take 0.02 us for each byte.
constexpr double baseSeconds = 2;
constexpr double secondsPerByte = 2e-6;
/// The start positions that one call tries: at first, and if none of them
/// matched.
constexpr size_t shortStretch = 64;
constexpr size_t longStretch = 1024;

double seconds(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// The working memory of matches, one for each thread.
struct MatchState {
  pcre2_match_data *data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context *context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack *stack =
      pcre2_jit_stack_create(32 * 1024, jitStackBytes, nullptr);

  MatchState() {
    if (!isUsable())
      return;
    pcre2_set_depth_limit(context, depthLimit);
    pcre2_set_heap_limit(context, heapLimitKiB);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~MatchState() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  bool isUsable() const { return data && context && stack; }
};

/// Detects that the attempts in one text have taken too long. The clock of the
/// thread needs a system call, so it is read only if a cheaper clock has
/// advanced.
class Budget {
public:
  explicit Budget(size_t bytes)
      : limit(baseSeconds + secondsPerByte * double(bytes)) {}

  bool isSpent() {
    if (++calls % 16 != 0)
      return false;
    double now = seconds(CLOCK_MONOTONIC);
    if (lastLook == 0) {
      lastLook = now;
      start = seconds(CLOCK_THREAD_CPUTIME_ID);
      return false;
    }
    if (now - lastLook < 0.02)
      return false;
    lastLook = now;
    return seconds(CLOCK_THREAD_CPUTIME_ID) - start > limit;
  }

private:
  double limit, start = 0, lastLook = 0;
  size_t calls = 0;
};

} // namespace

struct Regex::Impl {
  std::string where;
  std::string pattern;
  pcre2_code *code = nullptr;
  bool isCompiled = false; ///< to machine code

  ~Impl() { pcre2_code_free(code); }

  int match(std::string_view subject, size_t start, MatchState &state) const {
    auto *text = reinterpret_cast<PCRE2_SPTR>(subject.data());
    if (isCompiled) {
      int status =
          pcre2_jit_match(code, text, subject.size(), start, PCRE2_NO_UTF_CHECK,
                          state.data, state.context);
      if (status != PCRE2_ERROR_JIT_STACKLIMIT)
        return status;
    }
    return pcre2_match(code, text, subject.size(), start,
                       PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data,
                       state.context);
  }
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Regex::Regex(Regex &&) noexcept = default;
Regex &Regex::operator=(Regex &&) noexcept = default;
Regex::~Regex() = default;

Expected<Regex> Regex::compile(std::string_view pattern,
                               const std::string &where) {
  Expected<std::string> text = fromOnigurumaSyntax(pattern, where);
  if (!text)
    return text.takeError();
  auto impl = std::make_unique<Impl>();
  impl->where = where;
  impl->pattern = std::string(pattern);
  pcre2_compile_context *context = pcre2_compile_context_create(nullptr);
  if (!context)
    return makeError(ErrorCode::System, where, ": out of memory");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, 200);
  int status = 0;
  PCRE2_SIZE offset = 0;
  impl->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text->data()), text->size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE |
                        PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT,
                    &status, &offset, context);
  pcre2_compile_context_free(context);
  if (!impl->code) {
    char message[256];
    pcre2_get_error_message(status, reinterpret_cast<PCRE2_UCHAR *>(message),
                            sizeof message);
    return makeError(ErrorCode::InvalidFile, where, ": '", pattern,
                     "' is not a regular expression: ", message);
  }
  impl->isCompiled = pcre2_jit_compile(impl->code, PCRE2_JIT_COMPLETE) == 0;
  return Regex(std::move(impl));
}

Error Regex::findAll(std::string_view subject,
                     std::vector<Range> &matches) const {
  thread_local MatchState state;
  if (!state.isUsable())
    return makeError(ErrorCode::System, impl->where, ": out of memory");
  pcre2_set_match_limit(
      state.context,
      uint32_t(std::min<size_t>(matchLimit + stepsPerByte * subject.size(),
                                UINT32_MAX)));
  Budget budget(subject.size());
  size_t start = 0, stretch = shortStretch, lastEnd = SIZE_MAX;
  while (start <= subject.size()) {
    pcre2_set_offset_limit(state.context, start + stretch);
    int status = impl->match(subject, start, state);
    if (status == PCRE2_ERROR_NOMATCH && start + stretch < subject.size()) {
      start += stretch + 1;
      while (start < subject.size() &&
             isContinuation(static_cast<unsigned char>(subject[start])))
        ++start;
      stretch = std::min(2 * stretch, longStretch);
    } else if (status == PCRE2_ERROR_NOMATCH) {
      break;
    } else if (status >= 0) {
      const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(state.data);
      size_t begin = bounds[0], end = bounds[1];
      if (end < begin) // \K in a lookahead
        begin = end;
      if (begin == end) {
        // An empty match at the end of the previous one; continue after the
        // next character.
        if (lastEnd != end)
          matches.push_back({uint32_t(begin), uint32_t(end)});
        start = end;
        if (start < subject.size())
          nextCharacter(subject, start);
        else
          ++start;
      } else {
        matches.push_back({uint32_t(begin), uint32_t(end)});
        start = end;
      }
      lastEnd = end;
      stretch = shortStretch;
    } else {
      return makeError(ErrorCode::InvalidFile, impl->where, ": matching '",
                       impl->pattern, "' in a text of ", subject.size(),
                       " bytes takes too long; write the pattern without "
                       "nested repetitions");
    }
    if (budget.isSpent())
      return makeError(ErrorCode::InvalidFile, impl->where, ": matching '",
                       impl->pattern, "' in a text of ", subject.size(),
                       " bytes takes too long; write the pattern without "
                       "nested repetitions");
  }
  return Error::success();
}

bool isKnownProperty(std::string_view name) {
  std::string pattern = "\\p{" + std::string(name) + "}";
  int status = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                                   pattern.size(), PCRE2_UTF | PCRE2_UCP,
                                   &status, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

} // namespace lora_rt::text
