//===- NativeCode.h - From lowered functions to a shared object -*- C++ -*-===//
//
// The CPU that code is made for, and the way from llvm to the bytes of a shared
// object. Nothing outside this process is called: LLVM and LLD are libraries,
// and the user needs no compiler.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TARGET_NATIVECODE_H
#define LORA_MLIR_TARGET_NATIVECODE_H

#include "lora-runtime/Error.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace lora {

/// A CPU as the compiler sees it: the instructions that may be used, and the
/// machine whose costs decide between them. A program checks `features` when it
/// starts.
struct NativeTarget {
  /// For the scheduler, and for people: "znver4", "x86-64-v3".
  std::string cpu;
  /// LLVM's names, in alphabetical order: exactly what the code may use beyond
  /// the x86-64 baseline.
  std::vector<std::string> features;

  /// `march` is "native", a level ("x86-64-v3") or a CPU that LLVM knows.
  static lora_rt::Expected<NativeTarget> resolve(llvm::StringRef march);

  bool has(llvm::StringRef feature) const;

  /// Whether narrowing to bf16 is an instruction.
  bool hasBF16() const { return has("avx512bf16"); }

  /// The most instructions that oneDNN may use, by the names of
  /// ONEDNN_MAX_CPU_ISA: a layout made with more would not fit the target.
  std::string oneDNNInstructionSet() const;
};

/// How far translateToNative goes.
enum class NativeOutput {
  LLVMIR,       ///< text, optimised
  Assembly,     ///< text
  SharedObject, ///< what the runtime loads
};

/// Optimises and translates a module of the llvm dialect. The shared object
/// exports what is not internal; it may call libm and memcpy, memmove, memset.
/// A failure is a diagnostic at the module. LLD resets all llvm::cl options of
/// the process: a tool copies its own before.
mlir::FailureOr<std::string> translateToNative(mlir::ModuleOp module,
                                               const NativeTarget &target,
                                               NativeOutput output);

} // namespace lora

#endif // LORA_MLIR_TARGET_NATIVECODE_H
