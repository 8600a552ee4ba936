//===- Matmul.h - A matmul with post-ops, described --------------*- C++ -*-===//

#ifndef LORA_RUNTIME_ONEDNN_MATMUL_H
#define LORA_RUNTIME_ONEDNN_MATMUL_H

#include "Handles.h"

#include <string>
#include <vector>

namespace lora_rt::onednn {

/// What follows a matmul before its result is rounded and stored.
struct PostOp {
  enum class Kind { Sum, Add, Mul, Silu, GeluTanh, GeluErf, Relu };
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

/// Chooses an implementation; the scratchpad is the user's.
Expected<PrimitiveDesc> describeMatmul(dnnl_engine_t engine,
                                       const MatmulSpec &spec);

} // namespace lora_rt::onednn

#endif // LORA_RUNTIME_ONEDNN_MATMUL_H
