//===- MatmulRate.h - How fast oneDNN multiplies ----------------*- C++ -*-===//
//
// The best rate of oneDNN for a matrix product, independently of the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TOOLS_LORA_BENCH_MATMULRATE_H
#define LORA_TOOLS_LORA_BENCH_MATMULRATE_H

#include "lora-runtime/Layouts.h"

#include <map>
#include <memory>

namespace lora::bench {

/// Times c[m, n] = a[m, k] b[k, n], with weights in the layout that oneDNN
/// prefers and in the checkpoint's own. Primitives and memory are kept for
/// later calls.
class MatmulRates {
public:
  explicit MatmulRates(unsigned threads);
  ~MatmulRates();

  struct Result {
    /// The seconds of the best call.
    double seconds = 0;
    /// The layout of the weights in the best call.
    std::string layout;
  };

  /// Measures calls for at least `seconds`, and at least one in each layout
  /// after one that is not counted. Small products also run on one thread,
  /// which may be faster.
  lora_rt::Expected<Result> measure(int64_t m, int64_t n, int64_t k,
                                    lora_rt::DType type, double seconds);

private:
  struct Matmul;
  lora_rt::Expected<Matmul *> get(int64_t m, int64_t n, int64_t k,
                                  lora_rt::DType type,
                                  const std::string &layout, int threads);

  struct State;
  int allThreads;
  std::unique_ptr<State> state;
};

} // namespace lora::bench

#endif // LORA_TOOLS_LORA_BENCH_MATMULRATE_H
