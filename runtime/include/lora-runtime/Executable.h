//===- Executable.h - An executable, loaded ---------------------*- C++ -*-===//
//
// An `Executable` holds what calls share: code, primitives and parameters, on
// one engine. An `Instance` holds what calls change: states, training regions
// and workspace. A compiled file, and an executable of a training run in this
// process, are loaded in the same way; only the source of the parameters
// differs.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_H
#define LORA_RUNTIME_EXECUTABLE_H

#include "lora-runtime/Manifest.h"
#include "lora-runtime/backend.h"

#include <functional>
#include <memory>
#include <mutex>

namespace lora_rt {

class Payload;

/// The options for loading an executable.
struct ExecutableOptions {
  /// The number of threads; 0 for the number of cores that the process may use.
  unsigned threads = 0;
  /// Whether to compare the checksum of every parameter, which reads the whole
  /// pack.
  bool verifyPack = false;
  /// Called with warnings, for example about a layout that had to be changed.
  /// If empty, warnings go to standard error.
  std::function<void(const std::string &)> warn;
};

/// Returns the address of a parameter's bytes, in the manifest's layout. The
/// bytes must stay there as long as the executable lives.
using ParameterSource =
    std::function<Expected<const void *>(const Manifest::Param &)>;

/// Memory of an engine. The destructor releases it.
class EngineMemory {
public:
  EngineMemory() = default;
  EngineMemory(EngineMemory &&other) noexcept;
  EngineMemory &operator=(EngineMemory &&other) noexcept;
  ~EngineMemory();

  /// Allocates zeroed memory on an engine.
  static Expected<EngineMemory> allocate(const lora_backend *backend,
                                         lora_engine *engine, uint64_t bytes);

  /// The engine's address, aligned to at least 64 bytes.
  void *address() const { return data; }
  uint64_t size() const { return bytes; }

private:
  const lora_backend *backend = nullptr;
  lora_engine *engine = nullptr;
  void *data = nullptr;
  uint64_t bytes = 0;
};

/// Engine memory that the host can read as long as this object lives. The
/// object must be destroyed before the next call that uses the memory.
class HostView {
public:
  HostView() = default;
  HostView(HostView &&other) noexcept;
  HostView &operator=(HostView &&other) noexcept;
  ~HostView();

  static Expected<HostView> map(const lora_backend *backend,
                                lora_engine *engine, void *address,
                                uint64_t bytes);

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte *>(host), size};
  }

private:
  const lora_backend *backend = nullptr;
  lora_engine *engine = nullptr;
  void *address = nullptr;
  void *host = nullptr;
  uint64_t size = 0;
};

/// The bytes of each kind of memory. Their sum is the largest amount that a run
/// needs, without the code.
struct MemoryReport {
  /// Mapped from the file, and shared between processes.
  uint64_t parameters = 0;
  uint64_t repacked = 0;  ///< Parameters whose layout was changed in memory.
  uint64_t states = 0;    ///< The KV cache.
  uint64_t regions = 0;   ///< Trainable values, their gradients and moments.
  uint64_t workspace = 0; ///< Frames, and the scratch memory of primitives.

  uint64_t total() const {
    return parameters + repacked + states + regions + workspace;
  }
};

/// The work that was executed since the last reset.
struct Counters {
  uint64_t operations = 0; ///< Multiplications and additions in primitives.
  uint64_t bytes = 0;      ///< Bytes that primitives must read and write.
  uint64_t executions = 0; ///< Executions of primitives.
};

/// The time of one primitive, or of one parallel loop of generated code.
struct ProfileEntry {
  /// "matmul 128 x 2048 x 8192 ...", or the symbol of the loop:
  /// "decoder.t128.attention".
  std::string name;
  /// How many times it was executed.
  uint64_t calls = 0;
  double seconds = 0;
  /// The work of primitives; 0 for loops.
  uint64_t operations = 0, bytes = 0;
};

/// The times of the operations in calls.
struct Profile {
  std::vector<ProfileEntry> entries;
  /// The time of all calls. The part that no entry contains is that of the
  /// generated code between operations.
  double seconds = 0;
};

/// Code, primitives and parameters on an engine.
class Executable {
public:
  ~Executable();

