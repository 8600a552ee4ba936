//===- TextRows.h - Texts as rows of tokens ---------------------*- C++ -*-===//
//
// The private members of TextEncoder, which its sources share: a text as a row
// of tokens, and what a task wants from the rows.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ENCODE_TEXTROWS_H
#define LORA_RUNTIME_ENCODE_TEXTROWS_H

#include "lora-runtime/TextEncoder.h"

namespace lora_rt {

/// A token with its probability.
struct Candidate {
  uint32_t id;
  double score;
};

struct TextEncoder::Row {
  TextInput text;
  std::vector<int32_t> ids, types;
  /// Offsets, and which tokens were added, if the task keeps them.
  TextEncoding encoding;
  /// The number of the text.
  size_t index = 0;
  /// What the task took from the results.
  std::vector<float> values;
  std::vector<std::vector<Candidate>> candidates;

  TokenRow tokens() const { return {ids, types}; }
};

/// The most tokens of a text.
struct TextEncoder::Limit {
  int64_t most = 0;
  /// Where longer texts are cut if they may be cut.
  int64_t cut = 0;
  /// What sets the limit, and what changes it.
  std::string reason;
};

struct TextEncoder::Task {
  Limit limit;
  bool truncates = false;
  std::string_view prompt;
  bool lowersCase = false;
  bool keepsEncoding = false;
  Session::Output output = Session::Output::Logits;
  /// The number of values that a row keeps.
  int64_t width = 1;
  /// Fails for a text that does not fit the task.
  std::function<Error(const Row &row)> check;
  /// Takes results of a row. They come in the order of its tokens.
  std::function<Error(Row &row, const ResultSpan &results)> take;
  /// Passes the finished row on.
  std::function<Error(Row &row)> finish;
};

/// Removes tokens until there are at most `limit`, as the tokenizers library
/// truncates: those of the longer text of a pair first; added tokens stay.
Error truncate(TextEncoding &encoding, int64_t limit, bool fromLeft);

/// Fails if there is a NaN: a model with such numbers is damaged.
Error checkNumbers(std::span<const float> values);

/// The probabilities of logits, added up in double precision.
void softmax(std::span<const float> logits, std::vector<double> &result);

} // namespace lora_rt

#endif // LORA_RUNTIME_ENCODE_TEXTROWS_H
