//===- CallInput.cpp - The tokens of one call of hidden_states ------------===//
//
// Builds the ids, the sequence table and the token types of a call.
//
//===----------------------------------------------------------------------===//

#include "CallInput.h"
#include "RowRules.h"

#include <algorithm>

namespace lora_rt {

CallInput causalInput(int64_t size, const TokenRow &piece, int64_t position,
                      int64_t spareRow) {
  CallInput input(size);
  input.tokens = int64_t(piece.ids.size());
  std::copy(piece.ids.begin(), piece.ids.end(), input.ids.begin());
  std::copy(piece.types.begin(), piece.types.end(), input.types.begin());
  std::fill(input.cacheRows().begin(), input.cacheRows().end(),
            int32_t(spareRow));
  for (size_t i = 0; i < piece.ids.size(); ++i) {
    auto at = int32_t(position + int64_t(i));
    input.positions()[i] = at;
    input.endsOfKeys()[i] = at + 1;
    input.cacheRows()[i] = at;
  }
  return input;
}

CallInput packedInput(const Manifest::Model &model, int64_t size,
                      std::span<const TokenRow> rows) {
  CallInput input(size);
  size_t begin = 0;
  for (const TokenRow &row : rows) {
    size_t end = begin + row.ids.size();
    std::copy(row.ids.begin(), row.ids.end(), input.ids.begin() + begin);
    std::copy(row.types.begin(), row.types.end(), input.types.begin() + begin);
    std::vector<int32_t> positions = positionsOf(model, row.ids);
    std::copy(positions.begin(), positions.end(),
              input.positions().begin() + begin);
    for (size_t i = begin; i < end; ++i) {
      input.firstKeys()[i] = int32_t(begin);
      input.endsOfKeys()[i] = int32_t(end);
    }
    begin = end;
  }
  input.tokens = int64_t(begin);
  return input;
}

} // namespace lora_rt
