//===- PrimitiveSpec.cpp - Primitives as text, and their bounds -----------===//
//
// Sizes of buffers and numbers of operations of a primitive that `verify`
// accepts can be computed in 64 bits without a check.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/PrimitiveSpec.h"
#include "FieldsJson.h"

#include <sstream>

namespace lora_rt {

static constexpr int64_t most = std::numeric_limits<int32_t>::max();

std::string MatmulSpec::text() const {
  std::ostringstream out;
  out << "matmul " << m << " x " << n << " x " << k << " (" << manifestName(a)
      << ", " << manifestName(b) << " -> " << manifestName(c) << "), layout "
      << (layout.empty() ? "any" : layout);
  if (bias)
    out << ", bias " << manifestName(*bias);
  if (!postOps.empty())
    out << ", " << postOps.size() << " post-ops";
  return out.str();
}

PrimitiveSpec::Weight PrimitiveSpec::weight() const {
  if (const MatmulSpec *product = matmul())
    return {product->layout, product->b, product->n, product->k};
  const GatherSpec &table = *gather();
  return {table.layout, table.dtype, table.rows, table.width};
}

PrimitiveSpec PrimitiveSpec::withLayout(const std::string &layout) const {
  PrimitiveSpec result = *this;
  if (auto *product = std::get_if<MatmulSpec>(&result.spec)) {
    product->layout = layout;
    if (layout == plainLayout)
      product->transposeB = true;
  } else {
    std::get<GatherSpec>(result.spec).layout = layout;
  }
  return result;
}

std::string PrimitiveSpec::text() const {
  std::ostringstream out;
  out << kind() << " ";
  if (const MatmulSpec *product = matmul()) {
    out << product->m << " x " << product->n << " x " << product->k << " "
        << manifestName(product->b);
    for (const PostOp &op : product->postOps)
      out << ", " << PostOp::names[size_t(op.kind)];
  } else {
    out << gather()->count << " x " << gather()->width << " "
        << manifestName(gather()->dtype);
  }
  return out.str();
}

std::string PrimitiveSpec::json() const { return FieldsWriter::print(*this); }

Expected<PrimitiveSpec> PrimitiveSpec::parse(std::string_view text) {
  Expected<Json> json = parseJson(text, "primitive");
  if (!json)
    return json.takeError();
  PrimitiveSpec result;
  if (Error error = FieldsReader::read(*json, "primitive", result))
    return error;
  if (Error error = result.verify("primitive"))
    return error;
  return result;
}

static Error verifyMatmul(const MatmulSpec &spec, const std::string &what) {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, what, ": ", parts...);
  };
  int64_t operations = 0;
  if (spec.m > most || spec.n > most || spec.k > most ||
      __builtin_mul_overflow(8 * spec.m, spec.n * spec.k, &operations))
    return fail("more operations than can be counted");
  if (spec.tokenRows && spec.transposeA)
    return fail("'token_rows' with 'transpose_a'");
  struct Stride {
    const char *key;
    int64_t value, row;
  };
  for (const Stride &stride :
       {Stride{"a_stride", spec.strideA, spec.transposeA ? spec.m : spec.k},
        Stride{"b_stride", spec.strideB, spec.transposeB ? spec.k : spec.n},
        Stride{"c_stride", spec.strideC, spec.n}}) {
    if (stride.value > most)
      return fail("'", stride.key, "' is too large");
    if (stride.value && stride.value < stride.row)
      return fail("'", stride.key, "' is smaller than a row");
  }
  return Error::success();
}

Error PrimitiveSpec::verify(const std::string &what) const {
  if (const MatmulSpec *product = matmul())
    return verifyMatmul(*product, what);
  const GatherSpec &table = *gather();
  if (table.rows > most || table.width > most || table.count > most)
    return makeError(ErrorCode::InvalidFile, what,
                     ": more rows, or longer ones, than can be counted");
  return Error::success();
}

} // namespace lora_rt
