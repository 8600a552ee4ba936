//===- Generate.cpp - A prompt in, text out -------------------------------===//
//
// Continues one prompt. The text goes to standard output piece by piece, and
// nothing else does; or, with --json, one object at the end.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "RunCommand.h"
#include "lora-runtime/Clock.h"
#include "lora-runtime/OutputPath.h"

#include <cstdio>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

/// The ids of what the options give as a prompt.
Expected<std::vector<int32_t>> promptIds(const Options &options,
                                         const GenerationSession &model) {
  if (!options.ids.empty() || !options.idsFile.empty()) {
    Expected<Batch> batch = parseBatch(options);
    if (!batch)
      return batch.takeError();
    if (batch->ids.size() != 1)
      return makeError(ErrorCode::InvalidArgument, "got ", batch->ids.size(),
                       " rows of ids, but a text is made from one; --generate "
                       "continues several rows");
    return std::move(batch->ids[0]);
  }
  Expected<std::string> prompt = needPrompt(options, "generation");
  if (!prompt)
    return prompt.takeError();
  if (!options.system && options.task != Task::Chat)
    return model.generator->encodePrompt(*prompt);
  OrderedJson json;
  OrderedJson &messages = json["messages"] = OrderedJson::array();
  if (options.system)
    messages.push_back({{"role", "system"}, {"content", *options.system}});
  messages.push_back({{"role", "user"}, {"content", *prompt}});
  return model.generator->encodeMessages(
      json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace),
      "the prompt");
}

Error checkOutputs(const Options &options) {
  const std::vector<std::string> inputs = {options.file, options.input,
                                           options.promptFile, options.idsFile,
                                           options.loadState};
  if (Error error = checkOutput(options.output, inputs))
    return error;
  // What is written last is found out before the text is computed.
  return checkOutputFile(options.saveState, inputs);
}

} // namespace

PromptProgress::PromptProgress(bool isQuiet)
    : isOff(isQuiet || !isatty(STDERR_FILENO)), started(now()) {}

void PromptProgress::show(int64_t position, int64_t end) {
  if (isOff || end - position < 2 || now() - started < 1)
    return;
  isShown = true;
  std::fprintf(stderr, "\rreading the prompt: %lld of %lld tokens",
               (long long)position, (long long)end);
}

void PromptProgress::clear() {
  if (isShown)
    std::fputs("\r\033[K", stderr);
  isShown = false;
  started = now();
}

Error TextSession::open(const Options &options) {
  ExecutableOptions executableOptions;
  executableOptions.threads = options.threads;
  executableOptions.verifyPack = options.verify;
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(options.file, executableOptions);
  if (!executable)
    return executable.takeError();
  Expected<TextModel> opened = TextModel::open(
      *(*executable)->payload(), (*executable)->manifest().model.vocabSize);
  if (!opened)
    return opened.takeError();
  Expected<std::unique_ptr<Session>> created =
      Session::create(std::move(*executable), options.context);
  if (!created)
    return created.takeError();
  session = std::move(*created);
  text.emplace(std::move(*opened));
  return Error::success();
}

Error GenerationSession::open(const Options &options) {
  if (Error error = TextSession::open(options))
    return error;
  Expected<Generator> made = Generator::create(*session, *text);
  if (!made)
    return made.takeError();
  generator.emplace(std::move(*made));
  if (options.loadState.empty())
    return Error::success();
  return session->load(options.loadState);
}

Error runGenerate(const Options &options) {
  if (Error error = checkOutputs(options))
    return error;
  RunTimes times(options.time == "ops");
  GenerationSession model;
  if (Error error = model.open(options))
    return error;
  Session &session = *model.session;
  times.loaded(session);
  if (!options.input.empty())
    return runLines(options, model);

  Expected<std::vector<int32_t>> ids = promptIds(options, model);
  if (!ids)
    return ids.takeError();
  PromptProgress progress(options.quiet);
  session.onChunk([&](int64_t position, int64_t end) {
    progress.show(position, end);
    return true;
  });
  int64_t saved = session.position();
  Generator::Options generation = options.generation;
  generation.promptRead = [&](int64_t tokens) {
    progress.clear();
    times.prefilled(session, tokens);
  };
  Error output;
  Expected<GeneratedText> answer = model.generator->run(
      *ids, options.request, generation, [&](std::string_view piece) {
        if (!options.json)
          output = printText(piece);
        return !output;
      });
  progress.clear();
  if (!answer)
    return answer.takeError();
  if (output)
    return output;
  times.decoded(session, int64_t(answer->ids.size()));
  if (options.json)
    std::puts(
        answerJson(*answer, options.request.logprobs.value_or(0) > 0).c_str());
  else if (isatty(STDOUT_FILENO) && !answer->text.ends_with('\n'))
    std::fputc('\n', stdout);
  if (Error error = flushOutput())
    return error;
  if (!options.saveState.empty())
    if (Error error = session.save(options.saveState))
      return error;
  if (!options.loadState.empty() && !options.quiet)
    std::fprintf(stderr,
                 "state: the prompt begins with %lld of its %lld "
                 "tokens\n",
                 (long long)answer->reusedTokens, (long long)saved);
  if (options.generation.lookup && !options.quiet)
    std::fprintf(stderr, "lookup: %lld of %lld proposed tokens were right\n",
                 (long long)answer->accepted, (long long)answer->proposed);
  if (!options.time.empty())
    times.print(session);
  return Error::success();
}

} // namespace lora_rt::cli
