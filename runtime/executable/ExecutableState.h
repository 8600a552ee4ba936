//===- ExecutableState.h - The state of a loaded executable -----*- C++ -*-===//
//
// The private members of Executable, which Instance also uses: the table of
// entries, the addresses of parameters, and the primitives, all in the order of
// the manifest.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H
#define LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H

#include "CodeObject.h"
#include "lora-runtime/Executable.h"
#include "lora-runtime/Payload.h"

#include <atomic>

namespace lora_rt {

struct Executable::State {
  ~State();

  Manifest manifest;
  std::string where;
  /// Keeps the parameters mapped; empty for an executable from memory.
  std::optional<Payload> payload;
  CodeObject code;
  /// In the order of the manifest's entries.
  std::vector<lora_rt_entry> entries;

  const lora_backend *backend = nullptr;
  lora_engine *engine = nullptr;
  std::string description;
  unsigned threads = 0;

  /// In the order of the manifest.
  std::vector<const void *> params;
  std::vector<EngineMemory> repacked;
  std::vector<lora_primitive *> primitives;
  std::vector<lora_primitive_facts> facts;
  uint64_t scratchBytes = 0;
  uint64_t paramBytes = 0;
  /// A primitive holds its arguments while it runs, so calls run one after the
  /// other.
  std::mutex running;
  /// The process that holds the lock, or held it last, by its forkDepth().
  std::atomic<unsigned> runningIn = 0;

  /// Waits for the lock. Fails in a child process if another thread was in a
  /// call during the fork, because that thread does not exist in the child.
  Expected<std::unique_lock<std::mutex>> takeTurn();

  Error loadCode(std::span<const std::byte> bytes);
  Error createEngine(unsigned threads);
  Error bindParameters(const ParameterSource &source);
  /// Repacks parameters whose layout this engine would not choose.
  Error adaptLayouts(const std::function<void(const std::string &)> &warn);
  Error createPrimitives();
};

/// A failure of the backend as an Error.
inline Error backendError(int32_t status, const lora_message &message,
                          const std::string &where) {
  if (status == 0)
    return Error::success();
  return makeError(ErrorCode(status), where, ": ", message.text);
}

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H
