//===- ModelCalls.h - Calling hidden_states and logits ----------*- C++ -*-===//
//
// The entries of an inference executable, checked against
// docs/executable-format.md, and the engine's memory for their inputs and
// outputs.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_MODELCALLS_H
#define LORA_RUNTIME_SESSION_MODELCALLS_H

#include "CallInput.h"

namespace lora_rt {

class ModelCalls {
public:
  using Rows = Session::Rows;

  /// Finds and checks the entries, and allocates memory. `stateRows` is that of
  /// Instance::create.
  static Expected<std::unique_ptr<ModelCalls>>
  create(std::shared_ptr<Executable> executable, int64_t stateRows);

  const Manifest::Model &model() const { return instance->manifest().model; }
  /// The numbers of tokens that a call may have, ascending.
  std::span<const int64_t> sizes() const { return bodySizes; }
  uint64_t hiddenRowBytes() const {
    return uint64_t(model().hiddenSize) * sizeOf(hiddenType);
  }

  /// Sets the frequencies of the following calls.
  Error setFrequencies(std::span<const float> values);

  /// Computes hidden states. They stay on the engine until the next call.
  Error hiddenStates(const CallInput &input);

  /// Reads the hidden states of the first `count` tokens, in the engine's type.
  Expected<std::vector<std::byte>> readHidden(int64_t count);

  /// Passes hidden states to `sink` as f32.
  Error convertHidden(std::span<const std::byte> rows, int64_t first,
                      const Rows &sink) const;

  /// Passes the logits of rows of hidden states to `sink`, in pieces.
  Error logits(std::span<const std::byte> rows, int64_t first,
               const Rows &sink);

  uint64_t memory() const;

  std::unique_ptr<Instance> instance;

private:
  Error checkEntries();
  Error allocate();

  /// In ascending order of tokens.
  std::vector<const Manifest::Entry *> body, head;
  std::vector<int64_t> bodySizes, headSizes;
  DType hiddenType = DType::F32, logitsType = DType::F32;
  EngineMemory ids, sequence, types, frequencies, hidden, logitsMemory;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_MODELCALLS_H
