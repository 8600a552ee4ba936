//===- TextTasks.cpp - Text to ids and back, and conversations to text ----===//
//
// --tokenize, --detokenize and --render. They read the file's text side and
// run no code of the file.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "RunCommand.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

/// The most bytes of a prompt. A tokenizer needs up to 30 times as much memory.
constexpr uint64_t maxPromptBytes = uint64_t(256) << 20;

/// The most bytes of a conversation.
constexpr uint64_t maxConversationBytes = uint64_t(256) << 20;

Error tokenize(const TextModel &text, const Options &options) {
  Expected<std::string> prompt = needPrompt(options, "--tokenize");
  if (!prompt)
    return prompt.takeError();
  EncodeOptions encode;
  encode.addSpecialTokens = !options.noSpecial;
  Expected<TextEncoding> encoding = text.tokenizer().encode(*prompt, encode);
  if (!encoding)
    return encoding.takeError();
  // A long text has many tokens, so nothing is built for all of them.
  std::fputs("{\"ids\":[", stdout);
  const char *comma = "";
  for (uint32_t id : encoding->ids) {
    std::printf("%s%u", comma, id);
    comma = ",";
  }
  std::fputs("],\"pieces\":[", stdout);
  comma = "";
  for (uint32_t id : encoding->ids) {
    std::string piece =
        Json(text.tokenizer().token(id).value_or(""))
            .dump(-1, ' ', false, Json::error_handler_t::replace);
    std::printf("%s%s", comma, piece.c_str());
    comma = ",";
  }
  return printLine("]}");
}

Error detokenize(const TextModel &text, const Options &options) {
  Expected<Batch> batch = parseBatch(options);
  if (!batch)
    return batch.takeError();
  if (batch->ids.size() != 1)
    return makeError(ErrorCode::InvalidArgument,
                     "--detokenize needs --ids or --ids-file with one row of "
                     "ids, but got ",
                     batch->ids.size());
  Expected<std::string> decoded =
      text.decode(batch->ids[0], options.skipSpecial);
  if (!decoded)
    return makeError(ErrorCode::InvalidArgument,
                     "--detokenize: ", decoded.message());
  return printText(*decoded);
}

Error render(const TextModel &text, const Options &options) {
  Expected<std::string> json = readInput(options.render, maxConversationBytes);
  if (!json)
    return json.takeError();
  Expected<std::string> rendered = text.render(*json, options.render);
  if (!rendered)
    return rendered.takeError();
  return printText(*rendered);
}

} // namespace

/// Reads an open file to its end.
static Expected<std::string> readToEnd(int file, const std::string &name,
                                       uint64_t limit) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    ssize_t count = ::read(file, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return makeError(ErrorCode::System, name,
                       " cannot be read: ", systemMessage(errno));
    if (count == 0)
      return text;
    text.append(buffer, size_t(count));
    if (text.size() > limit)
      return makeError(ErrorCode::InvalidFile, name, " has more than ",
                       sizeText(limit), ", which is the most that is read");
  }
}

Expected<std::string> readInput(const std::string &path, uint64_t limit) {
  if (path == "-")
    return readToEnd(STDIN_FILENO, "standard input", limit);
  // An empty file, and what is not a regular one, such as a pipe, cannot be
  // mapped.
  struct stat facts;
  if (::stat(path.c_str(), &facts) != 0 || S_ISDIR(facts.st_mode) ||
      (S_ISREG(facts.st_mode) && facts.st_size > 0))
    return readTextFile(path, limit);
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return makeError(ErrorCode::InvalidFile, path,
                     ": cannot be opened: ", systemMessage(errno));
  Expected<std::string> text = readToEnd(file, path, limit);
  ::close(file);
  return text;
}

Expected<std::optional<std::string>> readPrompt(const Options &options) {
  if (options.prompt && !options.promptFile.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "a PROMPT and --prompt-file: give one of them");
  if (options.prompt)
    return options.prompt;
  if (options.promptFile.empty() && isatty(STDIN_FILENO))
    return std::optional<std::string>();
  Expected<std::string> text = readInput(
      options.promptFile.empty() ? "-" : options.promptFile, maxPromptBytes);
  if (!text)
    return text.takeError();
  // Without a request, an empty standard input is no prompt.
  if (options.promptFile.empty() && text->empty())
    return std::optional<std::string>();
  return std::optional(std::move(*text));
}

Expected<std::string> needPrompt(const Options &options, const char *task) {
  Expected<std::optional<std::string>> prompt = readPrompt(options);
  if (!prompt)
    return prompt.takeError();
  if (*prompt)
    return std::move(**prompt);
  return makeError(ErrorCode::InvalidArgument, task,
                   " needs a text: as an argument, in --prompt-file, or on "
                   "standard input");
}

Error printText(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return flushOutput();
}

Error printLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  return flushOutput();
}

Error runTextTask(const Options &options) {
  Expected<Payload> payload = Payload::open(options.file);
  if (!payload)
    return payload.takeError();
  Expected<TextModel> text = TextModel::open(*payload);
  if (!text)
    return text.takeError();
  switch (options.task) {
  case Task::Tokenize:
    return tokenize(*text, options);
  case Task::Detokenize:
    return detokenize(*text, options);
  default:
    return render(*text, options);
  }
}

} // namespace lora_rt::cli
