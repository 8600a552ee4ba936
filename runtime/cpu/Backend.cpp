//===- Backend.cpp - The table that the runtime asks for ------------------===//
//
// Implements every function of lora-runtime/backend.h for the CPU. Each
// function catches errors as statuses with a message; nothing throws, and
// nothing here depends on LLVM.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/backend.h"
#include "../onednn/Team.h"
#include "Engine.h"
#include "Threads.h"
#include "lora-runtime/Layouts.h"
#include "lora-runtime/Thread.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string.h>
#include <sys/mman.h>

using namespace lora_rt;
using namespace lora_rt::onednn;

namespace {

int32_t report(const Error &error, lora_message *message) {
  if (error && message) {
    std::strncpy(message->text, error.message().c_str(),
                 sizeof(message->text) - 1);
    message->text[sizeof(message->text) - 1] = '\0';
  }
  return int32_t(error.code());
}

int32_t createEngine(const lora_engine_options *options, lora_engine **result,
                     lora_message *message) {
  auto engine = std::make_unique<lora_engine>();
  constexpr uint32_t most = 1024;
  if (options->threads > most)
    return report(makeError(ErrorCode::InvalidArgument, options->threads,
                            " threads; expected up to ", most),
                  message);
  engine->threads = options->threads ? options->threads : cpu::usableCores();
  // Uses fewer threads if the system does not permit more.
  if (!canHaveTeam(engine->threads))
    engine->threads = 1 + startableThreads(engine->threads - 1);
  if (Error error = cpu::useThreads(engine->threads))
    return report(error, message);
  Expected<Engine> device = cpuEngine();
  if (!device)
    return report(device.takeError(), message);
  engine->engine = std::move(*device);
  dnnl_stream_t stream = nullptr;
  if (Error error = check(dnnl_stream_create(&stream, engine->engine.get(),
                                             dnnl_stream_default_flags),
                          "creating a stream"))
    return report(error, message);
  engine->stream.reset(stream);
  engine->description = "CPU, oneDNN " + oneDNNVersion() + " (" +
                        instructionSet() + "), " +
                        std::to_string(engine->threads) +
                        (engine->threads == 1 ? " thread" : " threads");
  *result = engine.release();
  return 0;
}

void destroyEngine(lora_engine *engine) { delete engine; }

void engineFacts(const lora_engine *engine, lora_engine_facts *facts) {
  facts->threads = engine->threads;
  facts->description = engine->description.c_str();
}

int32_t allocate(lora_engine *, uint64_t bytes, void **address,
                 lora_message *message) {
  constexpr uint64_t hugePage = uint64_t(2) << 20;
  void *result = mmap(nullptr, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (result == MAP_FAILED)
    return report(makeError(ErrorCode::System, "cannot allocate ", bytes,
                            " bytes: ", strerror(errno)),
                  message);
  // Huge pages need fewer TLB entries. This has no effect if the system has
  // them switched off.
  if (bytes >= hugePage)
    madvise(result, bytes, MADV_HUGEPAGE);
  *address = result;
  return 0;
}

void release(lora_engine *, void *address, uint64_t bytes) {
  munmap(address, bytes ? bytes : 1);
}

int32_t share(lora_engine *, const void *host, uint64_t, const void **address,
              lora_message *) {
  *address = host;
  return 0;
}

int32_t write(lora_engine *, void *address, const void *host, uint64_t bytes,
              lora_message *) {
  std::memcpy(address, host, bytes);
  return 0;
}

int32_t read(lora_engine *, const void *address, void *host, uint64_t bytes,
             lora_message *) {
  std::memcpy(host, address, bytes);
  return 0;
}

int32_t copy(lora_engine *, const void *from, void *to, uint64_t bytes,
             lora_message *) {
  std::memcpy(to, from, bytes);
  return 0;
}

int32_t map(lora_engine *, void *address, uint64_t, void **host,
            lora_message *) {
  *host = address;
  return 0;
}

int32_t unmap(lora_engine *, void *, void *, lora_message *) { return 0; }

int32_t preferredLayout(lora_engine *engine, const char *json, uint64_t length,
                        char *layout, lora_message *message) {
  Expected<PrimitiveSpec> spec = PrimitiveSpec::parse({json, length});
  if (!spec)
    return report(spec.takeError(), message);
  if (!spec->matmul())
    return report(makeError(ErrorCode::InvalidArgument, "a ", spec->kind(),
                            " has no layout to choose"),
                  message);
  if (Error error = cpu::useThreads(engine->threads))
    return report(error, message);
  Expected<std::string> name = lora_rt::preferredLayout(*spec->matmul());
  if (!name)
    return report(name.takeError(), message);
  std::strncpy(layout, name->c_str(), 63);
  layout[63] = '\0';
  return 0;
}

Expected<DType> elementType(const lora_matrix *matrix) {
  if (std::optional<DType> type = parseManifestName(matrix->dtype))
    return *type;
  return makeError(ErrorCode::InvalidArgument, "unknown element type '",
                   matrix->dtype, "'");
}

int32_t matrixBytes(lora_engine *, const lora_matrix *matrix, uint64_t *bytes,
                    lora_message *message) {
  Expected<DType> type = elementType(matrix);
  if (!type)
    return report(type.takeError(), message);
  Expected<uint64_t> result =
      packedBytes(matrix->layout, matrix->n, matrix->k, *type);
  if (!result)
    return report(result.takeError(), message);
  *bytes = *result;
  return 0;
}

int32_t repackMatrix(lora_engine *engine, const lora_matrix *from,
                     const void *source, const lora_matrix *to, void *target,
                     lora_message *message) {
  Expected<DType> type = elementType(from);
  if (!type)
    return report(type.takeError(), message);
  if (Error error = cpu::useThreads(engine->threads))
    return report(error, message);
  return report(
      repack(from->layout, source, to->layout, target, from->n, from->k, *type),
      message);
}

int32_t createPrimitive(lora_engine *engine, const char *json, uint64_t length,
                        lora_primitive **primitive, lora_message *message) {
  Expected<PrimitiveSpec> spec = PrimitiveSpec::parse({json, length});
  if (!spec)
    return report(spec.takeError(), message);
  Expected<std::unique_ptr<lora_primitive>> result =
      spec->matmul() ? cpu::createMatmul(*engine, *spec->matmul())
                     : cpu::createGather(*engine, *spec->gather());
  if (!result)
    return report(result.takeError(), message);
  *primitive = result->release();
  return 0;
}

void destroyPrimitive(lora_engine *, lora_primitive *primitive) {
  delete primitive;
}

void primitiveFacts(const lora_primitive *primitive,
                    lora_primitive_facts *facts) {
  facts->runs_in_groups = primitive->isRow;
  facts->scratch_bytes = primitive->scratchBytes;
  facts->operations = primitive->operations;
  facts->bytes = primitive->bytes;
  facts->row_operations = primitive->rowOperations;
  facts->row_bytes = primitive->rowBytes;
}

int32_t execute(lora_engine *engine, lora_primitive *primitive,
                void *const *args, void *scratch, lora_message *message) {
  // In OpenMP the number of threads belongs to the calling thread.
  if (Error error = cpu::useThreads(primitive->threads))
    return report(error, message);
  return report(primitive->execute(*engine, args, scratch), message);
}

int32_t executeGroup(lora_engine *engine, uint32_t count,
                     lora_primitive *const *primitives,
                     void *const *const *args, void *scratch,
                     lora_message *message) {
  auto isRow = [](const lora_primitive *one) { return one->isRow; };
  for (auto *next = primitives, *end = primitives + count; next != end;) {
    auto *last = std::find_if_not(next, end, isRow);
    int32_t status =
        next == last
            ? execute(engine, *last++, *args, scratch, message)
            : report(cpu::executeRows(*engine, {next, last}, args, scratch),
                     message);
    if (status)
      return status;
    args += last - next;
    next = last;
  }
  return 0;
}

void parallelFor(lora_engine *engine, int64_t begin, int64_t end, int64_t grain,
                 lora_rt_body body, void *const *captures) {
  cpu::parallelFor(engine->threads, begin, end, grain, body, captures);
}

void setTokenRows(lora_engine *engine, int64_t rows) {
  engine->tokenRows = rows;
}

const lora_backend table = {
    .struct_size = sizeof(lora_backend),
    .abi_version = LORA_BACKEND_ABI_VERSION,
    .name = "cpu",
    .create_engine = createEngine,
    .destroy_engine = destroyEngine,
    .engine_facts = engineFacts,
    .allocate = allocate,
    .release = release,
    .share = share,
    .write = write,
    .read = read,
    .copy = copy,
    .map = map,
    .unmap = unmap,
    .preferred_layout = preferredLayout,
    .matrix_bytes = matrixBytes,
    .repack = repackMatrix,
    .create_primitive = createPrimitive,
    .destroy_primitive = destroyPrimitive,
    .primitive_facts = primitiveFacts,
    .execute = execute,
    .execute_group = executeGroup,
    .parallel_for = parallelFor,
    .set_token_rows = setTokenRows,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const lora_backend *
lora_backend_query(void) {
  return &table;
}
