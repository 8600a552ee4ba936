//===- Matmul.cpp - A matmul primitive ------------------------------------===//
//
// Creates oneDNN matmuls and executes them. A matmul whose rows are tokens may
// run for fewer rows than it was compiled for; the rows after them are set to
// zero.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Threads.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>

namespace lora_rt::cpu {

using namespace onednn;

namespace {

/// A matmul of oneDNN with its arguments.
struct Product {
  Primitive primitive;
  /// In the order of the arguments of `execute`, with the scratchpad last.
  std::vector<Memory> memories;
  std::vector<dnnl_exec_arg_t> args;
  uint64_t scratchBytes = 0;
  std::string text;

  static Expected<Product> create(lora_engine &engine, const MatmulSpec &spec);

  Error execute(lora_engine &engine, void *const *addresses, void *scratch);
};

Expected<Product> Product::create(lora_engine &engine, const MatmulSpec &spec) {
  Expected<PrimitiveDesc> desc = describeMatmul(engine.engine.get(), spec);
  if (!desc)
    return desc.takeError();
  Product product;
  product.text = spec.text();
  dnnl_primitive_t raw = nullptr;
  if (Error error =
          check(dnnl_primitive_create(&raw, desc->get()), product.text))
    return error;
  product.primitive.reset(raw);

  std::vector<int> arguments = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS};
  if (spec.bias)
    arguments.push_back(DNNL_ARG_BIAS);
  for (size_t i = 0; i < spec.postOps.size(); ++i)
    if (spec.postOps[i].isBinary())
      arguments.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(i)) |
                          DNNL_ARG_SRC_1);
  arguments.push_back(DNNL_ARG_DST);
  arguments.push_back(DNNL_ARG_SCRATCHPAD);
  for (int argument : arguments) {
    // The implementation chose this descriptor.
    const_dnnl_memory_desc_t md = dnnl_primitive_desc_query_md(
        desc->get(), dnnl_query_exec_arg_md, argument);
    dnnl_memory_t memory = nullptr;
    if (Error error =
            check(dnnl_memory_create(&memory, md, engine.engine.get(), nullptr),
                  product.text))
      return error;
    product.memories.emplace_back(memory);
    product.args.push_back({argument, memory});
  }
  product.scratchBytes = dnnl_memory_desc_get_size(
      dnnl_primitive_desc_query_md(desc->get(), dnnl_query_scratchpad_md, 0));
  return product;
}

Error Product::execute(lora_engine &engine, void *const *addresses,
                       void *scratch) {
  size_t count = memories.size() - 1;
  for (size_t i = 0; i < count; ++i)
    if (Error error = check(
            dnnl_memory_set_data_handle(args[i].memory, addresses[i]), text))
      return error;
  if (Error error =
          check(dnnl_memory_set_data_handle(args[count].memory, scratch), text))
    return error;
  if (Error error =
          check(dnnl_primitive_execute(primitive.get(), engine.stream.get(),
                                       int(args.size()), args.data()),
                text))
    return error;
  return check(dnnl_stream_wait(engine.stream.get()), text);
}

/// Rounds up to one of a few numbers, which from 32 on are an eighth of a power
/// of two apart. So prompts of all lengths need only a few products.
int64_t roundUp(int64_t rows) {
  auto step =
      int64_t(std::max(uint64_t(4), std::bit_floor(uint64_t(rows)) / 8));
  return (rows + step - 1) / step * step;
}

struct MatmulPrimitive final : lora_primitive {
  MatmulSpec spec;
  Product whole;
  /// Products of the first rows only, by the number of rows. They are made when
  /// they are first needed. An empty entry means that the whole product must be
  /// used.
  std::map<int64_t, std::optional<Product>> parts;

