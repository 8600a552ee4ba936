//===- SessionState.h - The state of a session ------------------*- C++ -*-===//
//
// The private members of Session, which Session.cpp, Rewind.cpp and Batch.cpp
// share.
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
  /// The final hidden state of the last token, in the engine's type.
  std::vector<std::byte> lastHidden;
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

  const Manifest::Model &model() const { return calls->model(); }
  bool isLogits(Output output) const {
    return output == Output::Logits && model().hasHead();
  }

  /// Sets the frequencies of a call after which the row has this length.
  Error startCall(int64_t length);
  /// Computes logits, or converts hidden states, for rows of hidden states.
  Error results(std::span<const std::byte> hidden, int64_t first, Output output,
                const Rows &sink);
  /// Fails if the context does not hold `tokens` tokens in all.
  Error checkContext(int64_t tokens) const;
  /// Fails if the context does not hold tokens and their continuation.
  Error checkContinued(int64_t tokens, int64_t count) const;
  std::string contextAdvice() const;
  void reset(int64_t padding);

  // Rewind.cpp
  /// Forgets what was fed after the first `tokens` tokens, but not the
  /// frequencies.
  void cut(int64_t tokens);
  TokenRow tokensFed(int64_t first, int64_t count) const;
  /// Shortens the call that contained token `tokens` - 1. Computes the rest of
  /// it again if a call of that length has other frequencies.
  Error rewindCall(int64_t tokens);
  /// Computes the hidden state of the last token again, if later tokens were
  /// removed.
  Error findLastHidden();

  /// Runs the tokens of one call of a causal model, in chunks. `rows` gets
  /// their hidden states in the engine's type. The tokens were checked before.
  using HiddenRows =
      std::function<Error(int64_t first, std::span<const std::byte> rows)>;
  Error feedChecked(const TokenRow &tokens, const HiddenRows &rows);
  void remember(const TokenRow &tokens);
  bool computesCacheAgain() const;

  // In Batch.cpp: `rows` gets the hidden states of each row, in the engine's
  // type.
  using RowHidden = std::function<Error(size_t row, int64_t first,
                                        std::span<const std::byte> rows)>;
  Error runCausal(std::span<const TokenRow> batch, const RowHidden &rows);
  Error runPacked(std::span<const TokenRow> batch, const RowHidden &rows);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_SESSIONSTATE_H
