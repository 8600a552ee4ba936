//===- BackendTest.h - The CPU engine for tests -----------------*- C++ -*-===//
//
// A fixture that opens the CPU backend with three threads, and reference
// computations in double.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_UNIT_RUNTIME_BACKENDTEST_H
#define LORA_TEST_UNIT_RUNTIME_BACKENDTEST_H

#include "lora-runtime/Layouts.h"
#include "lora-runtime/backend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>

extern "C" const lora_backend *lora_backend_query(void);

namespace lora_rt {

/// An engine with three threads, and calls of it that must succeed.
class Backend : public testing::Test {
protected:
  void SetUp() override {
    lora_engine_options options = {sizeof(options), 3};
    ASSERT_EQ(backend->create_engine(&options, &engine, &message), 0)
        << message.text;
  }
  void TearDown() override { backend->destroy_engine(engine); }

  std::string run(const std::string &json, const std::vector<void *> &args) {
    lora_primitive *primitive = nullptr;
    if (backend->create_primitive(engine, json.data(), json.size(), &primitive,
                                  &message))
      return message.text;
    lora_primitive_facts facts = {};
    facts.struct_size = sizeof(facts);
    backend->primitive_facts(primitive, &facts);
    void *scratch = nullptr;
    EXPECT_EQ(
        backend->allocate(engine, facts.scratch_bytes, &scratch, &message), 0);
    int32_t status =
        backend->execute(engine, primitive, args.data(), scratch, &message);
    backend->release(engine, scratch, facts.scratch_bytes);
    backend->destroy_primitive(engine, primitive);
    return status ? message.text : "";
  }

  const lora_backend *backend = lora_backend_query();
  lora_engine *engine = nullptr;
  lora_message message = {};
};

/// Values that all differ, between -2 and 2, and are exact in bf16.
inline std::vector<float> values(size_t count, unsigned seed) {
  std::vector<float> result(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float &value : result) {
    state = state * 1664525u + 1013904223u;
    value = bf16ToFloat(floatToBf16(float(int32_t(state)) / 1073741824.0f));
  }
  return result;
}

struct Buffer {
  Buffer(const std::vector<float> &from, DType type)
      : type(type), bytes(from.size() * sizeOf(type)), count(from.size()) {
    EXPECT_FALSE(convert(DType::F32, from.data(), type, bytes.data(), count));
  }
  std::vector<float> floats() const {
    std::vector<float> result(count);
    EXPECT_FALSE(convertToFloat(type, bytes.data(), result));
    return result;
  }
  DType type;
  std::vector<std::byte> bytes;
  size_t count;
};

inline double silu(double x) { return x / (1 + std::exp(-x)); }
inline double geluErf(double x) {
  return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
}
inline double geluTanh(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/// c = (a b + bias) with the post-ops, computed in double.
struct Reference {
  int64_t m, n, k;
  std::vector<float> a = values(size_t(m * k), 1), b = values(size_t(n * k), 2),
                     bias = values(size_t(n), 3), c = values(size_t(m * n), 4),
                     operand = values(size_t(m * n), 5);

  template <typename Epilogue>
  std::vector<double> compute(bool withBias, Epilogue epilogue) const {
    std::vector<double> result(size_t(m * n));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = withBias ? bias[j] : 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a[i * k + l]) * b[j * k + l];
        result[i * n + j] = epilogue(sum, i * n + j);
      }
    return result;
  }

  /// The manifest's description with all matrices of one type, and with more
  /// keys.
  std::string json(std::string_view type, const std::string &more) const {
    std::string t(type);
    return "{\"kind\":\"matmul\",\"m\":" + std::to_string(m) +
           ",\"n\":" + std::to_string(n) + ",\"k\":" + std::to_string(k) +
           ",\"a\":\"" + t + "\",\"b\":\"" + t + "\",\"c\":\"" + t + "\"" +
           more + "}";
  }
};

inline std::string layoutJson(const std::string &tag) {
  return ",\"b_layout\":{\"scheme\":\"onednn\",\"tag\":\"" + tag + "\"}";
}

/// An [n, k] matrix in a layout, at an aligned address.
struct Packed {
  Packed(const std::string &tag, const Buffer &from, int64_t n, int64_t k)
      : bytes(*packedBytes(tag, n, k, from.type) + 64),
        data(bytes.data() + (-uintptr_t(bytes.data()) & 63)) {
    EXPECT_FALSE(pack(tag, from.bytes.data(), data, n, k, from.type));
  }
  std::vector<std::byte> bytes;
  std::byte *data;
};

inline void expectNear(const std::vector<float> &actual,
                       const std::vector<double> &expected, double relative) {
  double scale = 0, worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    scale = std::max(scale, std::abs(expected[i]));
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
  }
  EXPECT_LE(worst / scale, relative);
}

} // namespace lora_rt

#endif // LORA_TEST_UNIT_RUNTIME_BACKENDTEST_H
