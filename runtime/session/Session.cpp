//===- Session.cpp - Causal models, in pieces -----------------------------===//
//
// Implements Session for models with a cache: splits what is fed into chunks,
// runs them, keeps the last hidden state, and generates greedily.
//
//===----------------------------------------------------------------------===//

#include "Chunks.h"
#include "RowRules.h"
#include "SessionState.h"

#include <algorithm>
#include <cmath>

namespace lora_rt {

Session::Session(std::unique_ptr<State> state) : state(std::move(state)) {}
Session::~Session() = default;

Expected<std::unique_ptr<Session>>
Session::create(std::shared_ptr<Executable> executable, int64_t context) {
  const Manifest::Model &model = executable->manifest().model;
  int64_t limit = model.maxPositions;
  if (context && model.isBidirectional)
    return makeError(
        ErrorCode::InvalidArgument, "a context of ", context,
        " tokens: the model (", model.family,
        ") has bidirectional attention and no cache; leave it out");
  if (context < 0 || context > limit)
    return makeError(ErrorCode::InvalidArgument, "a context of ", context,
                     " tokens: the model has positions for ", limit);
  auto state = std::make_unique<State>();
  state->context = context ? context : std::min(limit, defaultContext);
  // Padding tokens write to the spare row.
  Expected<std::unique_ptr<ModelCalls>> calls = ModelCalls::create(
      std::move(executable), model.isBidirectional ? 0 : state->context + 1);
  if (!calls)
    return calls.takeError();
  state->calls = std::move(*calls);
  if (model.isBidirectional)
    state->context = std::min(limit, state->calls->sizes().back());
  if (model.rope)
    state->rope.emplace(*model.rope);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

const Manifest::Model &Session::model() const { return state->model(); }
int64_t Session::context() const { return state->context; }
int64_t Session::position() const { return state->position; }
Instance &Session::instance() { return *state->calls->instance; }

int64_t Session::rowSize(Output output) const {
  return state->isLogits(output) ? model().outputs : model().hiddenSize;
}

void Session::reset(int64_t padding) { state->reset(padding); }

void Session::State::reset(int64_t newPadding) {
  position = 0;
  padding = newPadding;
  lastHidden.clear();
  fed.clear();
  fedTypes.clear();
  callStarts.clear();
  if (rope)
    rope->reset();
}

MemoryReport Session::memory() const {
  MemoryReport report = state->calls->instance->memory();
  report.workspace += state->calls->memory();
  return report;
}

Error Session::State::startCall(int64_t length) {
  return rope ? calls->setFrequencies(rope->call(length)) : Error::success();
}

Error Session::State::results(std::span<const std::byte> hidden, int64_t first,
                              Output output, const Rows &sink) {
  return isLogits(output) ? calls->logits(hidden, first, sink)
                          : calls->convertHidden(hidden, first, sink);
}

std::string Session::State::contextAdvice() const {
  return context < model().maxPositions
             ? "; --context takes up to " + std::to_string(model().maxPositions)
             : ", which is all that the model has positions for";
}

Error Session::State::checkContext(int64_t tokens) const {
  if (tokens <= context)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, tokens,
                   " tokens do not fit the context of ", context,
                   contextAdvice());
}

Error Session::State::checkContinued(int64_t tokens, int64_t count) const {
  // The last token is not fed.
  if (count == 0)
    return checkContext(tokens);
  if (tokens <= context && count - 1 <= context - tokens)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, "a prompt of ", tokens,
                   " tokens and ", count, " more do not fit the context of ",
                   context, contextAdvice());
}

void Session::State::remember(const TokenRow &tokens) {
  // If an earlier call failed, tokens that it did not reach are forgotten.
  fed.resize(size_t(position));
  fed.insert(fed.end(), tokens.ids.begin(), tokens.ids.end());
  if (model().tokenTypes == 0)
    return;
  fedTypes.resize(size_t(position));
  fedTypes.insert(fedTypes.end(), tokens.types.begin(), tokens.types.end());
  fedTypes.resize(fed.size());
}

