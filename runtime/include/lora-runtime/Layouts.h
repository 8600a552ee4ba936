//===- Layouts.h - Weight layouts as oneDNN wants them ----------*- C++ -*-===//
//
// A layout has a name: "plain" is the checkpoint's own [n, k] (out, in),
// row-major; every other name is a oneDNN format tag of the weights {k, n},
// such as "BA16a64b2a". oneDNN is asked which one it likes; nothing here knows
// a layout by heart. Used by the compiler (to choose a layout, to write the
// pack) and by the CPU backend (to check it, to repack, to gather rows from
// it).
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_LAYOUTS_H
#define LORA_RUNTIME_LAYOUTS_H

#include "lora-runtime/Numeric.h"

#include <string>
#include <vector>

namespace lora_rt {

inline constexpr std::string_view plainLayout = "plain";

/// Restricts oneDNN to an instruction set before its first use in the process,
/// so that the layouts fit a target below the compiling machine: "avx2",
/// "avx2_vnni", "avx512_core", "avx512_core_vnni", "avx512_core_bf16", ... as
/// in ONEDNN_MAX_CPU_ISA. Fails if the name is unknown or oneDNN was used
/// already.
Error limitInstructionSet(std::string_view name);

/// The instruction set that oneDNN uses on this machine, by the same names.
std::string instructionSet();

/// "3.2.0"
std::string oneDNNVersion();

/// What follows a matmul before its result is rounded and stored.
struct PostOp {
  enum class Kind { Sum, Add, Mul, Silu, GeluTanh, GeluErf, Relu, Tanh };
  Kind kind;
  /// Of the operand [m, n] of Add and Mul.
  DType operand = DType::F32;

  bool isBinary() const { return kind == Kind::Add || kind == Kind::Mul; }
};

/// c[m, n] = post_ops(a[m, k] b[k, n] + bias[n]), as the manifest says it.
struct MatmulSpec {
  int64_t m = 0, n = 0, k = 0;
  DType a = DType::F32, b = DType::F32, c = DType::F32;
  bool transposeA = false;
  /// Of a plain b: stored as [n, k]. A packed layout has its own order.
  bool transposeB = false;
  /// The rows of a and c are tokens, of which a call may need the first only.
  bool tokenRows = false;
  /// Elements from one stored row of a, of a plain b, of c, to the next; 0 if
  /// rows follow each other.
  int64_t strideA = 0, strideB = 0, strideC = 0;
  /// "plain", a tag, or empty for the one that oneDNN prefers.
  std::string layout;
  std::optional<DType> bias;
  std::vector<PostOp> postOps;

  /// "matmul 16 x 144 x 48 (bf16, bf16 -> bf16), layout BA16a64b2a"
  std::string text() const;
};

/// The layout of b that oneDNN prefers on this machine's CPU, whatever
/// `spec.layout` is; "plain" if what it prefers has no name, or if it packs
/// weights in each call and reads them faster so.
Expected<std::string> preferredLayout(MatmulSpec spec);

/// The same for c[m, n] = a[m, k] b[k, n].
Expected<std::string> packedTag(int64_t m, int64_t n, int64_t k, DType a,
                                DType b, DType c);

/// Bytes of an [n, k] matrix in a layout, including the layout's padding.
Expected<uint64_t> packedBytes(std::string_view layout, int64_t n, int64_t k,
                               DType type);

/// The least number of rows of an [n, k] matrix that can be packed by itself:
/// the packed form of rows [i, j), both multiples of it or j = n, is a part of
/// the whole's, and these parts follow each other. n where there is no such
/// number.
Expected<int64_t> separableRows(std::string_view layout, int64_t n, int64_t k,
                                DType type);

/// Lets oneDNN do what the calling thread asks for in that thread alone, until
/// the end of a scope.
class OneThread {
public:
  explicit OneThread(bool isWanted = true);
  ~OneThread();
  OneThread(const OneThread &) = delete;
  OneThread &operator=(const OneThread &) = delete;

private:
  int before;
};

/// Converts an [n, k] matrix from one layout to another, on all threads.
/// `target` has packedBytes bytes and is aligned to 64; padding becomes zero.
Error repack(std::string_view from, const void *source, std::string_view to,
             void *target, int64_t n, int64_t k, DType type);

/// The same for a plain [n, k] matrix.
Error pack(std::string_view layout, const void *plain, void *packed, int64_t n,
           int64_t k, DType type);

/// Where the elements of a matrix in a layout stand: element (row, column) of
/// [n, k] is the (rows[row] + columns[column])-th in memory.
struct ElementOffsets {
  std::vector<int64_t> rows;
  std::vector<int64_t> columns;
};

Expected<ElementOffsets> elementOffsets(std::string_view layout, int64_t n,
                                        int64_t k);

} // namespace lora_rt

#endif // LORA_RUNTIME_LAYOUTS_H
