//===- ModelCalls.h - Calling the entries for inference ---------*- C++ -*-===//
//
// The entries of an inference executable, checked against
// docs/executable-format.md, and the engine's memory for their inputs and
// outputs. Hidden states stay on the engine: the entry `logits` or `pooled`,
// which is called *head* here, reads them from there. For
// a call the host writes one block of memory with ids and positions. It reads
// only the results that are asked for, without a copy if it can address them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_MODELCALLS_H
#define LORA_RUNTIME_SESSION_MODELCALLS_H

#include "CallPlan.h"

namespace lora_rt {

/// Consecutive tokens of the last call of hidden_states.
struct TokenRange {
  int64_t first, count;
};

class ModelCalls {
public:
  /// Finds and checks the entries, and allocates memory. `stateRows` is that of
  /// Instance::create.
  static Expected<std::unique_ptr<ModelCalls>>
  create(std::shared_ptr<Executable> executable, int64_t stateRows);

  const Manifest::Model &model() const { return instance->manifest().model; }

  /// Whether the model has no head, but a pooler.
  bool hasPooler() const { return !model().hasHead() && !head.empty(); }

  /// The numbers of tokens that a call of hidden_states, or of the head, may
  /// have.
  ChunkPlanner &bodyChunks() { return *bodyPlanner; }
  ChunkPlanner &headChunks() { return *headPlanner; }
  std::span<const int64_t> sizes() const { return bodyPlanner->sizes(); }

  /// Sets the frequencies of the following calls.
  Error setFrequencies(std::span<const float> values);

  /// The input of the next call.
  CallInput &input() { return callInput; }
  /// Computes hidden states. They stay on the engine until the next call.
  Error hiddenStates();

  // Results are valid until the next call of a function that is not const.

  /// The hidden states of tokens as f32.
  Expected<std::span<const float>> hidden(TokenRange tokens);

  /// Computes the logits of tokens in one call of `size` rows.
  Expected<std::span<const float>> logits(TokenRange tokens, int64_t size);

  /// Passes the logits of tokens to `sink`, in pieces, or their hidden states.
  /// `position` is the position of the first token.
  Error results(bool asLogits, TokenRange tokens, int64_t position,
                const Session::Rows &sink);

  /// Copies the hidden state of a token to a place that later calls of
  /// hidden_states do not overwrite. There are as many places as the largest
  /// call of the head has rows.
  Error pick(int64_t token, int64_t place);
  /// Computes the results of the head for the first `count` places.
  Expected<std::span<const float>> headOfPicked(int64_t count, int64_t size);

  uint64_t memory() const;

  std::unique_ptr<Instance> instance;

private:
  Error checkEntries();
  Error allocate();
  /// The length of a row of the head's results.
  int64_t headWidth() const {
    return model().hasHead() ? model().outputs : model().hiddenSize;
  }
  uint64_t hiddenRowBytes() const {
    return uint64_t(model().hiddenSize) * sizeOf(hiddenType);
  }
  /// The engine address of a row of hidden states.
  void *rowOf(const EngineMemory &memory, int64_t row) const {
    return static_cast<std::byte *>(memory.address()) +
           uint64_t(row) * hiddenRowBytes();
  }
  Expected<std::span<const float>> callHead(void *rows, int64_t count,
                                            int64_t size);
  Expected<std::span<const float>> read(void *address, DType type,
                                        uint64_t count);

  /// In ascending order of tokens, as in the planners.
  std::vector<const Manifest::Entry *> body, head;
  std::optional<ChunkPlanner> bodyPlanner, headPlanner;
  DType hiddenType = DType::F32, headType = DType::F32;
  CallInput callInput;
  EngineMemory inputMemory, frequencies, hiddenMemory, picked, headMemory;
  /// The values in `frequencies`.
  std::vector<float> frequenciesNow;
  /// The results that the caller has: engine memory that is f32, or a converted
  /// copy.
  HostView seen;
  std::vector<float> converted;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_MODELCALLS_H
