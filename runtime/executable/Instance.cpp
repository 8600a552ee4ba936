//===- Instance.cpp - Slots, workspace and calls --------------------------===//
//
// Implements Instance: allocates states, regions and workspace, fills the slot
// table, and implements the services that generated code calls. The first
// failure of a service ends the call with its message.
//
//===----------------------------------------------------------------------===//

#include "../core/Fork.h"
#include "ExecutableState.h"
#include "lora-runtime/Clock.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

namespace lora_rt {

EngineMemory::EngineMemory(EngineMemory &&other) noexcept {
  *this = std::move(other);
}

EngineMemory &EngineMemory::operator=(EngineMemory &&other) noexcept {
  std::swap(backend, other.backend);
  std::swap(engine, other.engine);
  std::swap(data, other.data);
  std::swap(bytes, other.bytes);
  return *this;
}

EngineMemory::~EngineMemory() {
  if (data)
    backend->release(engine, data, bytes);
}

Expected<EngineMemory> EngineMemory::allocate(const lora_backend *backend,
                                              lora_engine *engine,
                                              uint64_t bytes) {
  EngineMemory memory;
  lora_message message = {};
  if (int32_t status = backend->allocate(engine, bytes, &memory.data, &message))
    return makeError(ErrorCode(status), message.text);
  memory.backend = backend;
  memory.engine = engine;
  memory.bytes = bytes;
  return memory;
}

HostView::HostView(HostView &&other) noexcept { *this = std::move(other); }

HostView &HostView::operator=(HostView &&other) noexcept {
  std::swap(backend, other.backend);
  std::swap(engine, other.engine);
  std::swap(address, other.address);
  std::swap(host, other.host);
  std::swap(size, other.size);
  return *this;
}

HostView::~HostView() {
  // The error is ignored, because nothing was written.
  lora_message message;
  if (host)
    backend->unmap(engine, address, host, &message);
}

Expected<HostView> HostView::map(const lora_backend *backend,
                                 lora_engine *engine, void *address,
                                 uint64_t bytes) {
  HostView view;
  lora_message message;
  if (int32_t status =
          backend->map(engine, address, bytes, &view.host, &message))
    return makeError(ErrorCode(status), message.text);
  view.backend = backend;
  view.engine = engine;
  view.address = address;
  view.size = bytes;
  return view;
}

namespace {

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

} // namespace

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

  static void execute(lora_rt_context *context, uint32_t primitive,
                      void *const *args) {
    Call &call = of(context);
    if (context->status || !call.check({&primitive, 1}))
      return;
    Executable::State &executable = *call.executable;
    ProfileEntry *entry =
        call.profiling ? &call.primitives[primitive] : nullptr;
    call.count({&primitive, 1}, entry);
    Timed timed(entry);
    lora_message message;
    if (int32_t status = executable.backend->execute(
            executable.engine, executable.primitives[primitive], args,
            call.scratch, &message))
      call.fail(backendError(status, message, executable.where));
  }

  static void executeGroup(lora_rt_context *context, uint32_t count,
                           const uint32_t *primitives,
                           void *const *const *args) {
    Call &call = of(context);
    Executable::State &executable = *call.executable;
    if (context->status)
      return;
    if (count < 1 || count > LORA_RT_MAX_GROUP)
      return call.fail(makeError(ErrorCode::InvalidFile, executable.where,
                                 ": its code has a group of ", count,
                                 " primitives; there may be 1 to ",
                                 LORA_RT_MAX_GROUP));
    std::span group(primitives, count);
    if (!call.check(group))
      return;
    std::array<lora_primitive *, LORA_RT_MAX_GROUP> members;
    std::transform(
        group.begin(), group.end(), members.begin(),
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

  /// Returns false after an earlier failure, or if there is no such primitive.
  bool check(std::span<const uint32_t> indices) {
    for (uint32_t index : indices)
      if (index >= executable->primitives.size()) {
        fail(makeError(ErrorCode::InvalidFile, executable->where,
                       ": its code uses primitive ", index,
                       ", but there are only ", executable->primitives.size()));
        return false;
      }
    return true;
  }

  /// Counts the work that is about to be executed, without rows of padding.
  void count(std::span<const uint32_t> indices, ProfileEntry *entry) {
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

  static void parallelFor(lora_rt_context *context, int64_t begin, int64_t end,
                          int64_t grain, lora_rt_body body,
                          void *const *captures) {
    if (context->status)
      return;
    Call &call = of(context);
    Executable::State &executable = *call.executable;
    Timed timed(call.profiling ? &call.loops[body] : nullptr);
    executable.backend->parallel_for(executable.engine, begin, end, grain, body,
                                     captures);
  }

  void fail(Error failure) {
    context.status = int32_t(failure.code());
    error = std::move(failure);
  }
};

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

Expected<EngineMemory> Instance::allocate(uint64_t bytes) {
  return EngineMemory::allocate(executable->state->backend,
                                executable->state->engine, bytes);
}

Error Instance::write(void *address, std::span<const std::byte> bytes) {
  Executable::State &state = *executable->state;
  lora_message message;
  return backendError(state.backend->write(state.engine, address, bytes.data(),
                                           bytes.size(), &message),
                      message, state.where);
}

Error Instance::read(const void *address, std::span<std::byte> bytes) {
  Executable::State &state = *executable->state;
  lora_message message;
  return backendError(state.backend->read(state.engine, address, bytes.data(),
                                          bytes.size(), &message),
                      message, state.where);
}

Error Instance::copy(const void *from, void *to, uint64_t bytes) {
  Executable::State &state = *executable->state;
  lora_message message;
  return backendError(
      state.backend->copy(state.engine, from, to, bytes, &message), message,
      state.where);
}

Expected<HostView> Instance::view(void *address, uint64_t bytes) {
  Executable::State &state = *executable->state;
  Expected<HostView> view =
      HostView::map(state.backend, state.engine, address, bytes);
  if (!view)
    return makeError(view.takeError().code(), state.where, ": ",
                     view.message());
  return view;
}

} // namespace lora_rt
