//===- SessionState.h - What a session holds --------------------*- C++ -*-===//

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
  /// By how many tokens the row is shorter than the longest of its batch.
  int64_t padding = 0;
  /// The final hidden state of the last token, in the engine's type.
  std::vector<std::byte> lastHidden;
  /// All that was fed, for what has to be computed again; the types only of a
  /// model that has some.
  std::vector<int32_t> fed, fedTypes;
  /// Where each call began, and what the calls before had left, if rotary
  /// frequencies depend on a call's length.
  struct CallStart {
    int64_t position;
    int64_t mark;
  };
  std::vector<CallStart> callStarts;

  const Manifest::Model &model() const { return calls->model(); }
  bool isLogits(Output output) const {
    return output == Output::Logits && model().hasHead();
  }

  /// Takes the frequencies of a call that makes a row this long.
  Error startCall(int64_t length);
  /// Logits or hidden states of rows of hidden states.
  Error results(std::span<const std::byte> hidden, int64_t first, Output output,
                const Rows &sink);
  /// Whether the context holds so many tokens in all.
  Error checkContext(int64_t tokens) const;
  /// Whether it holds tokens and their continuation.
  Error checkContinued(int64_t tokens, int64_t count) const;
  std::string contextAdvice() const;
  void reset(int64_t padding);

  // Rewind.cpp
  /// Forgets what was fed behind the first `tokens`, but not the frequencies.
  void cut(int64_t tokens);
  TokenRow tokensFed(int64_t first, int64_t count) const;
  /// Cuts the call that token `tokens` - 1 came with; computes its rest again
  /// if a call of that length has other frequencies.
  Error rewindCall(int64_t tokens);
  /// Computes the last token's hidden state again, if it was taken back to.
  Error findLastHidden();

  /// Runs one call's tokens of a causal model, in chunks; `rows` gets their
  /// hidden states in the engine's type. The tokens are checked.
  using HiddenRows =
      std::function<Error(int64_t first, std::span<const std::byte> rows)>;
  Error feedChecked(const TokenRow &tokens, const HiddenRows &rows);
  void remember(const TokenRow &tokens);
  bool computesCacheAgain() const;

  // Batch.cpp: `rows` gets the hidden states of each row, in the engine's type.
  using RowHidden = std::function<Error(size_t row, int64_t first,
                                        std::span<const std::byte> rows)>;
  Error runCausal(std::span<const TokenRow> batch, const RowHidden &rows);
  Error runPacked(std::span<const TokenRow> batch, const RowHidden &rows);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_SESSIONSTATE_H
