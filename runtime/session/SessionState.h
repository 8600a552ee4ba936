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
  /// All that was fed, if generating may have to compute the cache again.
  std::vector<int32_t> fed;

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

  /// Runs one call's tokens of a causal model, in chunks; `rows` gets their
  /// hidden states in the engine's type. The tokens are checked.
  using HiddenRows =
      std::function<Error(int64_t first, std::span<const std::byte> rows)>;
  Error feedChecked(const TokenRow &tokens, const HiddenRows &rows);
  bool computesCacheAgain() const;

  // Batch.cpp: `rows` gets the hidden states of each row, in the engine's type.
  using RowHidden = std::function<Error(size_t row, int64_t first,
                                        std::span<const std::byte> rows)>;
  Error runCausal(std::span<const TokenRow> batch, const RowHidden &rows);
  Error runPacked(std::span<const TokenRow> batch, const RowHidden &rows);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_SESSIONSTATE_H
