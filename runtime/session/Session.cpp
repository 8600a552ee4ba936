//===- Session.cpp - Causal models, in pieces -----------------------------===//
//
// Implements Session for models with a cache: splits what is fed into chunks,
// runs them, generates greedily, and takes tokens back. Hidden states stay on
// the engine. Logits are computed from them when they are asked for.
//
//===----------------------------------------------------------------------===//

#include "SessionState.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>

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
  else
    // A token then allocates nothing, up to the default context.
    state->fed.reserve(size_t(std::min(state->context, defaultContext)));
  if (model.rope)
    state->rope.emplace(*model.rope);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

const Manifest::Model &Session::model() const { return state->model(); }
int64_t Session::context() const { return state->context; }
int64_t Session::position() const { return state->position; }
std::span<const int32_t> Session::fed() const { return state->fed; }
bool Session::rewindsFreely() const { return !state->rope; }
Instance &Session::instance() { return *state->calls->instance; }

int64_t Session::rowSize(Output output) const {
  return state->isLogits(output) ? model().outputs : model().hiddenSize;
}

void Session::reset(int64_t padding) { state->reset(padding); }

void Session::State::reset(int64_t newPadding) {
  position = 0;
  padding = newPadding;
  heldCount = 0;
  fed.clear();
  fedTypes.clear();
  callStarts.clear();
  if (rope)
    rope->reset();
}

void Session::onChunk(std::function<bool(int64_t, int64_t)> proceed) {
  state->proceed = std::move(proceed);
}

MemoryReport Session::memory() const {
  MemoryReport report = state->calls->instance->memory();
  report.workspace += state->calls->memory();
  return report;
}

Error Session::State::startCall(int64_t length) {
  return rope ? calls->setFrequencies(rope->call(length)) : Error::success();
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
                                  const HiddenTokens &take) {
  int64_t start = position, mark = rope ? rope->mark() : 0;
  if (rope)
    callStarts.push_back({start, mark});
  Error error = runChunks(tokens, take);
  if (!error)
    return error;
  cut(start);
  heldCount = 0;
  if (rope)
    rope->restore(mark);
  return error;
}

Error Session::State::runChunks(TokenRow rest, const HiddenTokens &take) {
  if (Error error = startCall(position + int64_t(rest.ids.size()) + padding))
    return error;
  remember(rest);
  int64_t end = position + int64_t(rest.ids.size());
  for (int64_t size : calls->bodyChunks().plan(int64_t(rest.ids.size()))) {
    if (proceed && !proceed(position, end))
      return makeError(ErrorCode::System, "the call was stopped after ",
                       position, " of ", end, " tokens");
    size_t count = std::min(size_t(size), rest.ids.size());
    TokenRow piece = {rest.ids.first(count),
                      rest.types.first(std::min(count, rest.types.size()))};
    rest = {rest.ids.subspan(count), rest.types.subspan(piece.types.size())};
    calls->input().setCausal(size, piece, position, /*spareRow=*/context);
    if (Error error = calls->hiddenStates())
      return error;
    heldFirst = position;
    heldCount = int64_t(count);
    position += heldCount;
    if (take)
      if (Error error = take({0, heldCount}, heldFirst))
        return error;
  }
  return Error::success();
}

Error Session::feed(const TokenRow &tokens, const Rows &rows, Output output,
                    int64_t asked) {
  State &s = *state;
  if (model().isBidirectional)
    return makeError(ErrorCode::Unsupported, "the model (", model().family,
                     ") has bidirectional attention: it runs whole rows and "
                     "cannot be fed piece by piece");
  if (Error error = checkOutput(output))
    return error;
  // A length that no array can have is refused before the ids are read.
  auto count = int64_t(std::min<uint64_t>(tokens.ids.size(), INT32_MAX));
  if (Error error = s.checkContext(s.position + count))
    return error;
  if (Error error = checkTokens(model(), tokens))
    return error;
  State::HiddenTokens take;
  if (rows)
    take = [&, end = s.position + count](TokenRange part, int64_t first) {
      // Skips the tokens before the requested ones.
      int64_t skipped = std::clamp<int64_t>(end - asked - first, 0, part.count);
      part = {part.first + skipped, part.count - skipped};
      return part.count ? s.calls->results(s.isLogits(output), part,
                                           first + skipped, rows)
                        : Error::success();
    };
  return s.feedChecked(tokens, take);
}

Expected<std::span<const float>> Session::last() {
  State &s = *state;
  Expected<int64_t> token = s.lastToken();
  if (!token)
    return token.takeError();
  TokenRange tokens = {*token, 1};
  if (!s.isLogits(Output::Logits))
    return s.calls->hidden(tokens);
  return s.calls->logits(tokens, s.calls->headChunks().plan(1).front());
}

