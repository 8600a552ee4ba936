//===- CallPlan.h - From rows of tokens to calls ----------------*- C++ -*-===//
//
// Contains three parts. The rules for a row of tokens: which ids a model
// accepts, which positions its tokens have, which token classifies the row. The
// sizes of the calls in which tokens run: an executable has hidden_states for a
// few numbers of tokens. The inputs of such a call, which
// docs/executable-format.md describes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_CALLPLAN_H
#define LORA_RUNTIME_SESSION_CALLPLAN_H

#include "lora-runtime/Session.h"

namespace lora_rt {

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Fails for an empty row, for ids outside the vocabulary, and for token types
/// that the model does not have, that do not match the ids in number, or that
/// are out of range.
Error checkTokens(const Manifest::Model &model, const TokenRow &row);

/// Fails for a row that does not fit one call of at most `largest` tokens.
Error checkLength(const Manifest::Model &model, const TokenRow &row,
                  int64_t largest);

/// Sets the positions of a bidirectional model's tokens: 0, 1, 2, ...; or those
/// of create_position_ids_from_input_ids in transformers, minus padding_idx
/// + 1.
void setPositions(const Manifest::Model &model, std::span<const int32_t> ids,
                  std::span<int32_t> positions);

/// The token whose hidden state classifies the row. For an encoder it is the
/// first one. Otherwise it is the last one that is not padding; the first one
/// if all are padding; and the last one if the model has no padding.
size_t pooledToken(const Manifest::Model &model, std::span<const int32_t> ids);

/// The same error with the number of the row, if there are several.
Error inRow(Error error, size_t row, size_t rows);

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Splits tokens into chunks of compiled sizes. It keeps its tables from one
/// plan to the next, so the plan of a single token allocates nothing.
class ChunkPlanner {
public:
  /// Ascending sizes.
  explicit ChunkPlanner(std::vector<int64_t> sizes) : all(std::move(sizes)) {}

  std::span<const int64_t> sizes() const { return all; }

  /// Splits `tokens` so that the estimated time is least. Larger chunks come
  /// first; only the last one may be padded. Valid until the next plan.
  std::span<const int64_t> plan(int64_t tokens);

private:
  std::vector<int64_t> all, chunks;
  /// The least cost of the last n tokens, and the first chunk for it.
  std::vector<int64_t> cost, choice;
};

/// Rows that run in one call.
struct PackedCall {
  /// A compiled size; not less than the sum of the rows' lengths.
  int64_t size;
  size_t firstRow, rows;
};

/// Groups consecutive rows into calls so that the estimated time is least. No
/// row may be longer than the largest of `sizes` (ascending); no row is split.
std::vector<PackedCall> planPacking(std::span<const int64_t> sizes,
                                    std::span<const int64_t> lengths);

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// The tokens of one call of hidden_states: ids, sequence table and token
/// types, in one block of memory that is written to the engine at once. A call
/// has as many tokens as it was compiled for. The tokens after those of the
/// rows are padding, which sees no keys.
class CallInput {
public:
  CallInput() = default;
  /// For calls of up to `largest` tokens. `hasTypes`: the model has token
  /// types.
  CallInput(int64_t largest, bool hasTypes);

  /// A piece of a causal model's row that begins at `position`. Keys are cache
  /// rows; padding writes to `spareRow`.
  void setCausal(int64_t size, const TokenRow &piece, int64_t position,
                 int64_t spareRow);

  /// Rows of a bidirectional model, one after the other. The keys of a row are
  /// its own tokens in the call.
  void setPacked(const Manifest::Model &model, int64_t size,
                 std::span<const TokenRow> rows);

  /// The size that the call was compiled for, and the number of tokens before
  /// the padding.
  int64_t size() const { return callSize; }
  int64_t tokens() const { return count; }

  std::span<int32_t> ids() { return part(0, 1); }
  /// [4, size]: positions, first keys, ends of keys, cache rows.
  std::span<int32_t> sequence() { return part(sequencePlace(), 4); }
  std::span<int32_t> types() { return part(typesPlace(), hasTypes ? 1 : 0); }

  /// The block, and the offsets of the inputs in it, in bytes: multiples of 64,
  /// because allocated memory has that alignment, too.
  std::span<const std::byte> block() const;
  uint64_t sequenceOffset() const { return sequencePlace() * sizeof(int32_t); }
  uint64_t typesOffset() const { return typesPlace() * sizeof(int32_t); }
  /// The size of the block of the largest call.
  uint64_t mostBytes() const { return numbers.size() * sizeof(int32_t); }

private:
  /// Rounds up to a multiple of 64 bytes.
  static size_t aligned(size_t count) { return (count + 15) / 16 * 16; }
  size_t sequencePlace() const { return aligned(size_t(callSize)); }
  size_t typesPlace() const {
    return sequencePlace() + aligned(4 * size_t(callSize));
  }
  size_t end() const {
    return typesPlace() + (hasTypes ? aligned(size_t(callSize)) : 0);
  }
  std::span<int32_t> part(size_t place, size_t rows) {
    return std::span(numbers).subspan(place, rows * size_t(callSize));
  }
  /// One of the four rows of the sequence.
  std::span<int32_t> row(size_t which) {
    return sequence().subspan(which * size_t(callSize), size_t(callSize));
  }
  void begin(int64_t size);

  std::vector<int32_t> numbers;
  bool hasTypes = false;
  int64_t callSize = 0, count = 0;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_CALLPLAN_H
