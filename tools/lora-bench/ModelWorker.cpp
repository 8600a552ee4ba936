//===- ModelWorker.cpp - Runs a compiled model on request -----------------===//
//
// Like a compiled file, this program links only the runtime. So the time to
// load a model is the time that users wait for.
//
//===----------------------------------------------------------------------===//

#include "WorkerLoop.h"
#include "lora-runtime/Program.h"
#include "lora-runtime/Session.h"

#include <cstdlib>
#include <map>

using namespace lora::bench;
using namespace lora_rt;

namespace {

/// Ids that are spread over the vocabulary; the same in every run.
std::vector<int32_t> someTokens(const Manifest::Model &model, int64_t count) {
  std::vector<int32_t> ids;
  uint32_t state = 12345;
  while (int64_t(ids.size()) < count) {
    state = state * 1664525u + 1013904223u;
    auto id = int32_t((state >> 8) % uint32_t(model.vocabSize));
    // A padding token would not be computed.
    if (id != model.padTokenId)
      ids.push_back(id);
  }
  return ids;
}

class ModelWorker {
public:
  static Expected<std::unique_ptr<ModelWorker>>
  load(const std::string &file, unsigned threads, int64_t context) {
    ExecutableOptions options;
    options.threads = threads;
    Expected<std::shared_ptr<Executable>> executable =
        Executable::open(file, options);
    if (!executable)
      return executable.takeError();
    auto worker = std::make_unique<ModelWorker>();
    worker->executable = *executable;
    const Manifest::Model &model = worker->executable->manifest().model;
    Expected<std::unique_ptr<Session>> session =
        Session::create(*executable, model.isBidirectional ? 0 : context);
    if (!session)
      return session.takeError();
    worker->session = std::move(*session);
    return worker;
  }

  Json description() const {
    const Manifest::Model &model = session->model();
    return {{"ready", now()},
            {"engine", executable->engineDescription()},
            {"threads", executable->threads()},
            {"encoder", model.isBidirectional},
            {"longest",
             model.isBidirectional ? session->context() : model.maxPositions},
            {"dtype", std::string(manifestName(model.dtype))}};
  }

  Expected<Json> handle(const Json &request) {
    std::string what = request.value("do", "");
    if (what == "forward")
      return forward(number(request, "tokens"), request.value("seconds", 0.0));
    if (what == "decode")
      return decode(number(request, "context"), number(request, "steps"));
    if (what == "continue")
      return steps(*session, number(request, "steps"));
    return makeError(ErrorCode::InvalidArgument,
                     "unknown request: ", request.dump());
  }

private:
  /// Runs a prompt and computes the logits of its last token; for an encoder,
  /// runs a row.
  Error runPrompt(Session &target, const std::vector<int32_t> &ids) {
    TokenRow row = {ids, {}};
    if (target.model().isBidirectional)
      return target.run(
          std::span(&row, 1),
          [](size_t, const ResultSpan &) { return Error::success(); },
          Session::Output::Hidden);
    target.reset();
    if (Error error = target.feed(row))
      return error;
    Expected<std::span<const float>> logits = target.last();
    return logits ? Error::success() : logits.takeError();
  }

  Expected<Json> forward(int64_t tokens, double seconds) {
    std::vector<int32_t> ids = someTokens(session->model(), tokens);
    Expected<std::vector<double>> times =
        timesOf(seconds, [&] { return runPrompt(*session, ids); });
    if (!times)
      return times.takeError();
    return Json{{"seconds", median(*times)},
                {"least", *std::min_element(times->begin(), times->end())}};
  }

  /// A step is the choice of a token and its forward pass. Sequences stay in
  /// their cache from one request to the next, and grow by the steps.
  Expected<Json> decode(int64_t context, int64_t steps) {
    std::unique_ptr<Session> &sequence = sequences[context];
    int64_t limit = session->model().maxPositions;
    constexpr int64_t growth = 256;
    if (!sequence) {
      Expected<std::unique_ptr<Session>> made =
          Session::create(executable, std::min(limit, context + growth));
      if (!made)
        return made.takeError();
      sequence = std::move(*made);
    }
    if (steps < 1 || context + steps > sequence->context())
      return makeError(ErrorCode::InvalidArgument, context, " tokens and ",
                       steps, " steps do not fit ", sequence->context(),
                       " positions");
    if (sequence->position() == 0 ||
        sequence->position() + steps > sequence->context())
      if (Error error =
              runPrompt(*sequence, someTokens(sequence->model(), context)))
        return error;
    return this->steps(*sequence, steps);
  }

  Expected<Json> steps(Session &sequence, int64_t count) {
    int64_t first = sequence.position();
    std::vector<double> times;
    for (int64_t i = 0; i < count; ++i) {
      double start = now();
      Expected<int32_t> next = sequence.greedy();
      if (!next)
        return next.takeError();
      if (Error error = sequence.feed({std::span(&*next, 1), {}}))
        return error;
      times.push_back(now() - start);
    }
    if (times.empty())
      return makeError(ErrorCode::InvalidArgument, "no steps");
    return Json{{"seconds", median(times)},
                {"least", *std::min_element(times.begin(), times.end())},
                {"context", double(first) + double(count + 1) / 2}};
  }

  std::shared_ptr<Executable> executable;
  std::unique_ptr<Session> session;
  /// By the number of tokens with which they began.
  std::map<int64_t, std::unique_ptr<Session>> sequences;
};

} // namespace

int main(int argc, char **argv) {
  beginProgram("lora-bench-model: ");
  if (argc != 4) {
    std::fputs("Usage: lora-bench-model FILE THREADS CONTEXT\n"
               "A part of lora-bench, which starts it: answers requests on "
               "standard input.\n",
               stderr);
    return 1;
  }
  auto worker = ModelWorker::load(argv[1], unsigned(std::atoi(argv[2])),
                                  std::atoll(argv[3]));
  if (!worker) {
    answerError(worker.takeError());
    return 1;
  }
  answer((*worker)->description());
  return answerRequests(
      [&](const Json &request) { return (*worker)->handle(request); });
}