Error Session::checkGenerative() const {
  if (model().isGenerative())
    return Error::success();
  return makeError(
      ErrorCode::Unsupported, "the model (", model().family,
      model().isBidirectional ? ", bidirectional attention" : "",
      ", head: ", headName(model().head),
      ") is no causal language model, so it cannot continue a text; --embed, "
      "--classify, --fill-mask or --tag say what it makes of one");
}

Expected<int32_t> Session::greedy() {
  if (Error error = checkGenerative())
    return error;
  Expected<std::span<const float>> logits = last();
  if (!logits)
    return logits.takeError();
  if (std::optional<size_t> best = indexOfLargest(*logits))
    return int32_t(*best);
  return makeError(ErrorCode::System, "the model computed NaN at position ",
                   position() - 1);
}

bool Session::State::computesCacheAgain() const {
  return rope && model().rope->restartsCache;
}

Error Session::advance(int32_t id) {
  State &s = *state;
  std::span<const int32_t> ids(&id, 1);
  std::vector<int32_t> again;
  if (s.computesCacheAgain() &&
      s.position + s.padding == model().rope->switchLength) {
    again = s.fed;
    again.push_back(id);
    ids = again;
    s.cut(0);
  }
  return feed({ids, {}});
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
    if (Error error = advance(*next))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Taking tokens back
//
// A session that was rewound to N tokens behaves like one that was fed only
// these. The cache has a row for each position, also in layers with a window.
// So keys before N are still there, and no token sees the others until they are
// written again. Only rotary frequencies may depend on tokens that are
// removed: those of a call follow from its length and from the calls before.
//===----------------------------------------------------------------------===//

void Session::State::cut(int64_t tokens) {
  position = tokens;
  fed.resize(size_t(tokens));
  if (!fedTypes.empty())
    fedTypes.resize(size_t(tokens));
  while (!callStarts.empty() && callStarts.back().position >= tokens)
    callStarts.pop_back();
  heldCount = std::clamp<int64_t>(tokens - heldFirst, 0, heldCount);
}

TokenRow Session::State::tokensFed(int64_t first, int64_t count) const {
  auto part = [&](std::span<const int32_t> all) {
    return all.empty() ? all : all.subspan(size_t(first), size_t(count));
  };
  return {part(fed), part(fedTypes)};
}

Error Session::State::rewindCall(int64_t tokens) {
  int64_t end = position;
  while (callStarts.back().position >= tokens) {
    end = callStarts.back().position;
    callStarts.pop_back();
  }
  CallStart call = callStarts.back();
  auto frequencies = [&](int64_t length) {
    rope->restore(call.mark);
    std::span<const float> values = rope->call(length + padding);
    return std::vector<float>(values.begin(), values.end());
  };
  std::vector<float> ofCall = frequencies(end), ofRest = frequencies(tokens);
  if (ofCall == ofRest) {
    cut(tokens);
    return Error::success();
  }
  // The remaining keys have the frequencies of a longer call.
  TokenRow rest = tokensFed(call.position, tokens - call.position);
  std::vector<int32_t> ids(rest.ids.begin(), rest.ids.end()),
      types(rest.types.begin(), rest.types.end());
  cut(call.position);
  rope->restore(call.mark);
  return feedChecked({ids, types}, nullptr);
}

Error Session::rewind(int64_t tokens) {
  State &s = *state;
  if (tokens < 0 || tokens > s.position)
    return makeError(ErrorCode::InvalidArgument, "cannot go back to ", tokens,
                     " tokens: the session was fed ", s.position);
  if (tokens == s.position)
    return Error::success();
  if (tokens == 0) {
    s.reset(s.padding);
    return Error::success();
  }
  if (s.rope)
    return s.rewindCall(tokens);
  s.cut(tokens);
  return Error::success();
}

Expected<int64_t> Session::State::lastToken() {
  if (position == 0)
    return makeError(ErrorCode::InvalidArgument, "no token was fed yet");
  int64_t token = position - 1 - heldFirst;
  if (token >= 0 && token < heldCount)
    return token;
  // Other tokens were computed since then, so the last remaining token is
  // computed again, with the frequencies of the call that contained it.
  heldCount = 0;
  if (rope) {
    rope->restore(callStarts.back().mark);
    if (Error error = startCall(position + padding))
      return error;
  }
  calls->input().setCausal(calls->sizes().front(), tokensFed(position - 1, 1),
                           position - 1, /*spareRow=*/context);
  if (Error error = calls->hiddenStates())
    return error;
  heldFirst = position - 1;
  heldCount = 1;
  return 0;
}

} // namespace lora_rt
