//===- InstanceCall.h - A call of generated code ----------------*- C++ -*-===//
//
// The context of a call, which generated code passes to each service. The first
// failure of a service ends the call with its message.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_INSTANCECALL_H
#define LORA_RUNTIME_EXECUTABLE_INSTANCECALL_H

#include "ExecutableState.h"
#include "lora-runtime/Clock.h"

#include <map>

namespace lora_rt {

/// Adds the time of a scope to an entry, if there is one.
class Timed {
public:
  explicit Timed(ProfileEntry *entry)
      : entry(entry), begin(entry ? now() : 0) {}
  ~Timed() {
    if (!entry)
      return;
    entry->seconds += now() - begin;
    ++entry->calls;
  }

private:
  ProfileEntry *entry;
  double begin;
};

/// The context that generated code gets.
struct Instance::Call {
  /// The first member, so that its address is that of the object.
  lora_rt_context context;
  Executable::State *executable;
  void *scratch = nullptr;
  /// How many of the entry's tokens are padding.
  uint64_t padding = 0;
  Counters counters;
  Error error;

  bool profiling = false;
  /// Times by primitive; by group of primitives; by loop body; and of whole
  /// calls.
  std::vector<ProfileEntry> primitives;
  std::map<std::vector<uint32_t>, ProfileEntry> groups;
  std::map<lora_rt_body, ProfileEntry> loops;
  ProfileEntry calls;

  static Call &of(lora_rt_context *context) {
    return *reinterpret_cast<Call *>(context);
  }

  // The services that generated code calls.
  static void execute(lora_rt_context *context, uint32_t primitive,
                      void *const *args);
  static void executeGroup(lora_rt_context *context, uint32_t count,
                           const uint32_t *primitives,
                           void *const *const *args);
  static void parallelFor(lora_rt_context *context, int64_t begin, int64_t end,
                          int64_t grain, lora_rt_body body,
                          void *const *captures);

  /// Fails the call, and returns false, if there is no such primitive.
  bool check(std::span<const uint32_t> indices);
  /// Counts the work that is about to be executed, without rows of padding.
  void count(std::span<const uint32_t> indices, ProfileEntry *entry);
  /// Ends the call with this error. Later services do nothing.
  void fail(Error failure);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_INSTANCECALL_H
