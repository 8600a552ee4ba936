//===- Layouts.h - The layouts of weights in oneDNN -------------*- C++ -*-===//
//
// A layout has a name. "plain" is the layout of the checkpoint: [n, k] (out,
// in), row-major. Every other name is a oneDNN format tag of the weights {k,
// n}, such as "BA16a64b2a". oneDNN chooses the layout; no layout is fixed here.
// The compiler uses these functions to choose layouts and to write the pack.
// The CPU backend uses them to check layouts, to repack, and to gather rows.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_LAYOUTS_H
#define LORA_RUNTIME_LAYOUTS_H

#include "lora-runtime/PrimitiveSpec.h"

#include <string>
#include <vector>

namespace lora_rt {

/// Restricts oneDNN to an instruction set before its first use in the process,
/// so that layouts fit a target with fewer instructions than this machine.
/// Names are those of ONEDNN_MAX_CPU_ISA in lower case: "avx2", "avx2_vnni",
/// "avx512_core", "avx512_core_vnni", "avx512_core_bf16", ... Fails if the name
/// is unknown, or if oneDNN was already used.
Error limitInstructionSet(std::string_view name);

/// The instruction set that oneDNN uses on this machine, by the same names.
std::string instructionSet();

/// The version of oneDNN: "3.2.0".
std::string oneDNNVersion();

/// The layout of b that oneDNN prefers on this machine's CPU; `spec.layout` is
/// ignored. The result is "plain" if the preferred layout has no name, or if
/// oneDNN packs the weights in each call and is faster this way.
Expected<std::string> preferredLayout(MatmulSpec spec);

/// The same, for the product c[m, n] = a[m, k] b[k, n].
Expected<std::string> packedTag(int64_t m, int64_t n, int64_t k, DType a,
                                DType b, DType c);

/// Bytes of an [n, k] matrix in a layout, including the layout's padding.
Expected<uint64_t> packedBytes(std::string_view layout, int64_t n, int64_t k,
                               DType type);

/// The smallest number r of rows of an [n, k] matrix that can be packed
/// separately: for i and j that are multiples of r (or j = n), the packed form
/// of rows [i, j) is a range of the packed matrix, and the ranges have the
/// order of the rows. The result is n if there is no smaller number.
Expected<int64_t> separableRows(std::string_view layout, int64_t n, int64_t k,
                                DType type);

/// While this object lives, oneDNN uses only the calling thread for calls of
/// this thread.
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
/// `target` has packedBytes bytes and is aligned to 64 bytes. Padding becomes
/// zero.
Error repack(std::string_view from, const void *source, std::string_view to,
             void *target, int64_t n, int64_t k, DType type);

/// The same, from a plain [n, k] matrix.
Error pack(std::string_view layout, const void *plain, void *packed, int64_t n,
           int64_t k, DType type);

/// The positions of a matrix's elements in a layout: element (row, column) of
/// [n, k] is at index rows[row] + columns[column] in memory.
struct ElementOffsets {
  std::vector<int64_t> rows;
  std::vector<int64_t> columns;
};

/// The positions in a layout. Fails if the layout is unknown, or if its
/// positions are not such a sum.
Expected<ElementOffsets> elementOffsets(std::string_view layout, int64_t n,
                                        int64_t k);

} // namespace lora_rt

#endif // LORA_RUNTIME_LAYOUTS_H
