//===- Session.h - Feeding tokens to a model --------------------*- C++ -*-===//
//
// A causal model is fed a sequence piece by piece; its session holds the KV
// cache. Prompts run in chunks of the sizes that the executable was compiled
// for, chosen for the least time; the last one may be padded. A bidirectional
// model (an encoder) has no cache: it reads whole rows, several of them packed
// into one call. Padding tokens see no keys, so they change nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_H
#define LORA_RUNTIME_SESSION_H

#include "lora-runtime/Executable.h"

namespace lora_rt {

/// What a default session holds at most, in tokens.
inline constexpr int64_t defaultContext = 4096;

/// A sequence of tokens, without padding.
struct TokenRow {
  std::span<const int32_t> ids;
  /// The kind of each token, or nothing: all of kind 0.
  std::span<const int32_t> types = {};
};

/// An executable with the functions `hidden_states` and, if the model has a
/// head, `logits`, and what it was fed.
class Session {
public:
  /// Rows of results in f32: the position of the first one, and the rows.
  using Rows = std::function<Error(int64_t first, std::span<const float> rows)>;

  /// The same of a row of a batch.
  using BatchRows = std::function<Error(size_t row, int64_t first,
                                        std::span<const float> rows)>;

  /// `context` is the number of tokens that the cache holds; 0 takes the
  /// smaller of the model's limit and defaultContext, and is all that a model
  /// without a cache takes.
  static Expected<std::unique_ptr<Session>>
  create(std::shared_ptr<Executable> executable, int64_t context);
  ~Session();

  const Manifest::Model &model() const;
  /// The tokens that the cache holds, or that a row has at most.
  int64_t context() const;
  /// The number of tokens fed so far.
  int64_t position() const;

  /// What `feed` and `run` hand out.
  enum class Output { Logits, Hidden };

  /// The length of a row of results: of logits if the model has a head,
  /// otherwise the hidden size.
  int64_t rowSize(Output output = Output::Logits) const;

  //===--------------------------------------------------------------------===//
  // Any model: whole rows
  //===--------------------------------------------------------------------===//

  /// Whether `run` hands out one row of logits for each row of the batch, not
  /// one for each token.
  bool isPooled(Output output = Output::Logits) const;

  /// Refuses rows that the model cannot run and continue by `count` tokens.
  Error checkBatch(std::span<const TokenRow> batch, int64_t count = 0) const;

  /// Runs rows, each from its beginning, and forgets what was fed. `rows` gets
  /// the logits of their tokens in pieces, row by row (final hidden states if
  /// asked for, or if the model has no head); for a classification of
  /// sequences the logits of each row as its position 0.
  Error run(std::span<const TokenRow> batch, const BatchRows &rows,
            Output output = Output::Logits);

  //===--------------------------------------------------------------------===//
  // Causal models: piece by piece
  //===--------------------------------------------------------------------===//

  /// Feeds tokens. If `rows` is set it gets the logits of each of them, in
  /// pieces; the final hidden states if asked for them, or if the model has no
  /// head.
  Error feed(const TokenRow &tokens, const Rows &rows = nullptr,
             Output output = Output::Logits);

  /// The logits (or hidden states) of the last token fed.
  Expected<std::vector<float>> last();

  /// The most likely next token, the first one of equals.
  Expected<int32_t> greedy();

  /// Success if the model is one that continues texts.
  Error checkGenerative() const;

  /// Continues greedily: up to `count` tokens, each handed to `token` as it
  /// comes, until `token` returns false. Checks first that the context holds
  /// them. A token is fed when the next one is asked for, so the last is not.
  Error generate(int64_t count, const std::function<bool(int32_t)> &token);

  /// Takes tokens back: the session is as if the first `tokens` were all that
  /// it was fed.
  Error rewind(int64_t tokens);

  /// Forgets all tokens. The next ones are of a row that is by `padding` tokens
  /// shorter than the longest of its batch: rotary frequencies that depend on
  /// the length of a call follow the longest row, as if the batch were one
  /// call.
  void reset(int64_t padding = 0);

  /// Memory of the session and its executable; known before the first token.
  MemoryReport memory() const;

  Instance &instance();

private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_H
