//===- ExecutableState.h - What a loaded executable holds -------*- C++ -*-===//

#ifndef LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H
#define LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H

#include "CodeObject.h"
#include "lora-runtime/Executable.h"
#include "lora-runtime/Payload.h"

#include <atomic>
#include <sys/types.h>

namespace lora_rt {

struct Executable::State {
  ~State();

  Manifest manifest;
  std::string where;
  /// Keeps the mapped parameters; empty for an executable from memory.
  std::optional<Payload> payload;
  CodeObject code;
  /// In the order of the manifest's entries.
  std::vector<lora_rt_entry> entries;

  const lora_backend *backend = nullptr;
  lora_engine *engine = nullptr;
  std::string description;
  unsigned threads = 0;

  /// By the manifest's order.
  std::vector<const void *> params;
  std::vector<EngineMemory> repacked;
  std::vector<lora_primitive *> primitives;
  std::vector<lora_primitive_facts> facts;
  uint64_t scratchBytes = 0;
  uint64_t paramBytes = 0;
  /// Primitives hold their arguments while they run, so calls take turns.
  std::mutex running;
  /// The process that holds or held it.
  std::atomic<pid_t> runningIn = 0;

  /// Waits for a call's turn. Fails in the child of a fork that another thread
  /// was in a call at: that thread does not exist there.
  Expected<std::unique_lock<std::mutex>> takeTurn();

  Error loadCode(std::span<const std::byte> bytes);
  Error createEngine(unsigned threads);
  Error bindParameters(const ParameterSource &source);
  /// Repacks parameters whose layout this engine would not choose.
  Error adaptLayouts(const std::function<void(const std::string &)> &warn);
  Error createPrimitives();
};

/// A backend's failure as an Error.
inline Error backendError(int32_t status, const lora_message &message,
                          const std::string &where) {
  if (status == 0)
    return Error::success();
  return makeError(ErrorCode(status), where, ": ", message.text);
}

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_EXECUTABLESTATE_H
