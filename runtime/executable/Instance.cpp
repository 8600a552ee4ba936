//===- Instance.cpp - Slots, workspace and calls --------------------------===//
//
// Implements Instance: allocates states, regions and workspace, fills the slot
// table, and calls entries.
//
//===----------------------------------------------------------------------===//

#include "../core/Fork.h"
#include "InstanceCall.h"

#include <algorithm>
#include <utility>

namespace lora_rt {

namespace {

constexpr uint64_t alignment = 4096;

uint64_t aligned(uint64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

} // namespace

Instance::Instance(std::shared_ptr<Executable> executable)
    : executable(std::move(executable)) {}
Instance::~Instance() = default;

Expected<std::unique_ptr<Instance>>
Instance::create(std::shared_ptr<Executable> executable, int64_t stateRows) {
  static const lora_rt_services services = {
      sizeof(lora_rt_services), LORA_RT_ABI_VERSION, Call::execute,
      Call::parallelFor, Call::executeGroup};
  std::unique_ptr<Instance> instance(new Instance(executable));
  Executable::State &state = *executable->state;
  instance->callContext = std::make_unique<Call>();
  Call &call = *instance->callContext;
  call.context = {&services, stateRows, 0, 0};
  call.executable = &state;

  uint64_t frame = 0;
  for (const Manifest::Entry &entry : state.manifest.entries)
    frame = std::max(frame, entry.frameBytes);
  frame = aligned(frame);
  Expected<EngineMemory> workspace =
      instance->allocate(frame + aligned(state.scratchBytes));
  if (!workspace)
    return workspace.takeError();
  instance->workspace = std::move(*workspace);
  call.scratch =
      static_cast<std::byte *>(instance->workspace.address()) + frame;
  if (Error error = instance->bindSlots(stateRows))
    return error;
  return instance;
}

Error Instance::bindSlots(int64_t stateRows) {
  const Manifest &manifest = executable->manifest();
  for (const Manifest::State &state : manifest.states) {
    Expected<EngineMemory> memory = allocate(state.bytes(stateRows));
    if (!memory)
      return makeError(ErrorCode::System, "state '", state.name, "' with ",
                       stateRows, " rows: ", memory.message(),
                       "; a smaller context needs less");
    states.push_back(std::move(*memory));
  }
  uint64_t regionBytes = uint64_t(manifest.regionElements()) * sizeof(float);
  for (EngineMemory &region : regions) {
    if (regionBytes == 0)
      break;
    Expected<EngineMemory> memory = allocate(regionBytes);
    if (!memory)
      return memory.takeError();
    region = std::move(*memory);
  }
  auto part = [&](size_t region, size_t trainable) -> void * {
    return static_cast<float *>(regions[region].address()) +
           manifest.trainables[trainable].offset;
  };
  for (const Manifest::Slot &slot : manifest.slots) {
    switch (slot.kind) {
    case Manifest::Slot::Kind::Param:
      // Generated code only reads parameters.
      slots.push_back(
          const_cast<void *>(executable->state->params[slot.index]));
      break;
    case Manifest::Slot::Kind::State:
      slots.push_back(states[slot.index].address());
      break;
    case Manifest::Slot::Kind::Trainable:
      slots.push_back(part(0, slot.index));
      break;
    case Manifest::Slot::Kind::Gradient:
      slots.push_back(part(1, slot.index));
      break;
    case Manifest::Slot::Kind::Region:
      slots.push_back(regions[slot.index].address());
      break;
    }
  }
  return Error::success();
}

Error Instance::call(const Manifest::Entry &entry,
                     std::span<void *const> addresses, int64_t tokens) {
  Executable::State &state = *executable->state;
  size_t index = size_t(&entry - state.manifest.entries.data());
  if (index >= state.entries.size() ||
      addresses.size() != entry.inputs.size() + entry.outputs.size())
    return makeError(ErrorCode::InvalidArgument, "entry '", entry.name,
                     "' takes ", entry.inputs.size(), " inputs and ",
                     entry.outputs.size(), " outputs");
  Call &call = *callContext;
  call.context.status = 0;
  call.error = Error::success();
  call.padding = tokens && tokens < entry.tokens ? entry.tokens - tokens : 0;
  auto turn = state.takeTurn();
  if (!turn)
    return turn.takeError();
  return runWithTeam([&] {
    state.backend->set_token_rows(state.engine, tokens);
    Timed timed(call.profiling ? &call.calls : nullptr);
    state.entries[index](&call.context, slots.data(), workspace.address(),
                         addresses.data());
    return std::move(call.error);
  });
}

Error Instance::callWithHostMemory(
    const Manifest::Entry &entry,
    std::span<const std::span<const std::byte>> inputs,
    std::span<const std::span<std::byte>> outputs) {
  std::vector<EngineMemory> buffers;
  std::vector<void *> addresses;
  auto prepare = [&](const Manifest::Value &value, size_t bytes) -> Error {
    if (bytes != value.bytes())
      return makeError(ErrorCode::InvalidArgument, "entry '", entry.name,
                       "': '", value.name, "' has ", value.bytes(),
                       " bytes, but got ", bytes);
    Expected<EngineMemory> buffer = allocate(bytes);
    if (!buffer)
      return buffer.takeError();
    addresses.push_back(buffer->address());
    buffers.push_back(std::move(*buffer));
    return Error::success();
  };
  if (inputs.size() != entry.inputs.size() ||
      outputs.size() != entry.outputs.size())
    return call(entry, {});
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (Error error = prepare(entry.inputs[i], inputs[i].size()))
      return error;
    if (Error error = write(addresses.back(), inputs[i]))
      return error;
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Error error = prepare(entry.outputs[i], outputs[i].size()))
      return error;
  if (Error error = call(entry, addresses))
    return error;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Error error = read(addresses[inputs.size() + i], outputs[i]))
      return error;
  return Error::success();
}

std::span<float> Instance::region(Region which) {
  const EngineMemory &memory = regions[size_t(which)];
  return {static_cast<float *>(memory.address()),
          memory.size() / sizeof(float)};
}

std::span<float> Instance::region(Region which,
                                  const Manifest::Trainable &trainable) {
  return region(which).subspan(size_t(trainable.offset),
                               size_t(trainable.elements()));
}

MemoryReport Instance::memory() const {
  MemoryReport report;
  for (const EngineMemory &memory : executable->state->repacked)
    report.repacked += memory.size();
  report.parameters = executable->state->paramBytes;
  for (const EngineMemory &memory : states)
    report.states += memory.size();
  for (const EngineMemory &memory : regions)
    report.regions += memory.size();
  report.workspace = workspace.size();
  return report;
}

const Counters &Instance::counters() const { return callContext->counters; }
void Instance::resetCounters() { callContext->counters = {}; }

} // namespace lora_rt
