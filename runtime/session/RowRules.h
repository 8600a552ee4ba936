//===- RowRules.h - What holds for a row of tokens --------------*- C++ -*-===//
//
// Which ids a model takes, where its tokens stand, and which of them a
// classification of the whole row is read from.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_ROWRULES_H
#define LORA_RUNTIME_SESSION_ROWRULES_H

#include "lora-runtime/Session.h"

namespace lora_rt {

/// Refuses an empty row, ids outside the vocabulary, and token types that are
/// not there, do not fit the ids, or are outside their range.
Error checkTokens(const Manifest::Model &model, const TokenRow &row);

/// Refuses a row that does not fit one call of at most `largest` tokens.
Error checkLength(const Manifest::Model &model, const TokenRow &row,
                  int64_t largest);

/// The positions of a bidirectional model's tokens: 0, 1, 2, ...; or those of
/// create_position_ids_from_input_ids in transformers, less padding_idx + 1.
std::vector<int32_t> positionsOf(const Manifest::Model &model,
                                 std::span<const int32_t> ids);

/// The token whose hidden state classifies the row: the first one of an
/// encoder; otherwise the last one that is not padding, the first one of
/// nothing but padding, and the last one if the model has no padding.
size_t pooledToken(const Manifest::Model &model, std::span<const int32_t> ids);

/// The same failure with the row named, if there are several.
Error inRow(Error error, size_t row, size_t rows);

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_ROWRULES_H
