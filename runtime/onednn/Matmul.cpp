//===- Matmul.cpp - A matmul with post-ops, described ---------------------===//
//
// Builds oneDNN's primitive descriptor of a MatmulSpec: memory descriptors with
// strides, attributes, and post-ops in the order of the spec. The compiler and
// the backend both use it, so that both ask oneDNN for the same primitive.
//
//===----------------------------------------------------------------------===//

#include "Matmul.h"
#include "lora-runtime/Layouts.h"

namespace lora_rt {

namespace onednn {

namespace {

/// Describes a row-major matrix, or its transpose. `stride` is the number of
/// elements from one stored row to the next; 0 if the rows follow each other.
Expected<MemoryDesc> plainDesc(int64_t rows, int64_t columns, DType type,
                               bool transposed, int64_t stride = 0) {
  Expected<dnnl_data_type_t> element = dataType(type);
  if (!element)
    return element.takeError();
  dnnl_dims_t dims = {rows, columns};
  int64_t step = stride ? stride : transposed ? rows : columns;
  dnnl_dims_t strides = {transposed ? 1 : step, transposed ? step : 1};
  dnnl_memory_desc_t desc = nullptr;
  if (Error error = check(dnnl_memory_desc_create_with_strides(
                              &desc, 2, dims, *element, strides),
                          "describing ", rows, " x ", columns))
    return error;
  return MemoryDesc(desc);
}

Expected<MemoryDesc> weights(const MatmulSpec &spec) {
  if (!spec.layout.empty() && spec.layout != plainLayout)
    return weightsDesc(spec.layout, spec.n, spec.k, spec.b);
  if (!spec.layout.empty())
    return plainDesc(spec.k, spec.n, spec.b, spec.transposeB, spec.strideB);
  Expected<dnnl_data_type_t> element = dataType(spec.b);
  if (!element)
    return element.takeError();
  dnnl_dims_t dims = {spec.k, spec.n};
  dnnl_memory_desc_t desc = nullptr;
  if (Error error = check(dnnl_memory_desc_create_with_tag(
                              &desc, 2, dims, *element, dnnl_format_tag_any),
                          "describing weights"))
    return error;
  return MemoryDesc(desc);
}

Error appendPostOp(dnnl_post_ops_t list, const PostOp &op,
                   const MatmulSpec &spec) {
  auto eltwise = [&](dnnl_alg_kind_t kind, float alpha) {
    return check(dnnl_post_ops_append_eltwise(list, kind, alpha, 0.0f),
                 "appending an activation");
  };
  switch (op.kind) {
  case PostOp::Kind::Sum:
    return check(dnnl_post_ops_append_sum(list, 1.0f, 0, dnnl_data_type_undef),
                 "appending a sum");
  case PostOp::Kind::Silu:
    return eltwise(dnnl_eltwise_swish, 1.0f);
  case PostOp::Kind::GeluTanh:
    return eltwise(dnnl_eltwise_gelu_tanh, 0.0f);
  case PostOp::Kind::GeluErf:
    return eltwise(dnnl_eltwise_gelu_erf, 0.0f);
  case PostOp::Kind::Relu:
    return eltwise(dnnl_eltwise_relu, 0.0f);
  case PostOp::Kind::Tanh:
    return eltwise(dnnl_eltwise_tanh, 0.0f);
  case PostOp::Kind::Add:
  case PostOp::Kind::Mul:
    break;
  }
  Expected<MemoryDesc> operand = plainDesc(spec.m, spec.n, op.operand, false);
  if (!operand)
    return operand.takeError();
  return check(dnnl_post_ops_append_binary(list,
                                           op.kind == PostOp::Kind::Add
                                               ? dnnl_binary_add
                                               : dnnl_binary_mul,
                                           operand->get()),
               "appending a binary operation");
}

Expected<Attributes> attributes(const MatmulSpec &spec) {
  dnnl_primitive_attr_t raw = nullptr;
  if (Error error = check(dnnl_primitive_attr_create(&raw), "attributes"))
    return error;
  Attributes attr(raw);
  if (Error error = check(dnnl_primitive_attr_set_scratchpad_mode(
                              raw, dnnl_scratchpad_mode_user),
                          "choosing the scratchpad"))
    return error;
  if (spec.postOps.empty())
    return attr;
  dnnl_post_ops_t list = nullptr;
  if (Error error = check(dnnl_post_ops_create(&list), "post-ops"))
    return error;
  PostOps postOps(list);
  for (const PostOp &op : spec.postOps)
    if (Error error = appendPostOp(list, op, spec))
      return error;
  if (Error error =
          check(dnnl_primitive_attr_set_post_ops(raw, list), "post-ops"))
    return error;
  return attr;
}

} // namespace

Expected<PrimitiveDesc> describeMatmul(dnnl_engine_t engine,
                                       const MatmulSpec &spec) {
  Expected<MemoryDesc> a =
      plainDesc(spec.m, spec.k, spec.a, spec.transposeA, spec.strideA);
  if (!a)
    return a.takeError();
  Expected<MemoryDesc> b = weights(spec);
  if (!b)
    return b.takeError();
  Expected<MemoryDesc> c =
      plainDesc(spec.m, spec.n, spec.c, false, spec.strideC);
  if (!c)
    return c.takeError();
  MemoryDesc bias;
  if (spec.bias) {
    Expected<MemoryDesc> desc = plainDesc(1, spec.n, *spec.bias, false);
    if (!desc)
      return desc.takeError();
    bias = std::move(*desc);
  }
  Expected<Attributes> attr = attributes(spec);
  if (!attr)
    return attr.takeError();
  dnnl_primitive_desc_t desc = nullptr;
  if (Error error = check(
          dnnl_matmul_primitive_desc_create(&desc, engine, a->get(), b->get(),
                                            bias.get(), c->get(), attr->get()),
          spec.text()))
    return error;
  return PrimitiveDesc(desc);
}

} // namespace onednn

} // namespace lora_rt
