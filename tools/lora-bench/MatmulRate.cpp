//===- MatmulRate.cpp - How fast oneDNN multiplies ------------------------===//
//
// Only the runtime's description of a matmul is used, so that this
// measures a limit for the runtime and not the runtime itself.
//
//===----------------------------------------------------------------------===//

#include "MatmulRate.h"
#include "WorkerLoop.h"
#include "onednn/Matmul.h"

#include <cstring>
#include <tuple>

// A function of libgomp, the OpenMP runtime that oneDNN uses.
extern "C" void omp_set_num_threads(int threads);

using namespace lora::bench;
using namespace lora_rt;
using namespace lora_rt::onednn;

namespace {

/// Memory that can grow, filled with numbers near 0.75 in every element type.
class Buffer {
public:
  void *atLeast(uint64_t bytes) {
    if (storage.size() < bytes + alignment)
      storage.assign(bytes + alignment, 0x3f);
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    return storage.data() + (alignment - address % alignment);
  }

private:
  static constexpr uint64_t alignment = 4096;
  std::vector<unsigned char> storage;
};

} // namespace

struct MatmulRates::Matmul {
  Primitive primitive;
  PrimitiveDesc description;
  std::string layout;
};

struct MatmulRates::State {
  Engine engine;
  Stream stream;
  Buffer buffers[4];
  std::map<std::tuple<int64_t, int64_t, int64_t, DType, std::string, int>,
           Matmul>
      matmuls;

  Error open() {
    if (engine)
      return Error::success();
    Expected<Engine> device = cpuEngine();
    if (!device)
      return device.takeError();
    dnnl_stream_t raw = nullptr;
    if (Error error = check(
            dnnl_stream_create(&raw, device->get(), dnnl_stream_default_flags),
            "creating a stream"))
      return error;
    engine = std::move(*device);
    stream.reset(raw);
    return Error::success();
  }

  Expected<std::vector<double>> time(const Matmul &matmul, double seconds);
};

MatmulRates::MatmulRates(unsigned threads)
    : allThreads(int(threads)), state(std::make_unique<State>()) {}
MatmulRates::~MatmulRates() = default;

Expected<MatmulRates::Matmul *> MatmulRates::get(int64_t m, int64_t n,
                                                 int64_t k, DType type,
                                                 const std::string &layout,
                                                 int threads) {
  Matmul &matmul = state->matmuls[{m, n, k, type, layout, threads}];
  if (matmul.primitive)
    return &matmul;
  MatmulSpec spec;
  spec.m = m;
  spec.n = n;
  spec.k = k;
  spec.a = spec.b = spec.c = type;
  spec.transposeB = true;
  spec.layout = layout;
  Expected<PrimitiveDesc> description =
      describeMatmul(state->engine.get(), spec);
  if (!description)
    return description.takeError();
  dnnl_primitive_t raw = nullptr;
  if (Error error =
          check(dnnl_primitive_create(&raw, description->get()), spec.text()))
    return error;
  matmul.primitive.reset(raw);
  std::optional<std::string> name =
      layoutOf(dnnl_primitive_desc_query_md(description->get(),
                                            dnnl_query_weights_md, 0),
               n, k, type);
  matmul.layout = layout.empty() ? name.value_or("any") : layout;
  matmul.description = std::move(*description);
  return &matmul;
}

Expected<std::vector<double>> MatmulRates::State::time(const Matmul &matmul,
                                                       double seconds) {
  std::vector<Memory> memories;
  std::vector<dnnl_exec_arg_t> args;
  constexpr int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                               DNNL_ARG_SCRATCHPAD};
  for (size_t i = 0; i < std::size(arguments); ++i) {
    const_dnnl_memory_desc_t desc = dnnl_primitive_desc_query_md(
        matmul.description.get(), dnnl_query_exec_arg_md, arguments[i]);
    void *data = buffers[i].atLeast(dnnl_memory_desc_get_size(desc));
    dnnl_memory_t raw = nullptr;
    if (Error error =
            check(dnnl_memory_create(&raw, desc, engine.get(), data), "memory"))
      return error;
    memories.emplace_back(raw);
    args.push_back({arguments[i], raw});
  }
  auto run = [&]() -> Error {
    if (Error error =
            check(dnnl_primitive_execute(matmul.primitive.get(), stream.get(),
                                         int(args.size()), args.data()),
                  "matmul"))
      return error;
    return check(dnnl_stream_wait(stream.get()), "matmul");
  };
  // The first call may have to wake threads and to access memory for the first
  // time.
  if (Error error = run())
    return error;
  return timesOf(seconds, run);
}

Expected<MatmulRates::Result> MatmulRates::measure(int64_t m, int64_t n,
                                                   int64_t k, DType type,
                                                   double seconds) {
  if (Error error = state->open())
    return error;
  std::vector<int> threadCounts = {allThreads};
  if (allThreads > 1 && double(m) * double(n) * double(k) < double(1 << 24))
    threadCounts.push_back(1);
  // The preferred layout, and the checkpoint's.
  const std::string layouts[] = {std::string(), std::string(plainLayout)};
  seconds /= double(std::size(layouts) * threadCounts.size());
  Result result;
  for (int threads : threadCounts)
    for (const std::string &layout : layouts) {
      // A primitive is made for the number of threads that will run it.
      omp_set_num_threads(threads);
      Expected<Matmul *> matmul = get(m, n, k, type, layout, threads);
      if (!matmul)
        return matmul.takeError();
      Expected<std::vector<double>> times = state->time(**matmul, seconds);
      if (!times)
        return times.takeError();
      double best = *std::min_element(times->begin(), times->end());
      if (result.seconds == 0 || best < result.seconds)
        result = {best, (*matmul)->layout};
    }
  return result;
}
