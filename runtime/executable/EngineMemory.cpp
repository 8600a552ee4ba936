//===- EngineMemory.cpp - Memory of an engine -----------------------------===//
//
// Implements EngineMemory and HostView, and the functions of Instance that
// allocate and copy memory. The backend's errors become errors with the name of
// the executable.
//
//===----------------------------------------------------------------------===//

#include "ExecutableState.h"

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
  if (view)
    return view;
  Error error = view.takeError();
  return makeError(error.code(), state.where, ": ", error.message());
}

} // namespace lora_rt
