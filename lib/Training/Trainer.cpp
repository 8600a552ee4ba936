//===- Trainer.cpp - Fine-tuning an adapter -------------------------------===//
//
// A run has these stages: check the options; read all inputs and check them;
// compile one step for each padded length; report the memory that it needs;
// run; write the adapter.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Training/Trainer.h"
#include "AdapterFiles.h"
#include "RunFolder.h"
#include "TrainingProgram.h"
#include "lora-runtime/OutputPath.h"
#include "lora-runtime/TrainingData.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
namespace fs = std::filesystem;

namespace {

/// The step takes these numbers in f32. A number that is not zero must not
/// become zero by rounding, and a finite one must not become infinite.
Error checkNumber(const char *name, double value, bool canBeZero,
                  double below = std::numeric_limits<double>::infinity()) {
  float taken = float(value);
  if (std::isfinite(taken) && value >= 0 && double(taken) < below &&
      (taken != 0 || (canBeZero && value == 0)))
    return Error::success();
  std::ostringstream limit;
  limit << below;
  return lora_rt::makeError(
      ErrorCode::InvalidArgument, name, ": expected a number ",
      canBeZero ? "from 0 up" : "above 0",
      std::isfinite(below) ? " and below " + limit.str() : "",
      ", that f32 can hold, but got ", value);
}

Error checkOptions(const TrainingOptions &options) {
  for (auto [name, value] : {std::pair("--steps", options.steps),
                             std::pair("--batch-size", options.batchSize)})
    if (value < 1)
      return lora_rt::makeError(ErrorCode::InvalidArgument, name,
                                ": expected a number from 1 up, but got ",
                                value);
  const AdamWOptions &optimizer = options.optimizer;
  if (Error error = checkNumber("--lr", optimizer.learningRate, true))
    return error;
  for (double beta : {optimizer.beta1, optimizer.beta2})
    if (Error error = checkNumber("--betas", beta, true, /*below=*/1))
      return error;
  if (Error error = checkNumber("--eps", optimizer.eps, true))
    return error;
  if (Error error = checkNumber("--weight-decay", optimizer.weightDecay, true))
    return error;
  if (optimizer.clip != std::numeric_limits<double>::infinity())
    return checkNumber("--clip", optimizer.clip, false);
  return Error::success();
}

std::vector<std::string> inputsOf(const TrainingOptions &options) {
  std::vector<std::string> inputs = {options.modelFolder,
                                     options.adapterFolder};
  // A folder is not data; the reader reports that.
  std::error_code code;
  if (!fs::is_directory(options.dataFile, code))
    inputs.push_back(options.dataFile);
  return inputs;
}

/// The file of gradients must not replace a file that is read or written.
Error checkGradientsFile(const TrainingOptions &options) {
  if (Error error =
          lora_rt::checkOutputFile(options.gradientsFile, inputsOf(options)))
    return error;
  fs::path file = options.gradientsFile, folder = file.parent_path();
  std::error_code code;
  for (const char *name :
       {"adapter_config.json", "adapter_model.safetensors", "log.csv"})
    if (file.filename() == name && fs::equivalent(folder.empty() ? "." : folder,
                                                  options.outputFolder, code))
      return lora_rt::makeError(ErrorCode::InvalidArgument,
                                options.gradientsFile,
                                ": the run writes its own ", name,
                                " there; give --gradients another name");
  return Error::success();
}

/// Tokens are numbered by int32.
Error checkBatch(const std::vector<lora_rt::TrainingRow> &rows,
                 int64_t batchSize) {
  size_t longest = 0;
  for (const lora_rt::TrainingRow &row : rows)
    longest = std::max(longest, row.ids.size());
  int64_t length = lora_rt::paddedLength(int64_t(longest));
  if (batchSize <= std::numeric_limits<int32_t>::max() / length)
    return Error::success();
  return lora_rt::makeError(ErrorCode::InvalidArgument,
                            "--batch-size: ", batchSize, " rows of up to ",
                            length,
                            " tokens are more than 2147483647 tokens a step");
}

int64_t longestOf(const std::vector<const lora_rt::TrainingRow *> &rows) {
  size_t longest = 0;
  for (const lora_rt::TrainingRow *row : rows)
    longest = std::max(longest, row->ids.size());
  return int64_t(longest);
}

/// The hyperparameters of a step, in the order of transformer.adamw.
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

/// A NaN's sign says nothing, but is printed.
float withoutSign(float value) {
  return std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value;
}

Error runSteps(const TrainingOptions &options, TrainingProgram &program,
               const std::vector<lora_rt::TrainingRow> &rows,
               RunFolder &folder) {
  mlir::TimingScope timing = options.instrumentation.time("Steps");
  for (int64_t step = 0; step < options.steps; ++step) {
    auto selected = lora_rt::selectRows(rows, step, options.batchSize);
    lora_rt::TrainingBatch batch =
        lora_rt::makeBatch(selected, program.lengthFor(longestOf(selected)));
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
    report.loss = withoutSign(result->loss);
    report.gradientNorm = withoutSign(result->gradientNorm);
    if (Error error = folder.add(report, options.optimizer.learningRate))
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

/// Reads, compiles and runs. After a failure, `folder` says what remains.
static Error trainInto(RunFolder &folder, const TrainingOptions &options) {
  if (Error error = checkGradientsFile(options))
    return error;
  Expected<std::unique_ptr<TrainingProgram>> program =
      TrainingProgram::create(options);
  if (!program)
    return program.takeError();

  auto [vocabulary, longest] = (*program)->limits();
  Expected<std::vector<lora_rt::TrainingRow>> rows =
      lora_rt::readTrainingRows(options.dataFile, vocabulary, longest);
  if (!rows)
    return rows.takeError();
  if (Error error = checkBatch(*rows, options.batchSize))
    return error;
  if (Error error = lora_rt::checkSteps(*rows, options.steps, options.batchSize,
                                        options.dataFile))
    return error;

  // Rows are taken in order, so it is known which lengths will occur.
  std::set<int64_t> lengths;
  int64_t cycle = lora_rt::stepsPerCycle(*rows, options.batchSize);
  for (int64_t step = 0; step < std::min(options.steps, cycle); ++step)
    lengths.insert(
        longestOf(lora_rt::selectRows(*rows, step, options.batchSize)));
  if (Error error = (*program)->compile(lengths))
    return error;
  if (Error error = runSteps(options, **program, *rows, folder))
    return error;
  mlir::TimingScope timing = options.instrumentation.time("Output");
  return folder.writeAdapter(**program);
}

Error lora::train(const TrainingOptions &options) {
  if (Error error = checkOptions(options))
    return error;
  if (Error error =
          lora_rt::checkOutput(options.outputFolder, inputsOf(options)))
    return error;
  RunFolder folder;
  if (Error error = folder.open(options.outputFolder))
    return error;
  Error error = trainInto(folder, options);
  if (!error)
    return error;
  return Error(error.code(), error.message() + folder.remains());
}
