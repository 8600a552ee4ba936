//===- ProgramCache.h - Compiled programs that are kept ---------*- C++ -*-===//
//
// Keeps the programs that lora-compile --run makes, in the folder `programs` of
// the user's cache. A program is found again if everything that goes into it is
// the same: this compiler, the options, the processor, and the files of the
// model and the adapters, by their places, sizes and times.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMPILER_PROGRAMCACHE_H
#define LORA_MLIR_COMPILER_PROGRAMCACHE_H

#include "lora-mlir/Compiler/ModelCompiler.h"

namespace lora {

/// The most bytes of all programs together. The program that was made last
/// stays in any case.
inline constexpr uint64_t kProgramCacheLimit = uint64_t(32) << 30;

/// A program in the cache.
struct CachedProgram {
  std::string path;
  /// Whether it was there already.
  bool wasCached = false;
  /// If it was not: the sizes of what was made.
  CompileReport report;
};

/// Finds the program of a model, or compiles it. Fails if the folders cannot be
/// read, or if the cache is off.
lora_rt::Expected<CachedProgram> compileToCache(const ModelOptions &options);

} // namespace lora

#endif // LORA_MLIR_COMPILER_PROGRAMCACHE_H
