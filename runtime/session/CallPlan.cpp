//===- CallPlan.cpp - From rows of tokens to calls ------------------------===//
//
// Implements CallPlan.h. Errors name the id, the type or the number of tokens.
// Two small dynamic programs minimize the estimated time: one over the tokens
// of a prompt, one over the rows of a batch.
//
//===----------------------------------------------------------------------===//

#include "CallPlan.h"

#include <algorithm>
#include <limits>

namespace lora_rt {

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

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

void setPositions(const Manifest::Model &model, std::span<const int32_t> ids,
                  std::span<int32_t> positions) {
  int32_t next = 0;
  for (size_t i = 0; i < ids.size(); ++i)
    positions[i] =
        model.skipsPadding && ids[i] == model.padTokenId ? -1 : next++;
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

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

namespace {

/// To read all weights takes as long as to compute about this many tokens: the
/// ratio of the arithmetic rate to the memory bandwidth, 13 to 16 on the CPUs
/// that were measured.
constexpr int64_t readingCost = 16;

/// The cost of a call of `size` with `tokens` tokens. Only matrix products skip
/// padding; all other work takes about a sixteenth of their time.
int64_t costOf(int64_t size, int64_t tokens) {
  return tokens + (size - tokens + 15) / 16 + readingCost;
}

} // namespace

std::span<const int64_t> ChunkPlanner::plan(int64_t tokens) {
  chunks.clear();
  // A long prompt runs in the largest size, except for its end.
  int64_t largest = all.back();
  for (; tokens > 2 * largest; tokens -= largest)
    chunks.push_back(largest);

  cost.assign(size_t(tokens) + 1, 0);
  choice.assign(size_t(tokens) + 1, 0);
  for (int64_t n = 1; n <= tokens; ++n) {
    cost[size_t(n)] = std::numeric_limits<int64_t>::max();
    for (int64_t size : all) {
      int64_t total = costOf(size, std::min(size, n)) +
                      cost[size_t(std::max<int64_t>(0, n - size))];
      if (total <= cost[size_t(n)]) {
        cost[size_t(n)] = total;
        choice[size_t(n)] = size;
      }
    }
  }
  size_t rest = chunks.size();
  for (int64_t n = tokens; n > 0; n -= choice[size_t(n)])
    chunks.push_back(choice[size_t(n)]);
  // Only the last chunk may have fewer tokens than its size, so the smallest
  // chunk is the last.
  std::sort(chunks.begin() + ptrdiff_t(rest), chunks.end(), std::greater<>());
  return chunks;
}

std::vector<PackedCall> planPacking(std::span<const int64_t> sizes,
                                    std::span<const int64_t> lengths) {
  // The least cost of the rows from r on, and the first call for it.
  std::vector<int64_t> cost(lengths.size() + 1, 0);
  std::vector<PackedCall> choice(lengths.size());
  for (size_t first = lengths.size(); first-- > 0;) {
    cost[first] = std::numeric_limits<int64_t>::max();
    int64_t tokens = 0;
    for (size_t end = first + 1; end <= lengths.size(); ++end) {
      tokens += lengths[end - 1];
      auto size = std::lower_bound(sizes.begin(), sizes.end(), tokens);
      if (size == sizes.end())
        break;
      int64_t total = costOf(*size, tokens) + cost[end];
      if (total < cost[first]) {
        cost[first] = total;
        choice[first] = {*size, first, end - first};
      }
    }
  }
  std::vector<PackedCall> calls;
  for (size_t row = 0; row < lengths.size(); row += calls.back().rows)
    calls.push_back(choice[row]);
  return calls;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

CallInput::CallInput(int64_t largest, bool hasTypes)
    : hasTypes(hasTypes), callSize(largest) {
  numbers.resize(end());
}

std::span<const std::byte> CallInput::block() const {
  return std::as_bytes(std::span(numbers).first(end()));
}

void CallInput::begin(int64_t size) {
  callSize = size;
  count = 0;
  std::fill_n(numbers.begin(), end(), 0);
}

void CallInput::setCausal(int64_t size, const TokenRow &piece, int64_t position,
                          int64_t spareRow) {
  begin(size);
  count = int64_t(piece.ids.size());
  std::copy(piece.ids.begin(), piece.ids.end(), ids().begin());
  if (hasTypes)
    std::copy(piece.types.begin(), piece.types.end(), types().begin());
  std::span<int32_t> positions = row(0), endsOfKeys = row(2),
                     cacheRows = row(3);
  std::fill(cacheRows.begin(), cacheRows.end(), int32_t(spareRow));
  for (size_t i = 0; i < piece.ids.size(); ++i) {
    auto at = int32_t(position + int64_t(i));
    positions[i] = at;
    endsOfKeys[i] = at + 1;
    cacheRows[i] = at;
  }
}

void CallInput::setPacked(const Manifest::Model &model, int64_t size,
                          std::span<const TokenRow> rows) {
  begin(size);
  std::span<int32_t> firstKeys = row(1), endsOfKeys = row(2);
  size_t first = 0;
  for (const TokenRow &tokens : rows) {
    size_t end = first + tokens.ids.size();
    std::copy(tokens.ids.begin(), tokens.ids.end(), ids().begin() + first);
    if (hasTypes)
      std::copy(tokens.types.begin(), tokens.types.end(),
                types().begin() + first);
    setPositions(model, tokens.ids, row(0).subspan(first));
    for (size_t i = first; i < end; ++i) {
      firstKeys[i] = int32_t(first);
      endsOfKeys[i] = int32_t(end);
    }
    first = end;
  }
  count = int64_t(first);
}

} // namespace lora_rt
