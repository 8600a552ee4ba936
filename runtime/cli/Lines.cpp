//===- Lines.cpp - A file of prompts --------------------------------------===//
//
// Answers each line of a JSON Lines file, in order. A result is one line of the
// output, written when it is complete. So a run that was ended can go on: the
// results that are there are not computed again, half a line is removed, and
// errors are computed again. Blank lines of the input have no result.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "../text/template/Json.h"
#include "RunCommand.h"
#include "TextLines.h"
#include "lora-runtime/File.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

constexpr uint64_t maxInputBytes = uint64_t(4) << 30;

/// The lines that are not blank, with their numbers: of a text, or of standard
/// input as they come.
class Lines {
public:
  explicit Lines(std::string_view text) : rest(text) {}
  explicit Lines(std::FILE *stream) : stream(stream) {}
  Lines(const Lines &) = delete;
  ~Lines() { std::free(buffer); }

  bool next() {
    while (stream ? readLine() : takeLine()) {
      ++number;
      if (!isBlank(line))
        return true;
    }
    return false;
  }

  std::string_view line;
  size_t number = 0;

private:
  bool takeLine() {
    if (rest.empty())
      return false;
    line = cli::takeLine(rest);
    return true;
  }

  bool readLine() {
    ssize_t length = getline(&buffer, &capacity, stream);
    if (length <= 0)
      return false;
    line = {buffer, size_t(length)};
    if (line.ends_with('\n'))
      line.remove_suffix(1);
    return true;
  }

  std::string_view rest;
  std::FILE *stream = nullptr;
  char *buffer = nullptr;
  size_t capacity = 0;
};

/// The output: a file that grows by lines, or standard output.
class LinesOutput {
public:
  ~LinesOutput() {
    if (file >= 0)
      ::close(file);
  }

  /// Opens the file, and takes the results that it has. A file with anything
  /// else is refused. Half a result at the end is removed, and so is everything
  /// from the first error on: those lines are computed again, and the results
  /// between them are written again.
  Error open(const std::string &path);

  /// The number of results that were there, errors not counted.
  size_t results() const { return count; }
  /// The number of lines that were there.
  size_t lines() const { return known.size(); }

  /// The result of the line with this index that was there before; empty if
  /// there is none. `isWritten` says whether it is still in the file.
  std::string_view find(size_t index, bool &isWritten) const {
    isWritten = index < kept;
    return index < known.size() ? std::string_view(known[index])
                                : std::string_view();
  }

  Error write(std::string_view line);

private:
  Error fail() const {
    return makeError(ErrorCode::System, path,
                     ": cannot be written: ", systemMessage(errno));
  }
  Error take(const std::string &text);

  std::string path;
  int file = -1;
  /// The results that were there, by the index of their line; empty for an
  /// error.
  std::vector<std::string> known;
  /// The number of lines that stay in the file.
  size_t kept = 0, count = 0;
};

/// Whether half a line may be the beginning of a result.
bool beginsLikeResult(std::string_view text) {
  for (std::string_view start : {"{\"text\":", "{\"error\":", "{\"id\":"})
    if (text.substr(0, start.size()) == start.substr(0, text.size()))
      return true;
  return false;
}

Error LinesOutput::open(const std::string &name) {
  if (name.empty())
    return Error::success();
  path = name;
  struct stat facts;
  bool isRegular = ::stat(path.c_str(), &facts) != 0 || S_ISREG(facts.st_mode);
  // A pipe or a device has no results to read.
  file = ::open(path.c_str(),
                (isRegular ? O_RDWR | O_CREAT : O_WRONLY) | O_CLOEXEC, 0666);
  if (file < 0)
    return fail();
  if (!isRegular)
    return Error::success();
  std::string text;
  char buffer[1 << 16];
  ssize_t got;
  while ((got = ::read(file, buffer, sizeof(buffer))) > 0)
    text.append(buffer, size_t(got));
  if (got < 0)
    return fail();
  return take(text);
}

Error LinesOutput::take(const std::string &text) {
  size_t whole = 0;
  bool isOpen = true;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    bool isWhole = end != std::string::npos;
    std::string line = text.substr(at, isWhole ? end - at : end);
    Json json = isWhole ? Json::parse(line, nullptr, false) : Json();
    bool isError = json.is_object() && json.contains("error"),
         isResult =
             json.is_object() && json.contains("text") && json.contains("ids");
    if (isWhole ? !isError && !isResult : !beginsLikeResult(line))
      return makeError(ErrorCode::InvalidArgument, path, ": line ",
                       known.size() + 1,
                       " is no result of an earlier run; give the output "
                       "another name");
    if (!isWhole)
      break;
    at = end + 1;
    isOpen = isOpen && isResult;
    if (isOpen) {
      whole = at;
      ++kept;
    }
    count += isResult;
    known.push_back(isResult ? std::move(line) : std::string());
  }
  if ((whole != text.size() && ::ftruncate(file, off_t(whole)) != 0) ||
      ::lseek(file, off_t(whole), SEEK_SET) < 0)
    return fail();
  return Error::success();
}

