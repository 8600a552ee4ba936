//===- Run.cpp - What the command line asks for ---------------------------===//

#include "RunCommand.h"

#include <algorithm>
#include <cstdio>

namespace lora_rt::cli {

namespace {

void printMemory(const Session &session) {
  MemoryReport report = session.memory();
  std::fprintf(stderr, "memory: %s of weights (mapped)",
               sizeText(report.parameters).c_str());
  if (report.repacked)
    std::fprintf(stderr, " + %s repacked", sizeText(report.repacked).c_str());
  std::fprintf(
      stderr, " + %s of cache for %lld tokens + %s of workspace = %s\n",
      sizeText(report.states).c_str(), (long long)session.context(),
      sizeText(report.workspace).c_str(), sizeText(report.total()).c_str());
}

bool isEos(const Manifest::Model &model, int32_t id) {
  return std::find(model.eosTokenIds.begin(), model.eosTokenIds.end(), id) !=
         model.eosTokenIds.end();
}

Error generate(Session &session, const Options &options, RunTimes &times,
               int64_t promptTokens) {
  std::string line;
  int64_t count = 0;
  Error error = session.generate(*options.generate, [&](int32_t id) {
    line += (count ? "," : "") + std::to_string(id);
    if (count++ == 0)
      times.prefilled(session, promptTokens);
    return !(options.stopAtEos && isEos(session.model(), id));
  });
  if (error)
    return error;
  times.decoded(session, count - 1);
  std::puts(line.c_str());
  std::fflush(stdout);
  return Error::success();
}

Error checkOptions(const Options &options) {
  auto fail = [](const char *text) {
    return makeError(ErrorCode::InvalidArgument, text);
  };
  if (options.ids.empty())
    return fail("--ids is missing: the token ids to start with");
  if (!options.generate && options.logits.empty() && options.hidden.empty() &&
      options.compare.empty())
    return fail("nothing to do: --generate N, --logits FILE, --hidden FILE and "
                "--compare FILE:TENSOR say what to compute");
  if (!options.hidden.empty() &&
      !(options.logits.empty() && options.compare.empty()))
    return fail("--hidden goes alone, without --logits and --compare");
  if ((options.tolerance || options.relativeTolerance) &&
      options.compare.empty())
    return fail("a tolerance needs --compare");
  return Error::success();
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

Error run(const Options &options) {
  if (options.info)
    return printInfo(options.file);
  if (Error error = checkOptions(options))
    return error;
  Expected<std::vector<int32_t>> ids = parseIds(options.ids);
  if (!ids)
    return ids.takeError();
  int64_t tokens = int64_t(ids->size());

  RunTimes times;
  ModuleOptions moduleOptions;
  moduleOptions.threads = options.threads;
  moduleOptions.verifyPack = options.verify;
  Expected<std::shared_ptr<Module>> module =
      Module::open(options.file, moduleOptions);
  if (!module)
    return module.takeError();
  Expected<std::unique_ptr<Session>> created =
      Session::create(*module, options.context);
  if (!created)
    return created.takeError();
  Session &session = **created;
  times.loaded();
  if (!options.quiet)
    printMemory(session);
  if (options.generate && !session.model().hasHead())
    return makeError(ErrorCode::Unsupported,
                     "the model has no head, so it cannot continue; --logits "
                     "writes its hidden states");

  if (Error error = session.checkRoom(tokens, options.generate.value_or(0)))
    return error;

  bool asHidden = !options.hidden.empty() || !session.model().hasHead();
  ResultRows results(tokens, asHidden ? session.model().hiddenSize
                                      : session.model().vocabSize);
  const std::string &path =
      options.hidden.empty() ? options.logits : options.hidden;
  Session::Rows rows;
  if (!path.empty() || !options.compare.empty()) {
    rows = [&](int64_t first, std::span<const float> values) {
      return results.take(first, values);
    };
    if (!path.empty())
      if (Error error =
              results.writeTo(path, asHidden ? "last_hidden_state" : "logits"))
        return error;
    if (!options.compare.empty())
      if (Error error = results.compareWith(options.compare))
        return error;
  }
  if (Error error = session.feed(*ids, rows,
                                 asHidden ? Session::Output::Hidden
                                          : Session::Output::Logits))
    return error;
  if (!options.generate || *options.generate == 0)
    times.prefilled(session, tokens);
  if (options.generate)
    if (Error error = generate(session, options, times, tokens))
      return error;
  if (rows)
    if (Error error =
            results.finish(options.tolerance, options.relativeTolerance))
      return error;
  if (options.time)
    times.print(session);
  return Error::success();
}

} // namespace lora_rt::cli
