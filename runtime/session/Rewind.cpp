//===- Rewind.cpp - Taking tokens back ------------------------------------===//
//
// A session that was rewound to N tokens behaves like one that was fed only
// these. The cache has a row for each position, also in layers with a window.
// So keys before N are still there, and no token sees the others until they are
// written again. Only rotary frequencies may depend on tokens that are
// removed: those of a call follow from its length and from the calls before.
//
//===----------------------------------------------------------------------===//

#include "SessionState.h"

namespace lora_rt {

void Session::State::cut(int64_t tokens) {
  position = tokens;
  fed.resize(size_t(tokens));
  if (!fedTypes.empty())
    fedTypes.resize(size_t(tokens));
  while (!callStarts.empty() && callStarts.back().position >= tokens)
    callStarts.pop_back();
  lastHidden.clear();
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
    return calls->setFrequencies(ofRest);
  }
  // The keys that stay have the frequencies of a longer call.
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

Error Session::State::findLastHidden() {
  if (!lastHidden.empty())
    return Error::success();
  if (position == 0)
    return makeError(ErrorCode::InvalidArgument, "no token was fed yet");
  // Later tokens were removed, so the last one that remains is computed again.
  if (Error error = calls->hiddenStates(
          causalInput(calls->sizes().front(), tokensFed(position - 1, 1),
                      position - 1, /*spareRow=*/context)))
    return error;
  Expected<std::vector<std::byte>> hidden = calls->readHidden(1);
  if (!hidden)
    return hidden.takeError();
  lastHidden = std::move(*hidden);
  return Error::success();
}

} // namespace lora_rt
