//===- TrainingData.h - Rows of token ids and their batches -----*- C++ -*-===//
//
// Reads rows of token ids from a JSON Lines file, and arranges batches on the
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

/// One sequence. `labels` has the length of `ids`. labels[t] belongs to token t
/// itself; makeBatch shifts the labels. -100 is not counted.
struct TrainingRow {
  /// Token ids in [0, vocabulary).
  std::vector<int32_t> ids;
  std::vector<int32_t> labels;
  /// The line in its file, from 1.
  int64_t line = 0;
};

/// Reads `path`, with `{"input_ids": [...], "labels": [...]}` on each line.
/// Labels default to the ids. Errors name the line: ids and labels outside [0,
/// vocabulary), a row without tokens or longer than `longest`, an
/// `attention_mask` with values other than 1, an unknown key. A row with one
/// token, or without a counted label, is permitted; it adds nothing to the
/// loss.
Expected<std::vector<TrainingRow>>
readTrainingRows(const std::string &path, int64_t vocabulary, int64_t longest);

/// The rows of step `step` (from 0): `batchSize` rows in order, and again from
/// the first row after the last one.
std::vector<const TrainingRow *>
selectRows(const std::vector<TrainingRow> &rows, int64_t step,
           int64_t batchSize);

/// The number of steps after which the same batches repeat.
int64_t stepsPerCycle(const std::vector<TrainingRow> &rows, int64_t batchSize);

/// Fails if one of the first `steps` steps has no counted label and so no loss.
/// Names its rows by the lines of `path`.
Error checkSteps(const std::vector<TrainingRow> &rows, int64_t steps,
                 int64_t batchSize, const std::string &path);

/// The inputs of one training step: `rows` sequences one after the other on the
/// token axis, each padded on the right to `length` tokens.
struct TrainingBatch {
  /// The number of sequences, and their padded length.
  int64_t rows = 0;
  int64_t length = 0;
  /// [rows * length].
  std::vector<int32_t> ids;
  /// The sequence table, [4, rows * length]: position, first key, end of keys,
  /// cache row (0: training has no cache).
  std::vector<int32_t> sequence;
  /// [rows * length], already shifted: what each token should predict, or -100
  /// (for padding and the last token of a row).
  std::vector<int32_t> labels;
  /// Tokens that are not padding.
  int64_t tokens = 0;
};

/// Arranges `rows` with `length` tokens each. `length` must be at least that of
/// the longest row.
TrainingBatch makeBatch(std::span<const TrainingRow *const> rows,
                        int64_t length);

/// The padded length for rows of at most `longest` tokens: a multiple of 8, or
/// of an eighth of the next power of two. So few lengths occur, and less than a
/// quarter of the tokens is padding.
int64_t paddedLength(int64_t longest);

} // namespace lora_rt

#endif // LORA_RUNTIME_TRAININGDATA_H
