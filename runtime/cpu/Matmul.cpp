//===- Matmul.cpp - A matmul primitive ------------------------------------===//

#include "Engine.h"
#include "Threads.h"

namespace lora_rt::cpu {

using namespace onednn;

namespace {

struct MatmulPrimitive final : lora_primitive {
  Primitive primitive;
  /// In the order of execute's arguments, the scratchpad last.
  std::vector<Memory> memories;
  std::vector<dnnl_exec_arg_t> args;
  std::string text;

  /// Adds an argument described by what the implementation chose.
  Error addArgument(dnnl_engine_t engine, const_dnnl_primitive_desc_t desc,
                    int argument) {
    const_dnnl_memory_desc_t md =
        dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, argument);
    dnnl_memory_t raw = nullptr;
    if (Error error =
            check(dnnl_memory_create(&raw, md, engine, nullptr), text))
      return error;
    memories.emplace_back(raw);
    args.push_back({argument, raw});
    return Error::success();
  }

  Error execute(lora_engine &engine, void *const *addresses,
                void *scratch) override {
    size_t count = memories.size() - 1;
    for (size_t i = 0; i < count; ++i)
      if (Error error = check(
              dnnl_memory_set_data_handle(args[i].memory, addresses[i]), text))
        return error;
    if (Error error = check(
            dnnl_memory_set_data_handle(args[count].memory, scratch), text))
      return error;
    if (Error error =
            check(dnnl_primitive_execute(primitive.get(), engine.stream.get(),
                                         int(args.size()), args.data()),
                  text))
      return error;
    return check(dnnl_stream_wait(engine.stream.get()), text);
  }
};

/// One thread does small work in less time than it takes to wake the others and
/// to wait for them: about ten microseconds.
unsigned usefulThreads(const lora_engine &engine, const MatmulSpec &spec) {
  constexpr int64_t fewOperations = 1 << 20, fewBytes = 1 << 17;
  int64_t operations = 2 * spec.m * spec.n * spec.k;
  int64_t bytes = spec.m * spec.k * int64_t(sizeOf(spec.a)) +
                  spec.n * spec.k * int64_t(sizeOf(spec.b)) +
                  spec.m * spec.n * int64_t(sizeOf(spec.c));
  return operations < fewOperations && bytes < fewBytes ? 1 : engine.threads;
}

/// Sets how much a product computes and moves.
void count(const MatmulSpec &spec, lora_primitive &primitive) {
  auto size = [](int64_t rows, int64_t columns, DType type) {
    return uint64_t(rows) * uint64_t(columns) * sizeOf(type);
  };
  primitive.operations =
      2 * uint64_t(spec.m) * uint64_t(spec.n) * uint64_t(spec.k);
  primitive.bytes = size(spec.m, spec.k, spec.a) +
                    size(spec.k, spec.n, spec.b) + size(spec.m, spec.n, spec.c);
  if (spec.bias)
    primitive.bytes += size(1, spec.n, *spec.bias);
  for (const PostOp &op : spec.postOps)
    if (op.isBinary())
      primitive.bytes += size(spec.m, spec.n, op.operand);
}

} // namespace

Expected<std::unique_ptr<lora_primitive>> createMatmul(lora_engine &engine,
                                                       const MatmulSpec &spec) {
  unsigned threads = usefulThreads(engine, spec);
  if (std::unique_ptr<lora_primitive> matvec = createMatvec(spec, threads)) {
    count(spec, *matvec);
    return matvec;
  }
  useThreads(threads);
  Expected<PrimitiveDesc> desc = describeMatmul(engine.engine.get(), spec);
  if (!desc)
    return desc.takeError();
  auto result = std::make_unique<MatmulPrimitive>();
  result->text = spec.text();
  result->threads = threads;
  dnnl_primitive_t raw = nullptr;
  if (Error error =
          check(dnnl_primitive_create(&raw, desc->get()), result->text))
    return error;
  result->primitive.reset(raw);

  std::vector<int> arguments = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS};
  if (spec.bias)
    arguments.push_back(DNNL_ARG_BIAS);
  for (size_t i = 0; i < spec.postOps.size(); ++i)
    if (spec.postOps[i].isBinary())
      arguments.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(i)) |
                          DNNL_ARG_SRC_1);
  arguments.push_back(DNNL_ARG_DST);
  arguments.push_back(DNNL_ARG_SCRATCHPAD);
  for (int argument : arguments)
    if (Error error =
            result->addArgument(engine.engine.get(), desc->get(), argument))
      return error;
  result->scratchBytes = dnnl_memory_desc_get_size(
      dnnl_primitive_desc_query_md(desc->get(), dnnl_query_scratchpad_md, 0));
  count(spec, *result);
  return std::unique_ptr<lora_primitive>(std::move(result));
}

} // namespace lora_rt::cpu
