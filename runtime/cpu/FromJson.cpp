//===- FromJson.cpp - Primitives as the manifest describes them -----------===//
//
// Reads the JSON of a primitive strictly and creates it. Sizes are limited,
// because what is computed from them is not checked for overflow.
//
//===----------------------------------------------------------------------===//

#include "../core/JsonFields.h"
#include "Engine.h"

#include <limits>

namespace lora_rt::cpu {

using namespace onednn;

namespace {

Expected<PostOp> parsePostOp(const Json &json) {
  Fields fields(json, "post-op");
  std::string kind = fields.text("kind");
  PostOp op{PostOp::Kind::Sum};
  if (kind == "sum")
    op.kind = PostOp::Kind::Sum;
  else if (kind == "silu")
    op.kind = PostOp::Kind::Silu;
  else if (kind == "gelu_tanh")
    op.kind = PostOp::Kind::GeluTanh;
  else if (kind == "gelu_erf")
    op.kind = PostOp::Kind::GeluErf;
  else if (kind == "relu")
    op.kind = PostOp::Kind::Relu;
  else if (kind == "tanh")
    op.kind = PostOp::Kind::Tanh;
  else if (kind == "add")
    op.kind = PostOp::Kind::Add;
  else if (kind == "mul")
    op.kind = PostOp::Kind::Mul;
  else
    fields.fail("unknown kind '", kind, "'");
  if (op.isBinary())
    op.operand = fields.type("dtype");
  if (Error error = fields.finish())
    return error;
  return op;
}

Expected<MatmulSpec> readMatmul(const Json &json) {
  Fields fields(json, "matmul");
  fields.text("kind");
  MatmulSpec spec;
  spec.m = fields.size("m");
  spec.n = fields.size("n");
  spec.k = fields.size("k");
  spec.a = fields.type("a");
  spec.b = fields.type("b");
  spec.c = fields.type("c");
  spec.transposeA = fields.flag("transpose_a");
  spec.transposeB = fields.flag("transpose_b");
  spec.tokenRows = fields.flag("token_rows");
  spec.layout = fields.layout("b_layout");
  if (fields.has("a_stride"))
    spec.strideA = fields.size("a_stride");
  if (fields.has("b_stride"))
    spec.strideB = fields.size("b_stride");
  if (fields.has("c_stride"))
    spec.strideC = fields.size("c_stride");
  // The sizes of buffers and the numbers of operations are computed from these
  // without a check for overflow.
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  for (const char *key : {"a_stride", "b_stride", "c_stride"})
    if (fields.has(key) && fields.size(key) > most)
      fields.fail("'", key, "' is too large");
  int64_t operations = 0;
  if (spec.m > most || spec.n > most || spec.k > most ||
      __builtin_mul_overflow(8 * spec.m, spec.n * spec.k, &operations))
    fields.fail("more operations than can be counted");
  if (spec.tokenRows && spec.transposeA)
    fields.fail("'token_rows' with 'transpose_a'");
  if (spec.strideA && spec.strideA < (spec.transposeA ? spec.m : spec.k))
    fields.fail("'a_stride' is smaller than a row");
  if (spec.strideB && spec.strideB < (spec.transposeB ? spec.k : spec.n))
    fields.fail("'b_stride' is smaller than a row");
  if (spec.strideC && spec.strideC < spec.n)
    fields.fail("'c_stride' is smaller than a row");
  if (fields.take("bias"))
    spec.bias = fields.type("bias");
  if (const Json *list = fields.take("post_ops")) {
    if (!list->is_array())
      fields.fail("expected a list for 'post_ops'");
    else
      for (const Json &entry : *list) {
        Expected<PostOp> op = parsePostOp(entry);
        if (!op)
          return op.takeError();
        spec.postOps.push_back(*op);
      }
  }
  if (Error error = fields.finish())
    return error;
  return spec;
}

Expected<GatherSpec> readGather(const Json &json) {
  Fields fields(json, "gather");
  fields.text("kind");
  GatherSpec spec;
  spec.rows = fields.size("rows");
  spec.width = fields.size("width");
  spec.count = fields.size("count");
  spec.dtype = fields.type("dtype");
  spec.layout = fields.layout("layout");
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (spec.rows > most || spec.width > most || spec.count > most)
    fields.fail("more rows, or longer ones, than can be counted");
  if (Error error = fields.finish())
    return error;
  return spec;
}

} // namespace

Expected<MatmulSpec> parseMatmul(std::string_view json) {
  Expected<Json> value = parseJson(json, "primitive");
  if (!value)
    return value.takeError();
  return readMatmul(*value);
}

Expected<std::unique_ptr<lora_primitive>>
createFromJson(lora_engine &engine, std::string_view json) {
  Expected<Json> value = parseJson(json, "primitive");
  if (!value)
    return value.takeError();
  std::string kind;
  if (value->is_object() && value->contains("kind") &&
      (*value)["kind"].is_string())
    kind = (*value)["kind"].get<std::string>();
  if (kind == "matmul") {
    Expected<MatmulSpec> spec = readMatmul(*value);
    if (!spec)
      return spec.takeError();
    return createMatmul(engine, *spec);
  }
  if (kind == "gather") {
    Expected<GatherSpec> spec = readGather(*value);
    if (!spec)
      return spec.takeError();
    return createGather(engine, *spec);
  }
  return makeError(ErrorCode::Unsupported, "primitive: unknown kind '", kind,
                   "'; this runtime is older than the compiled model");
}

} // namespace lora_rt::cpu
