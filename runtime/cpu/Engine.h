//===- Engine.h - The CPU engine and its primitives -------------*- C++ -*-===//

#ifndef LORA_RUNTIME_CPU_ENGINE_H
#define LORA_RUNTIME_CPU_ENGINE_H

#include "../onednn/Matmul.h"
#include "lora-runtime/backend.h"

/// A CPU as oneDNN sees it, with a fixed number of threads.
struct lora_engine {
  lora_rt::onednn::Engine engine;
  lora_rt::onednn::Stream stream;
  unsigned threads = 1;
  std::string description;
  /// As set_token_rows says.
  int64_t tokenRows = 0;
};

/// Something that was created once and runs many times.
struct lora_primitive {
  virtual ~lora_primitive() = default;
  virtual lora_rt::Error execute(lora_engine &engine, void *const *args,
                                 void *scratch) = 0;
  /// How many threads it was created for, and runs on.
  unsigned threads = 1;
  uint64_t scratchBytes = 0;
  uint64_t operations = 0;
  uint64_t bytes = 0;
  uint64_t rowOperations = 0;
  uint64_t rowBytes = 0;
  /// A product of one row: `executeRows` takes it.
  bool isRow = false;
};

namespace lora_rt::cpu {

/// Rows of a table, which may be packed, picked by i32 indices.
struct GatherSpec {
  int64_t rows = 0, width = 0, count = 0;
  DType dtype = DType::F32;
  std::string layout;
};

Expected<std::unique_ptr<lora_primitive>> createMatmul(lora_engine &engine,
                                                       const MatmulSpec &spec);

/// A matmul of one row, which only has to read its weights fast; null where b's
/// layout or a type is one that only oneDNN knows.
std::unique_ptr<lora_primitive> createMatvec(const MatmulSpec &spec,
                                             unsigned threads);

/// Executes several of those as one loop, as far as none needs what another one
/// writes in other columns. `scratch` has room for that of each.
Error executeRows(lora_engine &engine,
                  std::span<lora_primitive *const> primitives,
                  void *const *const *args, void *scratch);

Expected<std::unique_ptr<lora_primitive>> createGather(lora_engine &engine,
                                                       const GatherSpec &spec);

/// Reads a primitive's JSON, every key of it, and creates it.
Expected<std::unique_ptr<lora_primitive>> createFromJson(lora_engine &engine,
                                                         std::string_view json);

/// Reads a matmul's JSON; the layout stays as it is there.
Expected<MatmulSpec> parseMatmul(std::string_view json);

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_ENGINE_H
