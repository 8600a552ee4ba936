//===- TrainingData.h - Pretokenised rows and their batches -----*- C++ -*-===//
//
// Reads rows of token ids from a JSON Lines file and lays batches out on the
// token axis of a training step.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TRAININGDATA_H
#define LORA_RUNTIME_TRAININGDATA_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lora_rt {

/// One sequence. `labels` has the length of `ids`; labels[t] belongs to token t
/// itself (the shift is the batch's business), -100 is not counted.
struct TrainingRow {
  std::vector<int32_t> ids;
  std::vector<int32_t> labels;
  /// In its file, from 1.
  int64_t line = 0;
};

/// Reads `{"input_ids": [...], "labels": [...]}` a line from `path`. Labels
/// default to the ids. Ids and labels outside [0, vocabulary), rows without a
/// token, a longer row than `longest`, an `attention_mask` that is not the
/// number 1 everywhere, and unknown keys are errors that name the line. A row
/// of one token, or without a counted label, is allowed: it adds nothing to the
/// loss.
Expected<std::vector<TrainingRow>>
readTrainingRows(const std::string &path, int64_t vocabulary, int64_t longest);

/// The rows of step `step` (from 0): `batchSize` of them in order, from the
/// start again when they end.
std::vector<const TrainingRow *>
selectRows(const std::vector<TrainingRow> &rows, int64_t step,
           int64_t batchSize);

/// Steps after which the same rows come again.
int64_t stepsPerCycle(const std::vector<TrainingRow> &rows, int64_t batchSize);

/// Fails if one of the first `steps` steps has no counted label, so that it has
/// no loss; names its rows by the lines of `path`.
Error checkSteps(const std::vector<TrainingRow> &rows, int64_t steps,
                 int64_t batchSize, const std::string &path);

/// The inputs of one training step: `rows` sequences side by side on the token
/// axis, each padded on the right to `length` tokens.
struct TrainingBatch {
  int64_t rows = 0;
  int64_t length = 0;
  /// [rows * length].
  std::vector<int32_t> ids;
  /// The sequence table, [4, rows * length]: position, first key, end of keys,
  /// cache row (0: training has no cache).
  std::vector<int32_t> sequence;
  /// [rows * length], already shifted: what each token should predict, -100 for
  /// nothing (padding, the last token of a row).
  std::vector<int32_t> labels;
  /// Tokens that are not padding.
  int64_t tokens = 0;
};

/// Lays `rows` out with `length` tokens each; `length` is at least the longest
/// row's.
TrainingBatch makeBatch(std::span<const TrainingRow *const> rows,
                        int64_t length);

/// The padded length for rows of at most `longest` tokens: a multiple of 8, or
/// of an eighth of the next power of two, so that few lengths occur and less
/// than a quarter is padding of this kind.
int64_t paddedLength(int64_t longest);

} // namespace lora_rt

#endif // LORA_RUNTIME_TRAININGDATA_H
