//===- Chat.cpp - A conversation at the terminal --------------------------===//
//
// Reads messages with a line editor, or line by line from what is not a
// terminal, and answers them by the model's chat template. The session keeps
// the tokens of a turn that the next one begins with. Ctrl-C ends an answer;
// at the prompt, it clears the line.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "LineEditor.h"
#include "RunCommand.h"
#include "lora-runtime/File.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

std::atomic<bool> isInterrupted = false;

/// A second Ctrl-C, while the first one has not had its effect, ends the
/// program.
void interrupt(int number) {
  if (!isInterrupted.exchange(true))
    return;
  std::signal(number, SIG_DFL);
  std::raise(number);
}

/// While this object lives, Ctrl-C sets `isInterrupted`.
class InterruptScope {
public:
  InterruptScope() {
    isInterrupted = false;
    struct sigaction action = {};
    action.sa_handler = interrupt;
    // Without SA_RESTART: the line editor's read ends.
    sigaction(SIGINT, &action, &before);
  }
  ~InterruptScope() { sigaction(SIGINT, &before, nullptr); }

private:
  struct sigaction before = {};
};

constexpr const char *help = "/reset          forget the conversation\n"
                             "/system TEXT    set the system message, and "
                             "forget the conversation; without TEXT, remove "
                             "it\n"
                             "/save FILE      write the conversation as JSON, "
                             "which --render reads\n"
                             "/help           this list\n"
                             "/exit           end; so does Ctrl-D\n"
                             "//TEXT          a message that begins with /\n"
                             "Ctrl-C ends an answer.\n";

class Conversation {
public:
  Conversation(const Options &options, GenerationSession &model)
      : options(options), model(model), system(options.system.value_or("")) {
    reset();
  }

  /// Answers a message. If the model cannot, the message is forgotten.
  Error answer(const std::string &message);

  /// Executes a line that begins with "/". Returns false for the end.
  bool command(const std::string &line);

private:
  void reset();
  std::string text() const {
    return OrderedJson({{"messages", messages}})
        .dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
  Error save(const std::string &path) const;

  const Options &options;
  GenerationSession &model;
  std::string system;
  OrderedJson messages;
};

void Conversation::reset() {
  messages = OrderedJson::array();
  if (!system.empty())
    messages.push_back({{"role", "system"}, {"content", system}});
}

Error Conversation::answer(const std::string &message) {
  OrderedJson before = messages;
  messages.push_back({{"role", "user"}, {"content", message}});
  Expected<std::vector<int32_t>> ids =
      model.generator->encodeMessages(text(), "the conversation");
  if (!ids) {
    messages = std::move(before);
    return ids.takeError();
  }
  InterruptScope scope;
  PromptProgress progress(options.quiet);
  model.session->onChunk([&](int64_t position, int64_t end) {
    progress.show(position, end);
    return !isInterrupted;
  });
  Generator::Options generation = options.generation;
  generation.promptRead = [&](int64_t) { progress.clear(); };
  Error output;
  Expected<GeneratedText> answer = model.generator->run(
      *ids, options.request, generation, [&](std::string_view piece) {
        output = printText(piece);
        return !output && !isInterrupted;
      });
  progress.clear();
  if (!answer) {
    messages = std::move(before);
    if (!isInterrupted)
      return answer.takeError();
    std::fputc('\n', stdout);
    return flushOutput();
  }
  if (output)
    return output;
  if (!answer->text.ends_with('\n'))
    std::fputc('\n', stdout);
  if (Error error = flushOutput())
    return error;
  messages.push_back({{"role", "assistant"}, {"content", answer->text}});
  if (answer->finish == FinishReason::Length && !options.quiet)
    std::fprintf(stderr, "(the answer was cut off after %zu tokens)\n",
                 answer->ids.size());
  return Error::success();
}

Error Conversation::save(const std::string &path) const {
  if (path.empty())
    return makeError(ErrorCode::InvalidArgument, "/save needs the name of a "
                                                 "file");
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  std::string json = text() + "\n";
  if (Error error = file->append(std::as_bytes(std::span(json))))
    return error;
  return file->commit();
}

bool Conversation::command(const std::string &line) {
  size_t space = line.find(' ');
  std::string name = line.substr(0, space), rest;
  if (space != std::string::npos)
    rest =
        line.substr(std::min(line.find_first_not_of(' ', space), line.size()));
  if (name == "/exit" || name == "/quit")
    return false;
  if (name == "/reset") {
    reset();
  } else if (name == "/system") {
    system = rest;
    reset();
  } else if (name == "/save") {
    if (Error error = save(rest))
      std::fprintf(stderr, "%s\n", error.message().c_str());
    else
      std::fprintf(stderr, "wrote %s\n", rest.c_str());
  } else {
    if (name != "/help")
      std::fprintf(stderr, "unknown command '%s'\n", name.c_str());
    std::fputs(help, stderr);
  }
  return true;
}

} // namespace

Error runChat(const Options &options) {
  if (options.prompt || !options.promptFile.empty())
    return runGenerate(options);
  GenerationSession model;
  if (Error error = model.open(options))
    return error;
  if (model.text->settings().templates.empty()) {
    Expected<const std::string *> missing =
        chooseChatTemplate(model.text->settings(), false, options.file);
    return missing.takeError();
  }
  Conversation conversation(options, model);
  bool isTerminal = isatty(STDIN_FILENO);
  if (isTerminal && !options.quiet)
    std::fputs("/help lists the commands; Ctrl-D ends.\n", stderr);
  LineEditor editor(isTerminal);
  while (std::optional<std::string> line = editor.read()) {
    if (line->find_first_not_of(" \t\r\n") == std::string::npos)
      continue;
    // "//" begins a message with "/".
    if (line->starts_with("//")) {
      line->erase(0, 1);
    } else if (line->front() == '/') {
      if (!conversation.command(*line))
        break;
      continue;
    }
    if (Error error = conversation.answer(*line)) {
      // At a terminal, the person can say something else.
      if (!isTerminal || std::ferror(stdout))
        return error;
      std::fprintf(stderr, "%s\n", error.message().c_str());
    }
  }
  if (!options.saveState.empty())
    return model.session->save(options.saveState);
  return flushOutput();
}

} // namespace lora_rt::cli
