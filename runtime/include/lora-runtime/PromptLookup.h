//===- PromptLookup.h - Proposing tokens from the text itself ---*- C++ -*-===//
//
// A text often repeats parts of itself or of its prompt. Where its last tokens
// occurred before, the tokens that followed them are proposed; the model checks
// all of them in one call (Saxena, prompt lookup decoding, 2023). The proposal
// is that of transformers' PromptLookupCandidateGenerator, but shorter or none
// where the text so far shows that checking it would take more time than it
// saves.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PROMPTLOOKUP_H
#define LORA_RUNTIME_PROMPTLOOKUP_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lora_rt {

struct LookupOptions {
  /// The most and the fewest last tokens that must have occurred before: 1 <=
  /// `minNgram` <= `maxNgram` <= 16.
  int64_t maxNgram = 3;
  int64_t minNgram = 1;
  /// The most tokens of a proposal; from 1. With the token before them, a call
  /// has one more.
  int64_t maxTokens = 15;
  /// Whether proposals become shorter, or none, where they would not pay.
  bool adapts = true;
  /// The time that one more token takes in a call of the model, and what a call
  /// with several tokens takes in addition, both in relation to the time of a
  /// call with one token. The defaults are those of large models.
  double costPerToken = 0.06;
  double costPerCall = 0.3;
};

/// Proposes what may come next. Each token takes constant time.
class PromptLookup {
public:
  /// Fails if an option is out of its range. A proposal ends before a token of
  /// `endOfSequence`.
  static Expected<PromptLookup>
  create(const LookupOptions &options,
         std::span<const int32_t> endOfSequence = {});

  /// Adds tokens of the prompt.
  void addPrompt(std::span<const int32_t> ids);

  /// Adds a token that the model chose, whether it was proposed or not. Whether
  /// it is the one that was expected here decides how long proposals are.
  void take(int32_t id);

  /// Forgets the last tokens. What was learned about proposals remains. Fails
  /// if there are fewer.
  Error rewind(int64_t count);

  /// Forgets all tokens, and what was learned.
  void reset();

  /// At most `atMost` tokens that may follow; none if nothing is known, or if
  /// they are not worth it. Valid until the next call.
  std::span<const int32_t> propose(int64_t atMost) const;

private:
  /// For each sequence of `length` tokens, the position after its first
  /// occurrence.
  struct Index {
    int64_t length;
    /// A hash table; 0 is an empty place. The last one that was added can be
    /// removed, as long as the table does not grow.
    std::vector<int32_t> slots;
    size_t used = 0;
    /// How often the token was the expected one, of late.
    double hitRate = 0;
  };

  PromptLookup(const LookupOptions &options,
               std::span<const int32_t> endOfSequence);
  void add(int32_t id);
  size_t findSlot(const Index &index, int64_t end) const;
  void insert(Index &index, int64_t end);
  void grow(Index &index);
  void lookUp();
  int64_t worthwhile(int64_t atMost) const;

  LookupOptions options;
  std::vector<int32_t> endOfSequence;
  std::vector<int32_t> text;
  /// By length, the longest first.
  std::vector<Index> indices;
  /// The index with a match at the end of the text, -1 for none, and the
  /// position of the token that is expected next.
  int64_t matched = -1;
  int64_t next = 0;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_PROMPTLOOKUP_H
