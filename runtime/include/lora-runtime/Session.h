//===- Session.h - Feeding tokens to a model --------------------*- C++ -*-===//
//
// A session holds the KV cache of one sequence. Prompts run in chunks of the
// sizes that the module was compiled for, chosen for the least time; the last
// one may be padded. Padding tokens see no keys and write to a spare row of the
// cache, so they change nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_H
#define LORA_RUNTIME_SESSION_H

#include "lora-runtime/Module.h"

namespace lora_rt {

/// What a default session holds at most, in tokens.
inline constexpr int64_t defaultContext = 4096;

/// One sequence on a module with the functions `hidden_states` and, if the
/// model has a head, `logits`.
class Session {
public:
  /// Rows of results in f32: the position of the first one, and the rows.
  using Rows = std::function<Error(int64_t first, std::span<const float> rows)>;

  /// `context` is the number of tokens that the cache holds; 0 takes the
  /// smaller of the model's limit and defaultContext.
  static Expected<std::unique_ptr<Session>>
  create(std::shared_ptr<Module> module, int64_t context);
  ~Session();

  const Manifest::Model &model() const;
  int64_t context() const;
  /// The number of tokens fed so far.
  int64_t position() const;

  /// The length of a row of results: the vocabulary's size if the model has a
  /// head, otherwise the hidden size.
  int64_t rowSize() const;

  /// What `feed` hands out.
  enum class Output { Logits, Hidden };

  /// Feeds tokens. If `rows` is set it gets the logits of all of them, in
  /// pieces; the final hidden states if asked for them, or if the model has no
  /// head.
  Error feed(std::span<const int32_t> ids, const Rows &rows = nullptr,
             Output output = Output::Logits);

  /// The logits (or hidden states) of the last token fed.
  Expected<std::vector<float>> last();

  /// The most likely next token, the first one of equals.
  Expected<int32_t> greedy();

  /// Success if the context holds a prompt of this length and `count` tokens
  /// that follow it.
  Error checkRoom(int64_t promptTokens, int64_t count) const;

  /// Continues greedily: up to `count` tokens, each handed to `token` as it
  /// comes, until `token` returns false. Checks first that the context holds
  /// them.
  Error generate(int64_t count, const std::function<bool(int32_t)> &token);

  /// Forgets all tokens.
  void reset();

  /// Memory of the session and its module; known before the first token.
  MemoryReport memory() const;

  ModuleInstance &instance();

private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_H
