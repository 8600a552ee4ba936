//===- Lines.cpp - A file of prompts --------------------------------------===//
//
// Answers each line of a JSON Lines file, in order. A result is one line of the
// output, written when it is complete. So a run that was ended can go on: the
// lines that are there are not computed again, and half a line is removed.
// Blank lines of the input have no result.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "RunCommand.h"
#include "lora-runtime/File.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

constexpr uint64_t maxInputBytes = uint64_t(4) << 30;

/// The lines of a text that are not blank, with their numbers.
class Lines {
public:
  explicit Lines(std::string_view text) : rest(text) {}

  bool next() {
    while (!rest.empty()) {
      size_t end = std::min(rest.find('\n'), rest.size());
      line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++number;
      if (line.find_first_not_of(" \t\r") != std::string_view::npos)
        return true;
    }
    return false;
  }

  std::string_view line;
  size_t number = 0;

private:
  std::string_view rest;
};

/// The output: a file that grows by lines, or standard output.
class LinesOutput {
public:
  ~LinesOutput() {
    if (file >= 0)
      ::close(file);
  }

  /// Opens the file, and removes half a line at its end.
  Error open(const std::string &path);

  /// The number of lines that were there.
  size_t lines() const { return count; }

  Error write(const std::string &line);

private:
  Error fail() const {
    return makeError(ErrorCode::System, path,
                     ": cannot be written: ", systemMessage(errno));
  }

  std::string path;
  int file = -1;
  size_t count = 0;
};

Error LinesOutput::open(const std::string &name) {
  if (name.empty())
    return Error::success();
  path = name;
  file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0)
    return fail();
  off_t whole = 0, position = 0;
  char buffer[1 << 16];
  ssize_t got;
  while ((got = ::read(file, buffer, sizeof(buffer))) > 0) {
    for (ssize_t i = 0; i < got; ++i)
      if (buffer[i] == '\n') {
        ++count;
        whole = position + i + 1;
      }
    position += got;
  }
  if (got < 0 || (whole != position && ::ftruncate(file, whole) != 0) ||
      ::lseek(file, whole, SEEK_SET) < 0)
    return fail();
  return Error::success();
}

Error LinesOutput::write(const std::string &line) {
  if (file < 0)
    return printLine(line);
  std::string text = line + "\n";
  for (size_t at = 0; at < text.size();) {
    ssize_t count = ::write(file, text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail();
    at += size_t(count);
  }
  return Error::success();
}

/// An error that begins with the place of the line.
Error withPlace(Error error, const std::string &where) {
  if (error.message().starts_with(where))
    return error;
  return makeError(error.code(), where, ": ", error.message());
}

/// Computes the result of one line.
Expected<std::string> answerLine(std::string_view line, size_t number,
                                 const std::string &where,
                                 const Options &options, TextSession &model) {
  static constexpr std::array<std::string_view, 6> others = {
      "prompt", "messages", "tools", "documents", "id", "chat_template_kwargs"};
  GenerationRequest request = options.request;
  request.seed.reset();
  if (Error error = request.read(line, others, where))
    return error;
  // A line's own seed gives the text that it gives for one prompt.
  Generator::Options generation = options.generation;
  if (!request.seed) {
    request.seed = options.request.seed;
    generation.stream = number;
  }
  // `request.read` has checked that this is a JSON object.
  OrderedJson json = OrderedJson::parse(line, nullptr, false);
  bool hasPrompt = json.contains("prompt"),
       hasMessages = json.contains("messages");
  if (hasPrompt == hasMessages)
    return makeError(ErrorCode::InvalidArgument, where,
                     ": expected either 'prompt' or 'messages', but ",
                     hasPrompt ? "both are" : "none is", " there");
  Expected<std::vector<int32_t>> ids = std::vector<int32_t>();
  if (hasPrompt) {
    if (!json["prompt"].is_string())
      return makeError(ErrorCode::InvalidArgument, where,
                       ": expected a text for 'prompt'");
    ids = model.generator->encodePrompt(json["prompt"].get<std::string>());
  } else {
    OrderedJson conversation = OrderedJson::object();
    for (const char *key : {"messages", "tools", "documents"})
      if (json.contains(key))
        conversation[key] = json[key];
    if (json.contains("chat_template_kwargs")) {
      if (!json["chat_template_kwargs"].is_object())
        return makeError(ErrorCode::InvalidArgument, where,
                         ": expected an object for 'chat_template_kwargs'");
      for (const auto &[key, value] : json["chat_template_kwargs"].items())
        conversation[key] = value;
    }
    ids = model.generator->encodeMessages(conversation.dump(), where);
  }
  if (!ids)
    return withPlace(ids.takeError(), where);
  Expected<GeneratedText> answer =
      model.generator->run(*ids, request, generation, nullptr);
  if (!answer)
    return withPlace(answer.takeError(), where);
  return answerJson(*answer, request.logprobs.value_or(0) > 0);
}

} // namespace

Error runLines(const Options &options, TextSession &model) {
  Expected<std::string> text = readInput(options.input, maxInputBytes);
  if (!text)
    return text.takeError();
  LinesOutput output;
  if (Error error = output.open(options.output))
    return error;
  size_t total = 0;
  for (Lines lines(*text); lines.next();)
    ++total;
  if (output.lines() > total)
    return makeError(ErrorCode::InvalidArgument, options.output, ": has ",
                     output.lines(), " results, but ", options.input,
                     " has only ", total,
                     " lines; give the output another name");
  if (output.lines() && !options.quiet)
    std::fprintf(stderr, "%zu of %zu results are there already\n",
                 output.lines(), total);
  size_t done = 0, bad = 0;
  bool showsProgress = !options.quiet && isatty(STDERR_FILENO);
  for (Lines lines(*text); lines.next();) {
    if (done++ < output.lines())
      continue;
    if (showsProgress)
      std::fprintf(stderr, "\rprompt %zu of %zu", done, total);
    std::string where =
        options.input + ": line " + std::to_string(lines.number);
    Expected<std::string> result =
        answerLine(lines.line, lines.number, where, options, model);
    std::string line;
    if (result)
      line = std::move(*result);
    else {
      ++bad;
      line = OrderedJson({{"error", result.message()}})
                 .dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
      std::fprintf(stderr, "%s%s\n", showsProgress ? "\r\033[K" : "",
                   result.message().c_str());
    }
    if (Error error = output.write(line))
      return error;
  }
  if (showsProgress)
    std::fputs("\r\033[K", stderr);
  if (bad)
    return makeError(ErrorCode::InvalidArgument, options.input, ": ", bad,
                     " of ", total,
                     " lines could not be answered; the others were");
  return Error::success();
}

} // namespace lora_rt::cli
