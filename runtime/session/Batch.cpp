//===- Batch.cpp - Whole rows through any model ---------------------------===//
//
// Implements Session::run: packs rows of a bidirectional model into calls, or
// runs the rows of a causal model one after the other, and pools hidden states
// for sequence classification.
//
//===----------------------------------------------------------------------===//

#include "Chunks.h"
#include "RowRules.h"
#include "SessionState.h"

#include <algorithm>
#include <limits>

namespace lora_rt {

bool Session::isPooled(Output output) const {
  return state->isLogits(output) &&
         model().head == ModelHead::SequenceClassification;
}

Error Session::checkBatch(std::span<const TokenRow> batch,
                          int64_t count) const {
  auto check = [&](const TokenRow &row) -> Error {
    // The number is checked before the tokens are read, because the caller may
    // give a wrong number.
    constexpr uint64_t most = std::numeric_limits<int32_t>::max();
    if (row.ids.size() > most)
      return makeError(ErrorCode::InvalidArgument, row.ids.size(),
                       " tokens are more than any model reads");
    if (model().isBidirectional) {
      if (Error error = checkTokens(model(), row))
        return error;
      return checkLength(model(), row, state->calls->sizes().back());
    }
    if (Error error = state->checkContinued(int64_t(row.ids.size()), count))
      return error;
    return checkTokens(model(), row);
  };
  for (size_t row = 0; row < batch.size(); ++row)
    if (Error error = inRow(check(batch[row]), row, batch.size()))
      return error;
  if (batch.size() > 1 && model().poolsLast &&
      model().head == ModelHead::SequenceClassification &&
      model().padTokenId < 0)
    return makeError(ErrorCode::Unsupported, batch.size(), " rows: the model (",
                     model().family,
                     ") cannot handle batch sizes > 1 if no padding token is "
                     "defined (pad_token_id in its config.json); run the rows "
                     "one by one");
  return Error::success();
}

namespace {

int64_t longestOf(std::span<const TokenRow> batch) {
  size_t longest = 0;
  for (const TokenRow &row : batch)
    longest = std::max(longest, row.ids.size());
  return int64_t(longest);
}

} // namespace

Error Session::State::runCausal(std::span<const TokenRow> batch,
                                const RowHidden &rows) {
  int64_t longest = longestOf(batch);
  for (size_t row = 0; row < batch.size(); ++row) {
    reset(longest - int64_t(batch[row].ids.size()));
    if (Error error = feedChecked(
            batch[row], [&](int64_t first, std::span<const std::byte> hidden) {
              return rows(row, first, hidden);
            }))
      return error;
  }
  return Error::success();
}

Error Session::State::runPacked(std::span<const TokenRow> batch,
                                const RowHidden &rows) {
  std::vector<int64_t> lengths;
  for (const TokenRow &row : batch)
    lengths.push_back(int64_t(row.ids.size()));
  if (Error error = startCall(longestOf(batch)))
    return error;
  uint64_t rowBytes = calls->hiddenRowBytes();
  for (const PackedCall &call : planPacking(calls->sizes(), lengths)) {
    std::span<const TokenRow> packed = batch.subspan(call.firstRow, call.rows);
    if (Error error =
            calls->hiddenStates(packedInput(model(), call.size, packed)))
      return error;
    Expected<std::vector<std::byte>> hidden = calls->readHidden(call.size);
    if (!hidden)
      return hidden.takeError();
    std::span<const std::byte> rest = *hidden;
    for (size_t i = 0; i < packed.size(); ++i) {
      uint64_t bytes = packed[i].ids.size() * rowBytes;
      if (Error error = rows(call.firstRow + i, 0, rest.first(bytes)))
        return error;
      rest = rest.subspan(bytes);
    }
  }
  return Error::success();
}

Error Session::run(std::span<const TokenRow> batch, const BatchRows &rows,
                   Output output) {
  State &s = *state;
  if (Error error = checkBatch(batch))
    return error;
  reset();
  uint64_t rowBytes = s.calls->hiddenRowBytes();
  // The hidden states that classify the rows go through the head together.
  std::vector<std::byte> pooled;
  State::RowHidden take = [&](size_t row, int64_t first,
                              std::span<const std::byte> hidden) {
    if (!isPooled(output))
      return s.results(hidden, first, output,
                       [&](int64_t at, std::span<const float> values) {
                         return rows(row, at, values);
                       });
    auto token = int64_t(pooledToken(model(), batch[row].ids)) - first;
    if (token >= 0 && uint64_t(token) < hidden.size() / rowBytes) {
      std::span<const std::byte> chosen =
          hidden.subspan(uint64_t(token) * rowBytes, rowBytes);
      pooled.insert(pooled.end(), chosen.begin(), chosen.end());
    }
    return Error::success();
  };
  if (Error error = model().isBidirectional ? s.runPacked(batch, take)
                                            : s.runCausal(batch, take))
    return error;
  reset();
  if (pooled.empty())
    return Error::success();
  return s.calls->logits(
      pooled, 0, [&](int64_t first, std::span<const float> values) {
        auto width = size_t(model().outputs);
        for (; !values.empty(); values = values.subspan(width))
          if (Error error = rows(size_t(first++), 0, values.first(width)))
            return error;
        return Error::success();
      });
}

} // namespace lora_rt
