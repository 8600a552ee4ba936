//===- Session.h - Feeding tokens to a model --------------------*- C++ -*-===//
//
// A causal model is fed a sequence in pieces; its session has the KV cache.
// Prompts run in chunks of the sizes for which the executable was compiled. The
// sizes are chosen for the least time, and the last chunk may be padded. A
// bidirectional model (an encoder) has no cache: it reads whole rows, and
// several rows are packed into one call. Padding tokens see no keys, so they do
// not affect results.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_H
#define LORA_RUNTIME_SESSION_H

#include "lora-runtime/Executable.h"

#include <limits>

namespace lora_rt {

/// The most tokens that a session holds by default.
inline constexpr int64_t defaultContext = 4096;

/// A sequence of tokens, without padding.
struct TokenRow {
  /// Token ids in [0, vocabSize).
  std::span<const int32_t> ids;
  /// The type of each token; empty if all are of type 0.
  std::span<const int32_t> types = {};
};

/// Rows of results in f32: one for each token, or one for each row of a batch.
/// The memory belongs to the session, which overwrites it in later calls.
struct ResultSpan {
  /// The position of the token that the first row belongs to.
  int64_t first = 0;
  /// The rows, one after the other.
  std::span<const float> values;
  /// The length of a row.
  size_t width = 1;

  size_t size() const { return values.size() / width; }
  std::span<const float> operator[](size_t row) const {
    return values.subspan(row * width, width);
  }
};

/// A sequence of tokens on an executable with the function `hidden_states`. If
/// the model has a head, it also has `logits`; an encoder without a head may
/// have `pooled`.
class Session {
public:
  /// Receives results in pieces, in the order of the tokens. They are valid
  /// until this function returns.
  using Rows = std::function<Error(const ResultSpan &rows)>;

  /// The same for a row of a batch.
  using BatchRows = std::function<Error(size_t row, const ResultSpan &rows)>;

  /// As a number of tokens: all tokens that are fed.
  static constexpr int64_t all = std::numeric_limits<int64_t>::max();

  /// `context` is the number of tokens that the cache holds. 0 means the
  /// smaller of the model's limit and defaultContext. A model without a cache
  /// accepts only 0.
  static Expected<std::unique_ptr<Session>>
  create(std::shared_ptr<Executable> executable, int64_t context);
  ~Session();

  /// The facts of the model.
  const Manifest::Model &model() const;
  /// The most tokens that the cache holds, or that a row may have.
  int64_t context() const;
  /// The number of tokens fed so far.
  int64_t position() const;

  /// The results of `feed` and `run`.
  enum class Output {
    /// Logits, or hidden states if the model has no head.
    Logits,
    /// The final hidden state of each token.
    Hidden,
    /// What the pooler of an encoder without a head computes from the first
    /// token of a row: `pooler_output` of transformers.
    Pooled
  };

  /// Fails if the model does not compute such results.
  Error checkOutput(Output output) const;

  /// The length of a row of results: that of logits if the model has a head,
  /// otherwise the hidden size.
  int64_t rowSize(Output output = Output::Logits) const;

  //===--------------------------------------------------------------------===//
  // Any model: whole rows
  //===--------------------------------------------------------------------===//

  /// Whether `run` returns one row of results for each row of the batch instead
  /// of one for each token.
  bool isPooled(Output output = Output::Logits) const;

  /// Fails if the model cannot run these rows and continue them by `count`
  /// tokens.
  Error checkBatch(std::span<const TokenRow> batch, int64_t count = 0) const;

  /// Runs rows, each from its beginning, and discards what was fed. `rows` gets
  /// the results of their tokens in pieces, row by row. If the output is
  /// pooled, it gets the results of each row at position 0.
  Error run(std::span<const TokenRow> batch, const BatchRows &rows,
            Output output = Output::Logits);

  //===--------------------------------------------------------------------===//
  // Causal models: piece by piece
  //===--------------------------------------------------------------------===//

  /// Feeds tokens. If `rows` is set, it gets the logits of the last `asked`
  /// tokens, in pieces; or the final hidden states, if they are requested or
  /// the model has no head. Nothing is computed for the tokens before them.
  /// After an error, also one that `rows` returns, the session is as if the
  /// tokens had not been fed.
  Error feed(const TokenRow &tokens, const Rows &rows = nullptr,
             Output output = Output::Logits, int64_t asked = all);

  /// The logits (or hidden states) of the last token. They are valid until the
  /// next call of a function that is not const.
  Expected<std::span<const float>> last();

  /// The most likely next token; among equal ones the first.
  Expected<int32_t> greedy();

  /// Succeeds if the model can continue texts.
  Error checkGenerative() const;

  /// Continues greedily with up to `count` tokens. Each one is passed to
  /// `token`, until that returns false. First checks that the context is large
  /// enough. A token is fed when the next one is computed, so the last one is
  /// not fed.
  Error generate(int64_t count, const std::function<bool(int32_t)> &token);

  /// Feeds a token that continues the text, as `generate` does: a model whose
  /// rotary frequencies restart the cache at some length gets all of it again.
  Error advance(int32_t id);

  /// The tokens that were fed.
  std::span<const int32_t> fed() const;

  /// Whether `rewind` leaves the session as if the removed tokens had never
  /// been fed, without computing anything again. It does not if rotary
  /// frequencies depend on the length of a call.
  bool rewindsFreely() const;

  /// Asks, before each chunk of a call, whether to go on: `position` tokens of
  /// `end` are done. If the answer is no, the call fails, and the session is as
  /// if it had not begun. An empty function removes the question.
  void onChunk(std::function<bool(int64_t position, int64_t end)> proceed);

  /// Writes the tokens that were fed and their cache to a file: safetensors,
  /// with the executable's identity.
  Error save(const std::string &path);

  /// Replaces what was fed by the contents of a file that `save` wrote for the
  /// same executable. After an error, the session is empty.
  Error load(const std::string &path);

  /// Removes tokens: the session is then in the state in which it was after
  /// the first `tokens` tokens.
  Error rewind(int64_t tokens);

  /// Removes all tokens. The next tokens belong to a row that is `padding`
  /// tokens shorter than the longest row of its batch. Rotary frequencies that
  /// depend on the length of a call follow the longest row, as if the batch
  /// were one call.
  void reset(int64_t padding = 0);

  /// The memory of the session and its executable. It is known before the first
  /// token.
  MemoryReport memory() const;

  /// The memory and the calls on which the session runs.
  Instance &instance();

private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_H