Error Session::State::feedChecked(const TokenRow &tokens,
                                  const HiddenRows &rows) {
  TokenRow rest = tokens;
  if (rope)
    callStarts.push_back({position, rope->mark()});
  if (Error error = startCall(position + int64_t(rest.ids.size()) + padding))
    return error;
  remember(tokens);
  for (int64_t size : planChunks(calls->sizes(), int64_t(rest.ids.size()))) {
    size_t count = std::min(size_t(size), rest.ids.size());
    TokenRow piece = {rest.ids.first(count),
                      rest.types.first(std::min(count, rest.types.size()))};
    rest = {rest.ids.subspan(count), rest.types.subspan(piece.types.size())};
    if (Error error = calls->hiddenStates(
            causalInput(size, piece, position, /*spareRow=*/context)))
      return error;
    int64_t first = position;
    position += int64_t(count);
    if (!rows && !rest.ids.empty())
      continue;
    Expected<std::vector<std::byte>> hidden = calls->readHidden(int64_t(count));
    if (!hidden)
      return hidden.takeError();
    lastHidden.assign(hidden->end() - ptrdiff_t(calls->hiddenRowBytes()),
                      hidden->end());
    if (rows)
      if (Error error = rows(first, *hidden))
        return error;
  }
  return Error::success();
}

Error Session::feed(const TokenRow &tokens, const Rows &rows, Output output) {
  State &s = *state;
  if (model().isBidirectional)
    return makeError(ErrorCode::Unsupported, "the model (", model().family,
                     ") has bidirectional attention: it runs whole rows and "
                     "cannot be fed piece by piece");
  // A length that no array can have is refused before the ids are read.
  if (Error error = s.checkContext(
          s.position +
          int64_t(std::min<uint64_t>(tokens.ids.size(), INT32_MAX))))
    return error;
  if (Error error = checkTokens(model(), tokens))
    return error;
  State::HiddenRows hidden;
  if (rows)
    hidden = [&](int64_t first, std::span<const std::byte> values) {
      return s.results(values, first, output, rows);
    };
  return s.feedChecked(tokens, hidden);
}

Expected<std::vector<float>> Session::last() {
  State &s = *state;
  if (Error error = s.findLastHidden())
    return error;
  std::vector<float> result;
  Rows keep = [&](int64_t, std::span<const float> rows) {
    result.assign(rows.begin(), rows.end());
    return Error::success();
  };
  if (Error error = s.results(s.lastHidden, 0, Output::Logits, keep))
    return error;
  return result;
}

Error Session::checkGenerative() const {
  if (model().isGenerative())
    return Error::success();
  return makeError(
      ErrorCode::Unsupported, "the model (", model().family,
      model().isBidirectional ? ", bidirectional attention" : "",
      ", head: ", headName(model().head),
      ") is no causal language model, so it cannot continue a text");
}

Expected<int32_t> Session::greedy() {
  if (Error error = checkGenerative())
    return error;
  Expected<std::vector<float>> logits = last();
  if (!logits)
    return logits.takeError();
  size_t best = 0;
  for (size_t i = 0; i < logits->size(); ++i) {
    if (std::isnan((*logits)[i]))
      return makeError(ErrorCode::System, "the model computed NaN at position ",
                       position() - 1);
    if ((*logits)[i] > (*logits)[best])
      best = i;
  }
  return int32_t(best);
}

/// Whether the whole cache is computed again with the long frequencies when a
/// continuation crosses the switch length. Phi-3 does so
/// (prepare_inputs_for_generation in transformers' modeling_phi3.py); other
/// models keep their keys.
bool Session::State::computesCacheAgain() const {
  return model().family == "phi3" && rope &&
         model().rope->kind == Manifest::Rope::Kind::LongRope;
}

Error Session::generate(int64_t count,
                        const std::function<bool(int32_t)> &token) {
  State &s = *state;
  if (Error error = checkGenerative())
    return error;
  if (count < 0)
    return makeError(ErrorCode::InvalidArgument,
                     "expected a number of tokens from 0 up, but got ", count);
  if (Error error = s.checkContinued(position(), count))
    return error;
  for (int64_t i = 0; i < count; ++i) {
    Expected<int32_t> next = greedy();
    if (!next)
      return next.takeError();
    if (!token(*next) || i + 1 == count)
      break;
    std::vector<int32_t> ids;
    if (s.computesCacheAgain() &&
        s.position + s.padding == model().rope->switchLength) {
      ids = s.fed;
      s.cut(0);
    }
    ids.push_back(*next);
    if (Error error = feed({ids, {}}))
      return error;
  }
  return Error::success();
}

} // namespace lora_rt
