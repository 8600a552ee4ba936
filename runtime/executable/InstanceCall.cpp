//===- InstanceCall.cpp - What generated code calls -----------------------===//
//
// Implements InstanceCall.h, and the profile, which the services measure.
//
//===----------------------------------------------------------------------===//

#include "InstanceCall.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lora_rt {

void Instance::Call::execute(lora_rt_context *context, uint32_t primitive,
                             void *const *args) {
  Call &call = of(context);
  if (context->status || !call.check({&primitive, 1}))
    return;
  Executable::State &executable = *call.executable;
  ProfileEntry *entry = call.profiling ? &call.primitives[primitive] : nullptr;
  call.count({&primitive, 1}, entry);
  Timed timed(entry);
  lora_message message;
  if (int32_t status = executable.backend->execute(
          executable.engine, executable.primitives[primitive], args,
          call.scratch, &message))
    call.fail(backendError(status, message, executable.where));
}

void Instance::Call::executeGroup(lora_rt_context *context, uint32_t count,
                                  const uint32_t *primitives,
                                  void *const *const *args) {
  Call &call = of(context);
  Executable::State &executable = *call.executable;
  if (context->status)
    return;
  if (count < 1 || count > LORA_RT_MAX_GROUP)
    return call.fail(makeError(
        ErrorCode::InvalidFile, executable.where, ": its code has a group of ",
        count, " primitives; there may be 1 to ", LORA_RT_MAX_GROUP));
  std::span group(primitives, count);
  if (!call.check(group))
    return;
  std::array<lora_primitive *, LORA_RT_MAX_GROUP> members;
  std::transform(group.begin(), group.end(), members.begin(),
                 [&](uint32_t index) { return executable.primitives[index]; });
  ProfileEntry *entry =
      call.profiling ? &call.groups[{group.begin(), group.end()}] : nullptr;
  call.count(group, entry);
  Timed timed(entry);
  lora_message message;
  if (int32_t status = executable.backend->execute_group(
          executable.engine, count, members.data(), args, call.scratch,
          &message))
    call.fail(backendError(status, message, executable.where));
}

void Instance::Call::parallelFor(lora_rt_context *context, int64_t begin,
                                 int64_t end, int64_t grain, lora_rt_body body,
                                 void *const *captures) {
  if (context->status)
    return;
  Call &call = of(context);
  Executable::State &executable = *call.executable;
  Timed timed(call.profiling ? &call.loops[body] : nullptr);
  executable.backend->parallel_for(executable.engine, begin, end, grain, body,
                                   captures);
}

bool Instance::Call::check(std::span<const uint32_t> indices) {
  for (uint32_t index : indices)
    if (index >= executable->primitives.size()) {
      fail(makeError(ErrorCode::InvalidFile, executable->where,
                     ": its code uses primitive ", index,
                     ", but there are only ", executable->primitives.size()));
      return false;
    }
  return true;
}

void Instance::Call::count(std::span<const uint32_t> indices,
                           ProfileEntry *entry) {
  for (uint32_t index : indices) {
    const lora_primitive_facts &facts = executable->facts[index];
    uint64_t operations = facts.operations - padding * facts.row_operations;
    uint64_t bytes = facts.bytes - padding * facts.row_bytes;
    counters.operations += operations;
    counters.bytes += bytes;
    ++counters.executions;
    if (entry) {
      entry->operations += operations;
      entry->bytes += bytes;
    }
  }
}

void Instance::Call::fail(Error failure) {
  context.status = int32_t(failure.code());
  error = std::move(failure);
}

void Instance::startProfile() {
  Call &call = *callContext;
  call.profiling = true;
  call.primitives.clear();
  for (const PrimitiveSpec &primitive : manifest().primitives)
    call.primitives.push_back({.name = primitive.text()});
  call.groups.clear();
  call.loops.clear();
  for (auto &[address, name] : executable->state->code.functions())
    call.loops[reinterpret_cast<lora_rt_body>(const_cast<void *>(address))]
        .name =
        name.ends_with(".body") ? name.substr(0, name.size() - 5) : name;
  call.calls = {};
}

Profile Instance::takeProfile() {
  Call &call = *callContext;
  Profile profile;
  profile.seconds = std::exchange(call.calls, {}).seconds;
  auto take = [&](ProfileEntry &entry) {
    if (entry.calls == 0)
      return;
    if (entry.name.empty())
      entry.name = "loop";
    profile.entries.push_back(entry);
    entry = {.name = std::move(entry.name)};
  };
  for (ProfileEntry &entry : call.primitives)
    take(entry);
  for (auto &[members, entry] : call.groups) {
    entry.name.clear();
    for (uint32_t index : members)
      entry.name += (entry.name.empty() ? "" : " | ") +
                    manifest().primitives[index].text();
    take(entry);
  }
  for (auto &[body, entry] : call.loops)
    take(entry);
  return profile;
}

} // namespace lora_rt
