//===- FarBackend.cpp - The CPU engine with other addresses ---------------===//
//
// Implements FarBackend.h on top of the CPU backend: converts addresses, calls
// it, and counts the transfers.
//
//===----------------------------------------------------------------------===//

#include "FarBackend.h"
#include "lora-runtime/backend.h"

#include <dlfcn.h>

namespace {

/// The CPU backend, which does the work.
const lora_backend *cpu = nullptr;
lora_far_traffic traffic = {};

int32_t allocate(lora_engine *engine, uint64_t bytes, void **address,
                 lora_message *message) {
  ++traffic.allocations;
  int32_t status = cpu->allocate(engine, bytes, address, message);
  if (status == 0)
    *address = lora_far_address(*address);
  return status;
}

void release(lora_engine *engine, void *address, uint64_t bytes) {
  cpu->release(engine, lora_far_near(address), bytes);
}

int32_t share(lora_engine *engine, const void *host, uint64_t bytes,
              const void **address, lora_message *message) {
  int32_t status = cpu->share(engine, host, bytes, address, message);
  if (status == 0)
    *address = lora_far_address(*address);
  return status;
}

int32_t write(lora_engine *engine, void *address, const void *host,
              uint64_t bytes, lora_message *message) {
  traffic.written += bytes;
  ++traffic.writes;
  return cpu->write(engine, lora_far_near(address), host, bytes, message);
}

int32_t read(lora_engine *engine, const void *address, void *host,
             uint64_t bytes, lora_message *message) {
  traffic.read += bytes;
  return cpu->read(engine, lora_far_near(address), host, bytes, message);
}

int32_t copy(lora_engine *engine, const void *from, void *to, uint64_t bytes,
             lora_message *message) {
  traffic.copied += bytes;
  return cpu->copy(engine, lora_far_near(from), lora_far_near(to), bytes,
                   message);
}

int32_t map(lora_engine *engine, void *address, uint64_t bytes, void **host,
            lora_message *message) {
  traffic.mapped += bytes;
  ++traffic.maps;
  return cpu->map(engine, lora_far_near(address), bytes, host, message);
}

int32_t unmap(lora_engine *engine, void *address, void *host,
              lora_message *message) {
  ++traffic.unmaps;
  return cpu->unmap(engine, lora_far_near(address), host, message);
}

int32_t repack(lora_engine *engine, const lora_matrix *from, const void *source,
               const lora_matrix *to, void *target, lora_message *message) {
  return cpu->repack(engine, from, lora_far_near(source), to,
                     lora_far_near(target), message);
}

// The arguments come from code for this engine, which passes host addresses.
int32_t execute(lora_engine *engine, lora_primitive *primitive,
                void *const *args, void *scratch, lora_message *message) {
  ++traffic.executing;
  int32_t status =
      cpu->execute(engine, primitive, args, lora_far_near(scratch), message);
  --traffic.executing;
  return status;
}

int32_t executeGroup(lora_engine *engine, uint32_t count,
                     lora_primitive *const *primitives,
                     void *const *const *args, void *scratch,
                     lora_message *message) {
  ++traffic.executing;
  int32_t status = cpu->execute_group(engine, count, primitives, args,
                                      lora_far_near(scratch), message);
  --traffic.executing;
  return status;
}

lora_backend makeTable() {
  lora_backend table = *cpu;
  table.name = "far";
  table.allocate = allocate;
  table.release = release;
  table.share = share;
  table.write = write;
  table.read = read;
  table.copy = copy;
  table.map = map;
  table.unmap = unmap;
  table.repack = repack;
  table.execute = execute;
  table.execute_group = executeGroup;
  return table;
}

} // namespace

extern "C" __attribute__((visibility("default"))) lora_far_traffic *
lora_far_traffic_query(void) {
  return &traffic;
}

extern "C" __attribute__((visibility("default"))) const lora_backend *
lora_backend_query(void) {
  void *library = dlopen(LORA_BACKEND, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return nullptr;
  cpu = reinterpret_cast<lora_backend_query_fn>(
      dlsym(library, LORA_BACKEND_QUERY_SYMBOL))();
  static const lora_backend table = makeTable();
  return &table;
}
