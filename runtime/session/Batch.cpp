//===- Batch.cpp - Whole rows through any model ---------------------------===//
//
// Implements Session::run: packs rows of a bidirectional model into calls, or
// runs the rows of a causal model one after the other. Where a row has one
// result, it is computed from one of the row's hidden states.
//
//===----------------------------------------------------------------------===//

#include "SessionState.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace lora_rt {

bool Session::isPooled(Output output) const {
  return output == Output::Pooled ||
         (state->isLogits(output) &&
          model().head == ModelHead::SequenceClassification);
}

Error Session::checkOutput(Output output) const {
  if (output != Output::Pooled || state->calls->hasPooler())
    return Error::success();
  return makeError(
      ErrorCode::Unsupported, "the model (", model().family,
      ", head: ", headName(model().head),
      ") has no output of a pooler: only an encoder has one, if it was "
      "compiled without a head from a checkpoint with a pooler");
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
                                const RowTokens &take) {
  int64_t longest = longestOf(batch);
  for (size_t row = 0; row < batch.size(); ++row) {
    reset(longest - int64_t(batch[row].ids.size()));
    if (Error error =
            feedChecked(batch[row], [&](TokenRange tokens, int64_t first) {
              return take(row, tokens, first);
            }))
      return error;
  }
  return Error::success();
}

Error Session::State::runPacked(std::span<const TokenRow> batch,
                                const RowTokens &take) {
  std::vector<int64_t> lengths;
  for (const TokenRow &row : batch)
    lengths.push_back(int64_t(row.ids.size()));
  if (Error error = startCall(longestOf(batch)))
    return error;
  for (const PackedCall &call : planPacking(calls->sizes(), lengths)) {
    calls->input().setPacked(model(), call.size,
                             batch.subspan(call.firstRow, call.rows));
    if (Error error = calls->hiddenStates())
      return error;
    TokenRange tokens = {0, 0};
    for (size_t row = call.firstRow; row < call.firstRow + call.rows; ++row) {
      tokens = {tokens.first + tokens.count, lengths[row]};
      if (Error error = take(row, tokens, 0))
        return error;
    }
  }
  return Error::success();
}

namespace {

/// Collects the hidden states that represent the rows of a batch, and runs the
/// head or the pooler on as many of them as one call accepts.
class PooledRows {
public:
  PooledRows(ModelCalls &calls, size_t rows, const Session::BatchRows &sink)
      : calls(calls), sink(sink), rest(int64_t(rows)) {
    std::span<const int64_t> plan = calls.headChunks().plan(rest);
    sizes.assign(plan.begin(), plan.end());
  }

  /// Adds the token of the next row; when a call is full, runs it and passes
  /// its rows on.
  Error take(int64_t token) {
    if (Error error = calls.pick(token, count++))
      return error;
    if (count < std::min(sizes[call], rest))
      return Error::success();
    Expected<std::span<const float>> results =
        calls.headOfPicked(count, sizes[call]);
    if (!results)
      return results.takeError();
    size_t width = results->size() / size_t(count);
    for (std::span<const float> values = *results; !values.empty();
         values = values.subspan(width))
      if (Error error = sink(row++, {0, values.first(width), width}))
        return error;
    rest -= std::exchange(count, 0);
    ++call;
    return Error::success();
  }

private:
  ModelCalls &calls;
  const Session::BatchRows &sink;
  std::vector<int64_t> sizes;
  /// The first row whose results were not passed on.
  int64_t rest;
  size_t row = 0;
  /// The next call, and the number of its rows so far.
  size_t call = 0;
  int64_t count = 0;
};

} // namespace

Error Session::run(std::span<const TokenRow> batch, const BatchRows &rows,
                   Output output) {
  State &s = *state;
  if (Error error = checkOutput(output))
    return error;
  if (Error error = checkBatch(batch))
    return error;
  reset();
  std::optional<PooledRows> pooled;
  if (rows && isPooled(output))
    pooled.emplace(*s.calls, batch.size(), rows);
  State::RowTokens take = [&](size_t row, TokenRange tokens, int64_t first) {
    if (!rows)
      return Error::success();
    if (!pooled)
      return s.calls->results(
          s.isLogits(output), tokens, first,
          [&](const ResultSpan &part) { return rows(row, part); });
    int64_t token = int64_t(pooledToken(model(), batch[row].ids)) - first;
    return token >= 0 && token < tokens.count
               ? pooled->take(tokens.first + token)
               : Error::success();
  };
  Error error = model().isBidirectional ? s.runPacked(batch, take)
                                        : s.runCausal(batch, take);
  reset();
  return error;
}

} // namespace lora_rt
