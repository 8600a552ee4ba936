//===- Executable.cpp - Loading: CPU, code, engine, primitives ------------===//
//
// Loads an executable in an order in which each step can fail with a message:
// manifest, CPU, backend, code, contract, parameters, primitives. After that,
// calls create nothing.
//
//===----------------------------------------------------------------------===//

#include "../core/Fork.h"
#include "BackendLibrary.h"
#include "CpuFeatures.h"
#include "ExecutableState.h"
#include "PackSource.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace lora_rt {

Executable::Executable(std::unique_ptr<State> state)
    : state(std::move(state)) {}
Executable::~Executable() = default;

Executable::State::~State() {
  for (lora_primitive *primitive : primitives)
    backend->destroy_primitive(engine, primitive);
  repacked.clear();
  if (engine)
    backend->destroy_engine(engine);
}

const Manifest &Executable::manifest() const { return state->manifest; }
const std::string &Executable::engineDescription() const {
  return state->description;
}
unsigned Executable::threads() const { return state->threads; }

const std::string &Executable::identity() const {
  static const std::string none;
  const Payload::Part *part =
      state->payload ? state->payload->find(manifestPart) : nullptr;
  return part ? part->checksum : none;
}

const Payload *Executable::payload() const {
  return state->payload ? &*state->payload : nullptr;
}

Error Executable::State::loadCode(std::span<const std::byte> bytes) {
  Expected<CodeObject> object = CodeObject::load(bytes, where);
  if (!object)
    return object.takeError();
  code = std::move(*object);
  if (Error error = checkContract(manifest, code.contract(), where))
    return error;
  for (const Manifest::Entry &entry : manifest.entries) {
    entries.push_back(code.entry(entry.name));
    if (!entries.back())
      return makeError(ErrorCode::InvalidFile, where,
                       ": its code has no entry '", entry.name, "'");
  }
  return Error::success();
}

Error Executable::State::createEngine(unsigned wanted) {
  lora_message message = {};
  lora_engine_options options = {sizeof(options), wanted};
  if (int32_t status = backend->create_engine(&options, &engine, &message))
    return backendError(status, message, where);
  lora_engine_facts facts = {sizeof(facts), 0, nullptr};
  backend->engine_facts(engine, &facts);
  description = facts.description;
  threads = facts.threads;
  return Error::success();
}

Error Executable::State::bindParameters(const ParameterSource &source) {
  for (const Manifest::Param &param : manifest.params) {
    Expected<const void *> host = source(param);
    if (!host)
      return host.takeError();
    lora_message message = {};
    lora_matrix matrix = {param.layout.c_str(),
                          manifestName(param.dtype).data(), 1, 1};
    uint64_t bytes = sizeOf(param.dtype);
    for (int64_t extent : param.shape)
      bytes *= uint64_t(extent);
    if (param.layout != "plain") {
      matrix.n = param.shape[0];
      matrix.k = param.shape[1];
      if (int32_t status =
              backend->matrix_bytes(engine, &matrix, &bytes, &message))
        return backendError(status, message,
                            where + ": parameter '" + param.name + "'");
    }
    if (param.bytes && param.bytes != bytes)
      return makeError(ErrorCode::InvalidFile, where, ": parameter '",
                       param.name, "' has ", param.bytes,
                       " bytes, but its layout ", param.layout, " needs ",
                       bytes, "; compile the model again on this machine");
    const void *address = nullptr;
    if (int32_t status =
            backend->share(engine, *host, bytes, &address, &message))
      return backendError(status, message, where);
    params.push_back(address);
    paramBytes += bytes;
  }
  return Error::success();
}

