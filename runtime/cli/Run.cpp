//===- Run.cpp - The tasks of the command line ----------------------------===//
//
// Opens the executable, makes a session, and runs what the options ask for:
// generation, logits, hidden states, comparison, times.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"
#include "lora-runtime/Program.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace lora_rt::cli {

namespace {

void printMemory(const Session &session) {
  MemoryReport report = session.memory();
  std::string text = sizeText(report.parameters) + " of weights (mapped)";
  if (report.repacked)
    text += " + " + sizeText(report.repacked) + " repacked";
  std::string tokens = std::to_string(session.context()) + " tokens";
  if (!session.model().isBidirectional)
    text += " + " + sizeText(report.states) + " of cache for " + tokens;
  text += " + " + sizeText(report.workspace) + " of workspace";
  if (session.model().isBidirectional)
    text += " for rows of up to " + tokens;
  std::fprintf(stderr, "memory: %s = %s\n", text.c_str(),
               sizeText(report.total()).c_str());
}

Error generate(Session &session, const Options &options, RunTimes &times,
               int64_t promptTokens) {
  std::string line;
  int64_t count = 0;
  Error error = session.generate(*options.generate, [&](int32_t id) {
    line += (count ? "," : "") + std::to_string(id);
    if (count++ == 0)
      times.prefilled(session, promptTokens);
    return !(options.stopAtEos && session.model().isEnd(id));
  });
  if (error)
    return error;
  if (count == 0)
    times.prefilled(session, promptTokens);
  else
    times.decoded(session, count - 1);
  std::puts(line.c_str());
  return flushOutput();
}

/// The file of --logits, --hidden or --pooled; empty if none is written.
const std::string &outputPath(const Options &options) {
  return !options.pooled.empty()   ? options.pooled
         : !options.hidden.empty() ? options.hidden
                                   : options.logits;
}

Error checkOptions(const Options &options) {
  auto fail = [](const char *text) {
    return makeError(ErrorCode::InvalidArgument, text);
  };
  if (!options.hidden.empty() &&
      !(options.logits.empty() && options.compare.empty()))
    return fail("--hidden goes alone, without --logits and --compare");
  if (!options.pooled.empty() &&
      !(options.logits.empty() && options.hidden.empty() &&
        options.compare.empty() && !options.generate))
    return fail("--pooled goes alone, without --logits, --hidden, --compare "
                "and --generate");
  if ((options.tolerance || options.relativeTolerance) &&
      options.compare.empty())
    return fail("a tolerance needs --compare");
  return checkOutput(
      outputPath(options),
      {options.file, options.compare.substr(0, options.compare.rfind(':'))});
}

/// The rows of --ids, or the one of a text.
Expected<Batch> readBatch(const Options &options) {
  if (!options.ids.empty() || !options.idsFile.empty())
    return parseBatch(options);
  Expected<std::optional<std::string>> prompt = readPrompt(options);
  if (!prompt)
    return prompt.takeError();
  if (!*prompt)
    return makeError(ErrorCode::InvalidArgument,
                     "what to start with is missing: --ids, or a text");
  Expected<Payload> payload = Payload::open(options.file);
  if (!payload)
    return payload.takeError();
  Expected<TextModel> text = TextModel::open(*payload);
  if (!text)
    return text.takeError();
  Expected<std::vector<int32_t>> ids = text->encode(**prompt);
  if (!ids)
    return ids.takeError();
  Batch batch;
  batch.ids.push_back(std::move(*ids));
  return batch;
}

} // namespace

std::string sizeText(uint64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", value,
                units[unit]);
  return text;
}

Error flushOutput() {
  // Later calls find the stream in error, but no reason.
  static int reason = 0;
  if (std::fflush(stdout) == 0 && !std::ferror(stdout))
    return Error::success();
  if (reason == 0)
    reason = errno;
  if (reason == EPIPE)
    failOutput(/*status=*/0, reason);
  return makeError(ErrorCode::System, "standard output cannot be written to: ",
                   systemMessage(reason));
}

Error run(const Options &options) {
  switch (options.task) {
  case Task::Info:
    return printInfo(options.file);
  case Task::Tokenize:
  case Task::Detokenize:
  case Task::Render:
    return runTextTask(options);
  case Task::Generate:
    return runGenerate(options);
  case Task::Chat:
    return runChat(options);
  case Task::Embed:
  case Task::Classify:
  case Task::FillMask:
  case Task::Tag:
    return runEncode(options);
  case Task::Ids:
    break;
  }
  if (Error error = checkOptions(options))
    return error;
  Expected<Batch> batch = readBatch(options);
  if (!batch)
    return batch.takeError();

  RunTimes times(options.time == "ops");
  ExecutableOptions executableOptions;
  executableOptions.threads = options.threads;
  executableOptions.verifyPack = options.verify;
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(options.file, executableOptions);
  if (!executable)
    return executable.takeError();
  Expected<std::unique_ptr<Session>> created =
      Session::create(*executable, options.context);
  if (!created)
    return created.takeError();
  Session &session = **created;
  times.loaded(session);
  if (!options.quiet)
    printMemory(session);
  if (options.generate)
    if (Error error = session.checkGenerative())
      return makeError(error.code(), "--generate: ", error.message());
  std::vector<TokenRow> rows = batch->rows();
  if (Error error = session.checkBatch(rows, options.generate.value_or(0)))
    return error;

  auto output = Session::Output::Logits;
  const char *tensor = "logits";
  if (!options.pooled.empty()) {
    output = Session::Output::Pooled;
    tensor = "pooler_output";
  } else if (!options.hidden.empty() || !session.model().hasHead()) {
    output = Session::Output::Hidden;
    tensor = "last_hidden_state";
  }
  if (Error error = session.checkOutput(output))
    return makeError(error.code(), "--pooled: ", error.message());
  std::vector<int64_t> lengths;
  for (const TokenRow &row : rows)
    lengths.push_back(int64_t(row.ids.size()));
  ResultRows results(lengths, session.rowSize(output),
                     session.isPooled(output));
  const std::string &path = outputPath(options);
  Session::BatchRows sink;
  if (!path.empty() || !options.compare.empty()) {
    sink = [&](size_t row, const ResultSpan &part) {
      return results.take(row, part.first, part.values);
    };
    if (!path.empty())
      if (Error error = results.writeTo(path, tensor))
        return error;
    if (!options.compare.empty())
      if (Error error = results.compareWith(options.compare))
        return error;
  }
  if (options.generate) {
    for (size_t row = 0; row < rows.size(); ++row) {
      session.reset(batch->longest() - lengths[row]);
      Session::Rows rowSink;
      if (sink)
        rowSink = [&](const ResultSpan &part) { return sink(row, part); };
      if (Error error = session.feed(rows[row], rowSink, output))
        return error;
      if (Error error = generate(session, options, times, lengths[row]))
        return error;
    }
  } else {
    if (Error error = session.run(rows, sink, output))
      return error;
    times.prefilled(session, batch->tokens());
  }
  if (sink)
    if (Error error =
            results.finish(options.tolerance, options.relativeTolerance))
      return error;
  if (!options.time.empty())
    times.print(session);
  return Error::success();
}

} // namespace lora_rt::cli
