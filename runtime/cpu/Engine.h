//===- Engine.h - The CPU engine and its primitives -------------*- C++ -*-===//
//
// What the files of this folder share: the engine, the base class of
// primitives, and the functions that create them from a spec or from JSON.
//
//===----------------------------------------------------------------------===//

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
  /// The value of set_token_rows: how many token rows a call needs; 0 for all.
  int64_t tokenRows = 0;
};

/// A primitive: it is created once and executed many times.
struct lora_primitive {
  virtual ~lora_primitive() = default;
  virtual lora_rt::Error execute(lora_engine &engine, void *const *args,
                                 void *scratch) = 0;
  /// The number of threads that it was created for and runs on.
  unsigned threads = 1;
  uint64_t scratchBytes = 0;
  uint64_t operations = 0;
  uint64_t bytes = 0;
  uint64_t rowOperations = 0;
  uint64_t rowBytes = 0;
  /// Whether it is a product of one row, which `executeRows` can run.
  bool isRow = false;
};

namespace lora_rt::cpu {

Expected<std::unique_ptr<lora_primitive>> createMatmul(lora_engine &engine,
                                                       const MatmulSpec &spec);

/// Creates a matmul of one row, whose time is the time to read its weights.
/// Returns nullptr if no kernel here supports b's layout or one of the types;
/// oneDNN then computes the product.
std::unique_ptr<lora_primitive> createMatvec(const MatmulSpec &spec,
                                             unsigned threads);

/// Executes several such products as one loop. They run one after another
/// instead if one reads results of another in columns that another thread
/// computes. `scratch` is large enough for the scratch memory of all of them.
Error executeRows(lora_engine &engine,
                  std::span<lora_primitive *const> primitives,
                  void *const *const *args, void *scratch);

Expected<std::unique_ptr<lora_primitive>> createGather(lora_engine &engine,
                                                       const GatherSpec &spec);

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_ENGINE_H
