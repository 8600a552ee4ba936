//===- SessionState.h - The state of a session ------------------*- C++ -*-===//
//
// The private members of Session, which Session.cpp and Batch.cpp share.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_SESSIONSTATE_H
#define LORA_RUNTIME_SESSION_SESSIONSTATE_H

#include "ModelCalls.h"
#include "RopeSchedule.h"

namespace lora_rt {

struct Session::State {
  std::unique_ptr<ModelCalls> calls;
  std::optional<RopeSchedule> rope;
  int64_t context = 0;
  int64_t position = 0;
  /// How many tokens the row is shorter than the longest row of its batch.
  int64_t padding = 0;
  /// The positions of the tokens of the last call, whose final hidden states
  /// are on the engine.
  int64_t heldFirst = 0, heldCount = 0;
  /// All tokens that were fed, because some may have to be computed again;
  /// types only if the model has them.
  std::vector<int32_t> fed, fedTypes;
  /// The position at which each call began, and the state that the calls before
  /// it left. Kept only if rotary frequencies depend on the length of a call.
  struct CallStart {
    int64_t position;
    int64_t mark;
  };
  std::vector<CallStart> callStarts;
  /// Asked before each chunk; may be empty.
  std::function<bool(int64_t position, int64_t end)> proceed;

  const Manifest::Model &model() const { return calls->model(); }
  bool isLogits(Output output) const {
    return output == Output::Logits && model().hasHead();
  }

  /// Sets the frequencies of a call after which the row has this length.
  Error startCall(int64_t length);
  /// Fails if the context does not hold `tokens` tokens in all.
  Error checkContext(int64_t tokens) const;
  /// Fails if the context does not hold tokens and their continuation.
  Error checkContinued(int64_t tokens, int64_t count) const;
  std::string contextAdvice() const;
  void reset(int64_t padding);

  /// Receives tokens of a call whose hidden states are on the engine, and the
  /// position of the first one in its row.
  using HiddenTokens = std::function<Error(TokenRange tokens, int64_t first)>;

  /// Runs the tokens of one call of a causal model, in chunks. `take` gets the
  /// tokens of each chunk. The tokens were checked before. After an error, the
  /// session is unchanged.
  Error feedChecked(const TokenRow &tokens, const HiddenTokens &take);
  Error runChunks(TokenRow rest, const HiddenTokens &take);
  void remember(const TokenRow &tokens);
  bool computesCacheAgain() const;

  /// The place of the last token in the last call. Computes its hidden state
  /// again if the engine no longer has it.
  Expected<int64_t> lastToken();

  /// Forgets what was fed after the first `tokens` tokens, but not the
  /// frequencies.
  void cut(int64_t tokens);
  TokenRow tokensFed(int64_t first, int64_t count) const;
  /// Shortens the call that contained token `tokens` - 1. Computes the rest of
  /// it again if a call of that length has other frequencies.
  Error rewindCall(int64_t tokens);

  // In Batch.cpp: `take` gets the tokens of each row.
  using RowTokens =
      std::function<Error(size_t row, TokenRange tokens, int64_t first)>;
  Error runCausal(std::span<const TokenRow> batch, const RowTokens &take);
  Error runPacked(std::span<const TokenRow> batch, const RowTokens &take);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_SESSIONSTATE_H
