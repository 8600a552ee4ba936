//===- RowRules.cpp - The rules for a row of tokens -----------------------===//
//
// Implements RowRules.h. Errors name the id, the type or the number of tokens.
//
//===----------------------------------------------------------------------===//

#include "RowRules.h"

#include <algorithm>

namespace lora_rt {

Error checkTokens(const Manifest::Model &model, const TokenRow &row) {
  auto fail = [](const auto &...parts) {
    return makeError(ErrorCode::InvalidArgument, parts...);
  };
  if (row.ids.empty())
    return fail("expected at least one token id");
  for (int32_t id : row.ids)
    if (id < 0 || id >= model.vocabSize)
      return fail("token id ", id, " is outside the vocabulary (0 to ",
                  model.vocabSize - 1, ")");
  if (row.types.empty())
    return Error::success();
  if (model.tokenTypes == 0)
    return fail("the model (", model.family,
                ") has no token types; leave them out");
  if (row.types.size() != row.ids.size())
    return fail("expected a token type for each of the ", row.ids.size(),
                " ids, but got ", row.types.size());
  for (int32_t type : row.types)
    if (type < 0 || type >= model.tokenTypes)
      return fail("token type ", type, " is not one that the model has (0 to ",
                  model.tokenTypes - 1, ")");
  return Error::success();
}

Error checkLength(const Manifest::Model &model, const TokenRow &row,
                  int64_t largest) {
  int64_t tokens = int64_t(row.ids.size()), counted = tokens;
  if (model.skipsPadding)
    counted -= std::count(row.ids.begin(), row.ids.end(), model.padTokenId);
  if (counted > model.maxPositions)
    return makeError(ErrorCode::InvalidArgument, counted,
                     " tokens are more than the model has positions for (",
                     model.maxPositions, "); split the text");
  if (tokens > largest)
    return makeError(ErrorCode::InvalidArgument, tokens,
                     " tokens do not fit one call of at most ", largest,
                     "; the model reads a row in one piece: compile it with a "
                     "number from ",
                     tokens, " up in lora-compile --tokens");
  return Error::success();
}

std::vector<int32_t> positionsOf(const Manifest::Model &model,
                                 std::span<const int32_t> ids) {
  std::vector<int32_t> positions;
  int32_t next = 0;
  for (int32_t id : ids)
    positions.push_back(model.skipsPadding && id == model.padTokenId ? -1
                                                                     : next++);
  return positions;
}

size_t pooledToken(const Manifest::Model &model, std::span<const int32_t> ids) {
  if (!model.poolsLast)
    return 0;
  size_t last = ids.size() - 1;
  if (model.padTokenId >= 0)
    while (last > 0 && ids[last] == model.padTokenId)
      --last;
  return last;
}

Error inRow(Error error, size_t row, size_t rows) {
  if (!error || rows == 1)
    return error;
  return makeError(error.code(), "row ", row + 1, " of ", rows, ": ",
                   error.message());
}

} // namespace lora_rt
