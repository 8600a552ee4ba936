//===- RowRules.h - The rules for a row of tokens ---------------*- C++ -*-===//
//
// Which ids a model accepts, which positions its tokens have, and which token
// classifies the whole row.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_ROWRULES_H
#define LORA_RUNTIME_SESSION_ROWRULES_H

#include "lora-runtime/Session.h"

namespace lora_rt {

/// Fails for an empty row, for ids outside the vocabulary, and for token types
/// that the model does not have, that do not match the ids in number, or that
/// are out of range.
Error checkTokens(const Manifest::Model &model, const TokenRow &row);

/// Fails for a row that does not fit one call of at most `largest` tokens.
Error checkLength(const Manifest::Model &model, const TokenRow &row,
                  int64_t largest);

/// The positions of a bidirectional model's tokens: 0, 1, 2, ...; or those of
/// create_position_ids_from_input_ids in transformers, minus padding_idx + 1.
std::vector<int32_t> positionsOf(const Manifest::Model &model,
                                 std::span<const int32_t> ids);

/// The token whose hidden state classifies the row. For an encoder it is the
/// first one. Otherwise it is the last one that is not padding; the first one
/// if all are padding; and the last one if the model has no padding.
size_t pooledToken(const Manifest::Model &model, std::span<const int32_t> ids);

/// The same error with the number of the row, if there are several.
Error inRow(Error error, size_t row, size_t rows);

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_ROWRULES_H
