//===- PrimitiveSpec.h - Primitives as the manifest has them ----*- C++ -*-===//
//
// What a backend is asked to create: the compiler fills these structs, the
// manifest holds them, a backend gets one as the JSON text of the manifest.
// docs/executable-format.md says what the arguments of an execution are.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PRIMITIVESPEC_H
#define LORA_RUNTIME_PRIMITIVESPEC_H

#include "lora-runtime/Fields.h"
#include "lora-runtime/Numeric.h"

#include <array>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace lora_rt {

inline constexpr std::string_view plainLayout = "plain";

/// What follows a matmul before its result is rounded and stored.
struct PostOp {
  enum class Kind { Sum, Add, Mul, Silu, GeluTanh, GeluErf, Relu, Tanh };
  Kind kind = Kind::Sum;
  /// Element type of the operand [m, n] of Add and Mul.
  DType operand = DType::F32;

  /// In the order of the enumeration.
  static constexpr std::array<const char *, 8> names = {
      "sum", "add", "mul", "silu", "gelu_tanh", "gelu_erf", "relu", "tanh"};

  bool isBinary() const { return kind == Kind::Add || kind == Kind::Mul; }
  bool operator==(const PostOp &) const = default;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    visit("kind", named(self.kind, names));
    if (self.isBinary())
      visit("dtype", self.operand);
  }
};

/// c[m, n] = post_ops(a[m, k] b[k, n] + bias[n]).
struct MatmulSpec {
  int64_t m = 1, n = 1, k = 1;
  DType a = DType::F32, b = DType::F32, c = DType::F32;
  bool transposeA = false;
  /// A plain b is stored as [n, k]. A packed layout has its own order.
  bool transposeB = false;
  /// The rows of a and c are tokens, of which a call may need the first only.
  bool tokenRows = false;
  /// Elements from one stored row of a, of a plain b, of c, to the next; 0 if
  /// rows follow each other.
  int64_t strideA = 0, strideB = 0, strideC = 0;
  /// "plain", a tag, or empty for the one that oneDNN prefers (which no
  /// manifest has).
  std::string layout = std::string(plainLayout);
  std::optional<DType> bias;
  std::vector<PostOp> postOps;

  /// "matmul 16 x 144 x 48 (bf16, bf16 -> bf16), layout BA16a64b2a"
  std::string text() const;

  bool operator==(const MatmulSpec &) const = default;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    visit("m", positive(self.m));
    visit("n", positive(self.n));
    visit("k", positive(self.k));
    visit("a", self.a);
    visit("b", self.b);
    visit("c", self.c);
    visit("transpose_a", flag(self.transposeA));
    visit("transpose_b", flag(self.transposeB));
    visit("token_rows", flag(self.tokenRows));
    visit("a_stride", defaulted(positive(self.strideA), 0));
    visit("b_stride", defaulted(positive(self.strideB), 0));
    visit("c_stride", defaulted(positive(self.strideC), 0));
    visit("b_layout", lora_rt::layout(self.layout));
    visit("bias", self.bias);
    visit("post_ops", self.postOps);
  }
};

/// Rows of a table [rows, width], which may be packed, picked by `count` i32
/// indices.
struct GatherSpec {
  int64_t rows = 1, width = 1, count = 1;
  DType dtype = DType::F32;
  std::string layout = std::string(plainLayout);

  bool operator==(const GatherSpec &) const = default;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    visit("rows", positive(self.rows));
    visit("width", positive(self.width));
    visit("count", positive(self.count));
    visit("dtype", self.dtype);
    visit("layout", lora_rt::layout(self.layout));
  }
};

/// One entry of the manifest's `primitives`.
struct PrimitiveSpec {
  std::variant<MatmulSpec, GatherSpec> spec;

  /// In the order of the variant.
  static constexpr std::array<const char *, 2> kindNames = {"matmul", "gather"};

  const char *kind() const { return kindNames[spec.index()]; }
  const MatmulSpec *matmul() const { return std::get_if<MatmulSpec>(&spec); }
  const GatherSpec *gather() const { return std::get_if<GatherSpec>(&spec); }

  /// The weights or the table, as a matrix [n, k].
  struct Weight {
    std::string layout;
    DType dtype;
    int64_t n, k;
    auto operator<=>(const Weight &) const = default;
  };
  Weight weight() const;

  /// The same primitive with another layout of its weights. A plain b stands as
  /// [n, k].
  PrimitiveSpec withLayout(const std::string &layout) const;

  /// "matmul 128 x 8192 x 2048 bf16, silu"
  std::string text() const;

  /// The JSON text, as it stands in the manifest.
  std::string json() const;
  static Expected<PrimitiveSpec> parse(std::string_view json);

  /// Fails where a size is too large to be computed with, or a stride is
  /// smaller than a row; `what` begins the message.
  Error verify(const std::string &what) const;

  bool operator==(const PrimitiveSpec &) const = default;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    size_t kind = self.spec.index();
    visit("kind", named(kind, kindNames));
    if constexpr (!std::is_const_v<Self>) {
      if (kind == 0)
        self.spec.template emplace<0>();
      else
        self.spec.template emplace<1>();
    }
    std::visit(
        [&](auto &spec) {
          std::remove_cvref_t<decltype(spec)>::visitFields(spec, visit);
        },
        self.spec);
  }
};

} // namespace lora_rt

#endif // LORA_RUNTIME_PRIMITIVESPEC_H
