//===- Encode.cpp - Texts through an encoder ------------------------------===//
//
// Runs --embed, --classify, --fill-mask and --tag: on one text, or on the lines
// of a file, window by window. A file of results appears when it is complete.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "EncodeTask.h"
#include "TextSource.h"
#include "lora-runtime/Clock.h"
#include "lora-runtime/OutputPath.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace lora_rt::cli {

namespace {

/// The texts that are read at once, if their results are small.
constexpr size_t windowTexts = 8192;

/// The file, its text side and a session.
struct EncoderModel : TextSession {
  std::optional<TextEncoder> encoder;

  Error open(const Options &options);
};

Error EncoderModel::open(const Options &options) {
  if (Error error = TextSession::open(options))
    return error;
  Expected<TextEncoder> made = TextEncoder::create(*session, *text);
  if (!made)
    return makeError(ErrorCode::InvalidFile, options.file, ": ",
                     made.message());
  encoder.emplace(std::move(*made));
  return Error::success();
}

const char *nameOf(Task task) {
  return task == Task::Embed      ? "--embed"
         : task == Task::Classify ? "--classify"
         : task == Task::FillMask ? "--fill-mask"
                                  : "--tag";
}

/// Where lines of results go.
class LineWriter {
public:
  Error open(const std::string &path) {
    if (path.empty())
      return Error::success();
    Expected<OutputFile> created = OutputFile::create(path);
    if (!created)
      return created.takeError();
    file.emplace(std::move(*created));
    return Error::success();
  }
  Error write(std::string line) {
    if (!file)
      return printLine(line);
    line += '\n';
    return file->append(std::as_bytes(std::span(line)));
  }
  Error commit() { return file ? file->commit() : Error::success(); }

private:
  std::optional<OutputFile> file;
};

/// Runs the texts of a source, window by window.
class EncodeRun {
public:
  EncodeRun(const Options &options, EncodeTask &task, LineWriter &writer)
      : options(options), task(task), writer(writer),
        showsProgress(!options.quiet && !options.input.empty() &&
                      isatty(STDERR_FILENO)) {}

  Error run(TextSource &source) {
    total = source.count();
    size_t most = std::clamp<size_t>((size_t(1) << 22) / task.resultSize(), 64,
                                     windowTexts);
    for (;;) {
      source.next(most, items);
      if (items.empty())
        break;
      if (Error error = runWindow())
        return error;
      done += items.size();
    }
    clearProgress();
    if (Error error = writer.commit())
      return error;
    if (bad)
      return makeError(ErrorCode::InvalidArgument, options.input, ": ", bad,
                       " of ", total, " texts have no result; the others have");
    return Error::success();
  }

private:
  Error runWindow() {
    std::vector<TextInput> texts;
    /// The places of the texts in the window.
    std::vector<size_t> places;
    std::vector<std::string> lines(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      if (items[i].error) {
        if (Error error = failed(std::move(items[i].error), lines[i]))
          return error;
        continue;
      }
      texts.push_back(items[i].text);
      places.push_back(i);
    }
    TextRunOptions run;
    run.truncates = options.generation.truncate;
    run.nameOf = [&](size_t index) { return items[places[index]].name; };
    run.failed = [&](size_t index, Error error) {
      return failed(std::move(error), lines[places[index]]);
    };
    run.progress = [&](size_t count) { showProgress(done + count); };
    std::vector<std::string> results(texts.size());
    if (Error error = task.run(texts, run, results))
      return error;
    if (task.isTensor())
      return Error::success();
    for (size_t i = 0; i < texts.size(); ++i)
      if (lines[places[i]].empty())
        lines[places[i]] = std::move(results[i]);
    for (std::string &line : lines)
      if (Error error = writer.write(std::move(line)))
        return error;
    return Error::success();
  }

  /// An error ends the run, except that of a line whose result is a line.
  Error failed(Error error, std::string &line) {
    if (options.input.empty() || task.isTensor()) {
      clearProgress();
      return error;
    }
    ++bad;
    clearProgress();
    std::fprintf(stderr, "%s\n", error.message().c_str());
    line = OrderedJson({{"error", error.message()}})
               .dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    return Error::success();
  }

  void showProgress(size_t count) {
    if (!showsProgress || now() - shown < 0.2)
      return;
    shown = now();
    std::fprintf(stderr, "\rtext %zu of %zu", count, total);
  }

  void clearProgress() {
    if (showsProgress)
      std::fputs("\r\033[K", stderr);
  }

  const Options &options;
  EncodeTask &task;
  LineWriter &writer;
  bool showsProgress;
  std::vector<TextSource::Item> items;
  size_t done = 0, bad = 0, total = 0;
  double shown = 0;
};

} // namespace

Error runEncode(const Options &options) {
  if (Error error = checkOutput(
          options.output, {options.file, options.input, options.promptFile}))
    return error;
  RunTimes times(options.time == "ops");
  EncoderModel model;
  if (Error error = model.open(options))
    return error;
  times.loaded(*model.session);
  std::unique_ptr<EncodeTask> task =
      EncodeTask::create(options, *model.encoder);
  if (Error error = task->check())
    return error;
  TextSource source;
  if (Error error = source.open(options, nameOf(options.task)))
    return error;
  LineWriter writer;
  if (Error error = task->isTensor() ? task->begin(source.count())
                                     : writer.open(options.output))
    return error;
  if (Error error = EncodeRun(options, *task, writer).run(source))
    return error;
  if (task->isTensor())
    if (Error error = task->commit())
      return error;
  times.prefilled(*model.session, model.encoder->tokens());
  if (!options.time.empty())
    times.print(*model.session);
  return Error::success();
}

} // namespace lora_rt::cli