Error Executable::State::createPrimitives() {
  for (size_t i = 0; i < manifest.primitives.size(); ++i) {
    std::string json = manifest.primitives[i].json();
    lora_message message = {};
    lora_primitive *created = nullptr;
    if (int32_t status = backend->create_primitive(
            engine, json.data(), json.size(), &created, &message))
      return backendError(status, message,
                          where + ": primitive " + std::to_string(i));
    primitives.push_back(created);
    lora_primitive_facts fact = {};
    fact.struct_size = sizeof(fact);
    backend->primitive_facts(created, &fact);
    facts.push_back(fact);
    uint64_t uses = fact.runs_in_groups ? LORA_RT_MAX_GROUP : 1;
    scratchBytes = std::max(scratchBytes, uses * fact.scratch_bytes);
  }
  return Error::success();
}

Expected<std::unique_lock<std::mutex>> Executable::State::takeTurn() {
  std::unique_lock<std::mutex> lock(running, std::try_to_lock);
  // The thread that takes the lock then records its process. The process is not
  // queried from the operating system, because this would be the only system
  // call of a call.
  for (int attempt = 0; !lock && runningIn != forkDepth(); ++attempt) {
    if (attempt == 100)
      return makeError(
          ErrorCode::Unsupported, where,
          ": another thread was computing with this executable when "
          "this process was forked; open the file again");
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    (void)lock.try_lock();
  }
  if (!lock)
    lock.lock();
  runningIn = forkDepth();
  return lock;
}

namespace {

std::function<void(const std::string &)>
warningSink(const ExecutableOptions &options) {
  if (options.warn)
    return options.warn;
  return [](const std::string &text) {
    std::fprintf(stderr, "warning: %s\n", text.c_str());
  };
}

} // namespace

Expected<std::shared_ptr<Executable>>
Executable::load(Manifest manifest, std::span<const std::byte> code,
                 const ParameterSource &parameters,
                 const ExecutableOptions &options, const std::string &where) {
  // Nothing that was compiled for a particular CPU may run before the CPU was
  // checked.
  if (Error error =
          checkCpuFeatures(manifest.target.features, manifest.target.cpu))
    return makeError(error.code(), where, ": ", error.message());
  auto state = std::make_unique<State>();
  state->manifest = std::move(manifest);
  state->where = where;
  Expected<const lora_backend *> backend =
      openBackend(state->manifest.target.engine, nullptr);
  if (!backend)
    return backend.takeError();
  state->backend = *backend;
  if (Error error = state->loadCode(code))
    return error;
  Error prepared = runWithTeam([&]() -> Error {
    if (Error error = state->createEngine(options.threads))
      return error;
    if (Error error = state->bindParameters(parameters))
      return error;
    if (Error error = state->adaptLayouts(warningSink(options)))
      return error;
    return state->createPrimitives();
  });
  if (prepared)
    return prepared;
  return std::shared_ptr<Executable>(new Executable(std::move(state)));
}

Expected<std::shared_ptr<Executable>>
Executable::open(const std::string &path, const ExecutableOptions &options) {
  Expected<Payload> payload = Payload::open(path);
  if (!payload)
    return payload.takeError();
  return open(std::move(*payload), options);
}

Expected<std::shared_ptr<Executable>>
Executable::open(Payload payload, const ExecutableOptions &options) {
  const std::string path = payload.path();
  Expected<Manifest> manifest = Manifest::read(payload);
  if (!manifest)
    return manifest.takeError();
  if (Error error =
          checkCpuFeatures(manifest->target.features, manifest->target.cpu))
    return makeError(error.code(), path, ": ", error.message());
  // Opening the backend with the payload finds carried libraries; `load` then
  // uses the same backend.
  if (Expected<const lora_backend *> backend =
          openBackend(manifest->target.engine, &payload);
      !backend)
    return backend.takeError();
  if (options.verifyPack)
    if (Error error = payload.verifyProgram())
      return error;
  if (const Payload::Part *pack = payload.find(packPart))
    payload.prefetch(*pack);
  Expected<std::span<const std::byte>> code = payload.verified(codePart);
  if (!code)
    return code.takeError();
  Expected<std::shared_ptr<Executable>> executable =
      load(std::move(*manifest), *code, packSource(payload, options.verifyPack),
           options, path);
  if (executable)
    (*executable)->state->payload = std::move(payload);
  return executable;
}

} // namespace lora_rt
