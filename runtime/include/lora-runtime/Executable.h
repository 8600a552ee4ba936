//===- Executable.h - An executable, loaded ---------------------*- C++ -*-===//
//
// An `Executable` is what calls share: code, primitives, parameters, on one
// engine. An `Instance` is what calls change: states, training regions,
// workspace. A file and a training run in process load the same way; they
// differ in where the parameters come from.
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

struct ExecutableOptions {
  /// 0: as many as the process may use cores.
  unsigned threads = 0;
  /// Compare the checksum of every parameter; reads the whole pack.
  bool verifyPack = false;
  /// Gets warnings (a layout that had to be changed); standard error if empty.
  std::function<void(const std::string &)> warn;
};

/// Where a parameter's bytes stand, in the manifest's layout; they must stay
/// there as long as the executable lives.
using ParameterSource =
    std::function<Expected<const void *>(const Manifest::Param &)>;

/// Memory of an engine, owned.
class EngineMemory {
public:
  EngineMemory() = default;
  EngineMemory(EngineMemory &&other) noexcept;
  EngineMemory &operator=(EngineMemory &&other) noexcept;
  ~EngineMemory();

  static Expected<EngineMemory> allocate(const lora_backend *backend,
                                         lora_engine *engine, uint64_t bytes);

  void *address() const { return data; }
  uint64_t size() const { return bytes; }

private:
  const lora_backend *backend = nullptr;
  lora_engine *engine = nullptr;
  void *data = nullptr;
  uint64_t bytes = 0;
};

/// Bytes by kind; the sum is what a run needs at most besides the code.
struct MemoryReport {
  uint64_t parameters = 0; ///< mapped from the file, shared between processes
  uint64_t repacked = 0;   ///< parameters whose layout was changed in memory
  uint64_t states = 0;     ///< KV cache
  uint64_t regions = 0;    ///< theta, gradient, moments
  uint64_t workspace = 0;  ///< frames and primitives' scratch

  uint64_t total() const {
    return parameters + repacked + states + regions + workspace;
  }
};

/// What was executed since the last reset.
struct Counters {
  uint64_t operations = 0; ///< multiplications and additions in primitives
  uint64_t bytes = 0;      ///< that primitives read and wrote at least
  uint64_t executions = 0;
};

/// What one primitive, or one parallel loop of generated code, took.
struct ProfileEntry {
  /// "matmul 128 x 2048 x 8192 ...", or the loop's symbol:
  /// "decoder.t128.attention".
  std::string name;
  uint64_t calls = 0;
  double seconds = 0;
  /// Of primitives; 0 for loops.
  uint64_t operations = 0, bytes = 0;
};

/// Where the time of calls went.
struct Profile {
  std::vector<ProfileEntry> entries;
  /// All calls; what is not in an entry is the generated code between them.
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

  /// Loads an executable from memory. `where` names it in messages.
  static Expected<std::shared_ptr<Executable>>
  load(Manifest manifest, std::span<const std::byte> code,
       const ParameterSource &parameters, const ExecutableOptions &options,
       const std::string &where);

  const Manifest &manifest() const;
  /// The engine, its library and threads, for people.
  const std::string &engineDescription() const;
  unsigned threads() const;

private:
  friend class Instance;
  struct State;
  explicit Executable(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// States, regions and workspace of an executable, and calls into it.
class Instance {
public:
  enum class Region { Theta, Gradient, Moment1, Moment2 };

  /// `stateRows` takes the place of -1 in the shapes of states.
  static Expected<std::unique_ptr<Instance>>
  create(std::shared_ptr<Executable> executable, int64_t stateRows);

  ~Instance();

  const Manifest &manifest() const { return executable->manifest(); }
  const Executable &loaded() const { return *executable; }

  /// Runs an entry; `inputs` and `outputs` are engine addresses in the
  /// manifest's order. Only the first `tokens` count, all if 0: the others must
  /// be padding, whose results need not be computed. Not to be called from two
  /// threads at once.
  Error call(const Manifest::Entry &entry, std::span<void *const> inputs,
             std::span<void *const> outputs, int64_t tokens = 0);

  /// The same with host memory: copies the inputs to the engine and the outputs
  /// back. The sizes must be those of the manifest.
  Error callWithHostMemory(const Manifest::Entry &entry,
                           std::span<const std::span<const std::byte>> inputs,
                           std::span<const std::span<std::byte>> outputs);

  /// A region of the trainables, as the host sees it between calls.
  std::span<float> region(Region which);

  /// The part of a region that belongs to a trainable.
  std::span<float> region(Region which, const Manifest::Trainable &trainable);

  MemoryReport memory() const;
  const Counters &counters() const;
  void resetCounters();

  /// From now on takes the time of each primitive and each parallel loop, which
  /// costs about 50 ns for each.
  void startProfile();
  /// What was taken since the start, or since the last time; begins anew.
  Profile takeProfile();

  /// Memory of the engine that this instance runs on.
  Expected<EngineMemory> allocate(uint64_t bytes);
  Error write(void *address, std::span<const std::byte> bytes);
  Error read(const void *address, std::span<std::byte> bytes);

  /// Bytes per second at which the engine reads this memory, which must be
  /// larger than its caches and a multiple of 4096 bytes.
  double readBandwidth(const EngineMemory &memory);

  /// Operations per second of a large matmul in the model's type.
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
