//===- CallInput.h - The tokens of one call of hidden_states ----*- C++ -*-===//
//
// The inputs that docs/executable-format.md describes. A call has as many
// tokens as it was compiled for; those that no row needs are padding, which
// sees no keys.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_CALLINPUT_H
#define LORA_RUNTIME_SESSION_CALLINPUT_H

#include "lora-runtime/Session.h"

namespace lora_rt {

struct CallInput {
  /// A call with only padding, which writes to cache row 0.
  explicit CallInput(int64_t size)
      : ids(size_t(size)), sequence(4 * size_t(size)), types(size_t(size)) {}

  size_t size() const { return ids.size(); }
  std::span<int32_t> positions() { return part(0); }
  std::span<int32_t> firstKeys() { return part(1); }
  std::span<int32_t> endsOfKeys() { return part(2); }
  std::span<int32_t> cacheRows() { return part(3); }

  std::vector<int32_t> ids, sequence, types;
  /// The number of tokens before the padding.
  int64_t tokens = 0;

private:
  std::span<int32_t> part(size_t which) {
    return std::span(sequence).subspan(which * size(), size());
  }
};

/// A piece of a causal model's row that begins at `position`. Keys are cache
/// rows; padding writes to `spareRow`.
CallInput causalInput(int64_t size, const TokenRow &piece, int64_t position,
                      int64_t spareRow);

/// Rows of a bidirectional model, one after the other. Keys are tokens of the
/// call, for each row its own.
CallInput packedInput(const Manifest::Model &model, int64_t size,
                      std::span<const TokenRow> rows);

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_CALLINPUT_H