  /// Opens a compiled file, or the payload alone.
  static Expected<std::shared_ptr<Executable>>
  open(const std::string &path, const ExecutableOptions &options);
  static Expected<std::shared_ptr<Executable>>
  open(Payload payload, const ExecutableOptions &options);

  /// Loads an executable from memory; `where` names it in messages.
  static Expected<std::shared_ptr<Executable>>
  load(Manifest manifest, std::span<const std::byte> code,
       const ParameterSource &parameters, const ExecutableOptions &options,
       const std::string &where);

  const Manifest &manifest() const;
  /// The engine, its library and its threads, for messages.
  const std::string &engineDescription() const;
  /// The number of threads that calls use.
  unsigned threads() const;
  /// The checksum of the manifest, which has the checksums of all weights:
  /// equal for two files that compute the same. Empty for an executable from
  /// memory.
  const std::string &identity() const;
  /// The compiled file, or nullptr for an executable from memory.
  const Payload *payload() const;

private:
  friend class Instance;
  struct State;
  explicit Executable(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// The states, regions and workspace for calls of an executable's entries.
class Instance {
public:
  using Region = Manifest::Region;

  /// `stateRows` replaces -1 in the shapes of states.
  static Expected<std::unique_ptr<Instance>>
  create(std::shared_ptr<Executable> executable, int64_t stateRows);

  ~Instance();

  const Manifest &manifest() const { return executable->manifest(); }
  const Executable &loaded() const { return *executable; }

  /// Runs an entry. `addresses` are engine addresses: those of the inputs, then
  /// those of the outputs, in the manifest's order. Only the first `tokens`
  /// tokens are used; all if it is 0. The others must be padding, whose results
  /// need not be computed. Two threads must not call this at the same time.
  Error call(const Manifest::Entry &entry, std::span<void *const> addresses,
             int64_t tokens = 0);

  /// The same with host memory: copies the inputs to the engine, and the
  /// outputs back. The sizes must be those of the manifest.
  Error callWithHostMemory(const Manifest::Entry &entry,
                           std::span<const std::span<const std::byte>> inputs,
                           std::span<const std::span<std::byte>> outputs);

  /// A region of the trainables in host memory, valid between calls.
  std::span<float> region(Region which);

  /// The part of a region that belongs to a trainable.
  std::span<float> region(Region which, const Manifest::Trainable &trainable);

  /// The memory of this instance and of its executable, in bytes.
  MemoryReport memory() const;
  /// The work since the last resetCounters.
  const Counters &counters() const;
  void resetCounters();

  /// From now on, measures the time of each primitive and each parallel loop. A
  /// measurement takes about 50 ns.
  void startProfile();
  /// Returns the times since the start, or since the last call of this
  /// function.
  Profile takeProfile();

  /// Allocates memory of the engine on which this instance runs.
  Expected<EngineMemory> allocate(uint64_t bytes);
  /// Copies host memory to memory of the engine.
  Error write(void *address, std::span<const std::byte> bytes);
  /// Copies memory of the engine to host memory.
  Error read(const void *address, std::span<std::byte> bytes);
  /// Copies within the engine's memory. The ranges must not overlap.
  Error copy(const void *from, void *to, uint64_t bytes);
  /// The memory of a state: an element of the manifest's `states`.
  void *state(size_t index) { return states[index].address(); }
  /// Makes engine memory readable for the host. If the host can address it,
  /// nothing is copied.
  Expected<HostView> view(void *address, uint64_t bytes);

  /// The rate, in bytes per second, at which the engine reads this memory. Its
  /// size must be a multiple of 4096 bytes, and larger than the engine's
  /// caches.
  double readBandwidth(const EngineMemory &memory);

  /// The operations per second of a large matmul in the model's type.
  Expected<double> matmulRate();

private:
  struct Call;
  Instance(std::shared_ptr<Executable> executable);
  Error bindSlots(int64_t stateRows);

  std::shared_ptr<Executable> executable;
  std::unique_ptr<Call> callContext;
  std::vector<EngineMemory> states;
  EngineMemory regions[4];
  EngineMemory workspace;
  std::vector<void *> slots;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_H
