//===- NativeCode.h - From lowered functions to a shared object -*- C++ -*-===//
//
// The target CPU of code, and the translation from the llvm dialect to the
// bytes of a shared object. No other process is called: LLVM and LLD are
// libraries, so the user needs no compiler.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TARGET_NATIVECODE_H
#define LORA_MLIR_TARGET_NATIVECODE_H

#include "lora-runtime/Error.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace mlir {
class TimingScope;
} // namespace mlir

namespace lora {

/// A CPU as the compiler sees it: the instructions that may be used, and the
/// machine whose costs decide between them. A compiled program checks
/// `features` when it starts.
struct NativeTarget {
  /// The name for LLVM's scheduler and for messages: "znver4", "x86-64-v3".
  std::string cpu;
  /// LLVM's names in alphabetical order: exactly the features beyond the x86-64
  /// baseline that the code may use.
  std::vector<std::string> features;

  /// `march` is "native", a level ("x86-64-v3") or a CPU that LLVM knows.
  static lora_rt::Expected<NativeTarget> resolve(llvm::StringRef march);

  bool has(llvm::StringRef feature) const;

  /// Whether there is an instruction that converts f32 to bf16.
  bool hasBF16() const { return has("avx512bf16"); }

  /// The largest instruction set that oneDNN may use, as in ONEDNN_MAX_CPU_ISA.
  /// A layout for a larger one would not fit the target.
  std::string oneDNNInstructionSet() const;
};

/// How far translateToNative goes.
enum class NativeOutput {
  LLVMIR,       ///< Optimised LLVM IR as text.
  Assembly,     ///< Assembly code as text.
  SharedObject, ///< A shared object, which the runtime loads.
};

/// Optimises and translates a module of the llvm dialect. The shared object
/// exports all symbols that are not internal; it may call libm, and memcpy,
/// memmove and memset. An error is a diagnostic at the module. The steps
/// are timed below `timing`. LLD resets all
/// llvm::cl options of the process, so a tool must copy its options before.
mlir::FailureOr<std::string> translateToNative(mlir::ModuleOp module,
                                               const NativeTarget &target,
                                               NativeOutput output,
                                               mlir::TimingScope &timing);

} // namespace lora

#endif // LORA_MLIR_TARGET_NATIVECODE_H