  Error execute(lora_engine &engine, void *const *addresses,
                void *scratch) override {
    int64_t rows = spec.m;
    if (spec.tokenRows && engine.tokenRows > 0)
      rows = std::min(rows, roundUp(engine.tokenRows));
    if (rows == spec.m)
      return whole.execute(engine, addresses, scratch);
    auto [part, isNew] = parts.try_emplace(rows);
    if (isNew)
      part->second = createPart(engine, rows);
    if (!part->second)
      return whole.execute(engine, addresses, scratch);
    if (Error error = part->second->execute(engine, addresses, scratch))
      return error;
    clearRows(rows, static_cast<std::byte *>(
                        addresses[part->second->memories.size() - 2]));
    return Error::success();
  }

  /// nullopt if oneDNN does not have this product in this layout, or if it
  /// needs more scratch memory than was planned.
  std::optional<Product> createPart(lora_engine &engine, int64_t rows) const {
    MatmulSpec fewer = spec;
    fewer.m = rows;
    Expected<Product> made = Product::create(engine, fewer);
    if (!made || made->scratchBytes > scratchBytes)
      return std::nullopt;
    return std::move(*made);
  }

  /// Sets the rows from `first` on to zero. Later operations read these rows,
  /// although nothing depends on the result; they must not hold NaN.
  void clearRows(int64_t first, std::byte *c) const {
    auto width = size_t(spec.n) * sizeOf(spec.c);
    size_t stride =
        spec.strideC ? size_t(spec.strideC) * sizeOf(spec.c) : width;
    for (int64_t row = first; row < spec.m; ++row)
      std::memset(c + size_t(row) * stride, 0, width);
  }
};

/// For small products one thread is used: to wake the others and to wait for
/// them takes about ten microseconds, which is longer than the work.
unsigned usefulThreads(const lora_engine &engine, const MatmulSpec &spec) {
  constexpr int64_t fewOperations = 1 << 20, fewBytes = 1 << 17;
  int64_t operations = 2 * spec.m * spec.n * spec.k;
  int64_t bytes = spec.m * spec.k * int64_t(sizeOf(spec.a)) +
                  spec.n * spec.k * int64_t(sizeOf(spec.b)) +
                  spec.m * spec.n * int64_t(sizeOf(spec.c));
  return operations < fewOperations && bytes < fewBytes ? 1 : engine.threads;
}

/// Sets how many operations a product needs and how many bytes it moves.
void count(const MatmulSpec &spec, lora_primitive &primitive) {
  auto size = [](int64_t rows, int64_t columns, DType type) {
    return uint64_t(rows) * uint64_t(columns) * sizeOf(type);
  };
  uint64_t rowOperations = 2 * uint64_t(spec.n) * uint64_t(spec.k);
  uint64_t rowBytes = size(1, spec.k, spec.a) + size(1, spec.n, spec.c);
  for (const PostOp &op : spec.postOps)
    if (op.isBinary())
      rowBytes += size(1, spec.n, op.operand);
  primitive.operations = uint64_t(spec.m) * rowOperations;
  primitive.bytes = uint64_t(spec.m) * rowBytes + size(spec.k, spec.n, spec.b);
  if (spec.bias)
    primitive.bytes += size(1, spec.n, *spec.bias);
  if (spec.tokenRows) {
    primitive.rowOperations = rowOperations;
    primitive.rowBytes = rowBytes;
  }
}

} // namespace

Expected<std::unique_ptr<lora_primitive>> createMatmul(lora_engine &engine,
                                                       const MatmulSpec &spec) {
  unsigned threads = usefulThreads(engine, spec);
  if (std::unique_ptr<lora_primitive> matvec = createMatvec(spec, threads)) {
    count(spec, *matvec);
    return matvec;
  }
  if (Error error = useThreads(threads))
    return error;
  Expected<Product> whole = Product::create(engine, spec);
  if (!whole)
    return whole.takeError();
  auto result = std::make_unique<MatmulPrimitive>();
  result->spec = spec;
  result->threads = threads;
  result->scratchBytes = whole->scratchBytes;
  result->whole = std::move(*whole);
  count(spec, *result);
  return std::unique_ptr<lora_primitive>(std::move(result));
}

} // namespace lora_rt::cpu
