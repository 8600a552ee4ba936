//===- Trainer.cpp - Fine-tuning an adapter -------------------------------===//
//
// The order of things: read everything and check it, compile one step per
// padded length, say what memory it takes, run, write.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Training/Trainer.h"
#include "AdapterFiles.h"
#include "StepLog.h"
#include "TrainingProgram.h"
#include "lora-runtime/TrainingData.h"

#include <algorithm>
#include <chrono>
#include <cmath>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

/// The rows of step `step` (from 0).
std::vector<const lora_rt::TrainingRow *>
selectRows(const std::vector<lora_rt::TrainingRow> &rows, int64_t step,
           int64_t batchSize) {
  std::vector<const lora_rt::TrainingRow *> selected;
  for (int64_t i = 0; i < batchSize; ++i)
    selected.push_back(
        &rows[size_t((step * batchSize + i) % int64_t(rows.size()))]);
  return selected;
}

int64_t longestOf(const std::vector<const lora_rt::TrainingRow *> &rows) {
  size_t longest = 0;
  for (const lora_rt::TrainingRow *row : rows)
    longest = std::max(longest, row->ids.size());
  return int64_t(longest);
}

/// The inputs that change from step to step, as transformer.adamw takes them.
std::array<float, 8> getHyperparameters(const AdamWOptions &options,
                                        int64_t step) {
  return {float(options.learningRate),
          float(options.beta1),
          float(options.beta2),
          float(options.eps),
          float(options.weightDecay),
          float(1.0 - std::pow(options.beta1, double(step))),
          float(1.0 - std::pow(options.beta2, double(step))),
          float(options.clip)};
}

Error runSteps(const TrainingOptions &options, TrainingProgram &program,
               const std::vector<lora_rt::TrainingRow> &rows, StepLog &log) {
  for (int64_t step = 0; step < options.steps; ++step) {
    auto selected = selectRows(rows, step, options.batchSize);
    lora_rt::TrainingBatch batch =
        lora_rt::makeBatch(selected, program.lengthFor(longestOf(selected)));
    if (batch.counted == 0)
      return lora_rt::makeError(
          ErrorCode::InvalidFile, options.dataFile, ": the ", batch.rows,
          " rows of step ", step + 1,
          " have no token to predict: all their labels are -100 or they have "
          "one token; remove them");
    StepReport report;
    report.step = step + 1;
    report.tokens = batch.tokens;
    auto start = std::chrono::steady_clock::now();
    Expected<StepResult> result =
        program.run(batch, getHyperparameters(options.optimizer, step + 1));
    if (!result)
      return result.takeError();
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    report.loss = result->loss;
    report.gradientNorm = result->gradientNorm;
    if (Error error = log.add(report, options.optimizer.learningRate))
      return error;
    if (options.report)
      options.report(report);
    if (!std::isfinite(report.loss) || !std::isfinite(report.gradientNorm))
      return lora_rt::makeError(
          ErrorCode::InvalidArgument, "step ", step + 1, ": the loss is ",
          report.loss, " and the gradient's norm ", report.gradientNorm,
          "; training has diverged, or a weight is not a number; try a smaller "
          "--lr or a --clip");
    if (step == 0 && !options.gradientsFile.empty())
      if (Error error = writeGradients(options.gradientsFile, program))
        return error;
  }
  return Error::success();
}

} // namespace

Error lora::train(const TrainingOptions &options) {
  Expected<std::unique_ptr<TrainingProgram>> program =
      TrainingProgram::create(options);
  if (!program)
    return program.takeError();

  auto [vocabulary, longest] = (*program)->limits();
  Expected<std::vector<lora_rt::TrainingRow>> rows =
      lora_rt::readTrainingRows(options.dataFile, vocabulary, longest);
  if (!rows)
    return rows.takeError();
  if (Error error = makeFolder(options.outputFolder))
    return error;

  // Which lengths will occur is known: rows are taken in order.
  std::set<int64_t> lengths;
  int64_t cycle = int64_t(rows->size()); // Steps repeat after this many.
  for (int64_t step = 0; step < std::min(options.steps, cycle); ++step)
    lengths.insert(longestOf(selectRows(*rows, step, options.batchSize)));
  if (Error error = (*program)->compile(lengths))
    return error;

  Expected<StepLog> log = StepLog::create(options.outputFolder + "/log.csv");
  if (!log)
    return log.takeError();
  if (Error error = runSteps(options, **program, *rows, *log))
    return error;
  return writeAdapter(options.outputFolder, **program);
}