Error LinesOutput::write(std::string_view line) {
  if (file < 0)
    return printLine(line);
  std::string text(line);
  text += '\n';
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

/// Puts the system message of the command line in front of a conversation that
/// has none.
void addSystem(OrderedJson &messages,
               const std::optional<std::string> &system) {
  if (!system || !messages.is_array())
    return;
  bool hasSystem = !messages.empty() && messages[0].is_object() &&
                   messages[0].value("role", OrderedJson()) == "system";
  if (hasSystem)
    return;
  OrderedJson message = {{"role", "system"}, {"content", *system}};
  messages.insert(messages.begin(), std::move(message));
}

/// Computes the result of one line.
Expected<std::string> answerLine(std::string_view line, size_t number,
                                 const std::string &where,
                                 const Options &options,
                                 GenerationSession &model) {
  static constexpr std::array<std::string_view, 8> others = {
      "prompt", "messages", "tools",    "documents",
      "id",     "lookup",   "truncate", "chat_template_kwargs"};
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
  for (const auto &[key, member] :
       {std::pair<const char *, bool &>{"lookup", generation.lookup},
        {"truncate", generation.truncate}})
    if (json.contains(key)) {
      if (!json[key].is_boolean())
        return makeError(ErrorCode::InvalidArgument, where,
                         ": expected true or false for '", key, "'");
      member = json[key].get<bool>();
    }
  bool hasPrompt = json.contains("prompt"),
       hasMessages = json.contains("messages");
  if (hasPrompt == hasMessages)
    return makeError(ErrorCode::InvalidArgument, where,
                     ": expected either 'prompt' or 'messages', but ",
                     hasPrompt ? "both are" : "none is", " there");
  Expected<std::vector<int32_t>> ids = std::vector<int32_t>();
  if (hasPrompt && !json["prompt"].is_string())
    return makeError(ErrorCode::InvalidArgument, where,
                     ": expected a text for 'prompt'");
  if (hasPrompt && options.system) {
    json["messages"] = {{{"role", "user"}, {"content", json["prompt"]}}};
    hasPrompt = false;
  }
  if (hasPrompt) {
    ids = model.generator->encodePrompt(json["prompt"].get<std::string>());
  } else {
    // The parser above makes a float of a whole number that is too large.
    if (Expected<jinja::Value> exact = jinja::readJson(line, where); !exact)
      return exact.takeError();
    OrderedJson conversation = OrderedJson::object();
    for (const char *key : {"messages", "tools", "documents"})
      if (json.contains(key))
        conversation[key] = json[key];
    addSystem(conversation["messages"], options.system);
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
  std::string result = answerJson(*answer, request.logprobs.value_or(0) > 0);
  if (json.contains("id"))
    result = "{\"id\":" + json["id"].dump() + "," + result.substr(1);
  return result;
}

} // namespace

Error runLines(const Options &options, GenerationSession &model) {
  // The lines of standard input are answered as they come.
  bool isStream = options.input == "-";
  std::string text;
  if (!isStream) {
    Expected<std::string> read = readInput(options.input, maxInputBytes);
    if (!read)
      return read.takeError();
    text = std::move(*read);
  }
  LinesOutput output;
  if (Error error = output.open(options.output))
    return error;
  size_t total = 0;
  if (!isStream)
    for (Lines lines(text); lines.next();)
      ++total;
  if (!isStream && output.lines() > total)
    return makeError(ErrorCode::InvalidArgument, options.output, ": has ",
                     output.lines(), " results, but ", options.input,
                     " has only ", total,
                     " lines; give the output another name");
  std::string of = isStream ? "" : " of " + std::to_string(total);
  if (output.results() && !options.quiet)
    std::fprintf(stderr, "%zu%s results are there already\n", output.results(),
                 of.c_str());
  size_t done = 0, bad = 0;
  bool showsProgress = !options.quiet && isatty(STDERR_FILENO);
  std::string name = isStream ? "standard input" : options.input;
  std::optional<Lines> lines;
  if (isStream)
    lines.emplace(stdin);
  else
    lines.emplace(std::string_view(text));
  while (lines->next()) {
    bool isWritten = false;
    std::string_view known = output.find(done++, isWritten);
    if (isWritten)
      continue;
    if (!known.empty()) {
      if (Error error = output.write(known))
        return error;
      continue;
    }
    if (showsProgress)
      std::fprintf(stderr, "\rprompt %zu%s", done, of.c_str());
    std::string where = name + ": line " + std::to_string(lines->number);
    Expected<std::string> result =
        answerLine(lines->line, lines->number, where, options, model);
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
  if (!bad)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, name, ": ", bad, " of ", done,
                   " lines could not be answered",
                   bad < done ? "; the others were" : "");
}

} // namespace lora_rt::cli
