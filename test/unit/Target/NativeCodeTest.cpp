//===- NativeCodeTest.cpp - Executables run as compiled_code.h says -------===//
//
// Compiles small IR modules to native code, loads them, and calls entries with
// services that the test implements.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/NativeCode.h"
#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/InitAll.h"
#include "lora-runtime/compiled_code.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <dlfcn.h>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

using namespace lora;

namespace {

/// A context as the runtime has it: the head that code knows, and a record of
/// the calls.
struct FakeContext {
  lora_rt_context head;
  std::vector<uint32_t> executed;
  std::vector<std::pair<int64_t, int64_t>> chunks;
};

/// Primitive 1: out[i] = in[i] + w[i % 5] for 16 x 5 floats.
void execute(lora_rt_context *context, uint32_t primitive, void *const *args) {
  reinterpret_cast<FakeContext *>(context)->executed.push_back(primitive);
  auto *in = static_cast<const float *>(args[0]);
  auto *w = static_cast<const float *>(args[1]);
  auto *out = static_cast<float *>(args[2]);
  for (int i = 0; i < 80; ++i)
    out[i] = in[i] + w[i % 5];
}

/// Runs chunks as long as the grain, beginning with the last one.
void parallelFor(lora_rt_context *context, int64_t begin, int64_t end,
                 int64_t grain, lora_rt_body body, void *const *captures) {
  for (int64_t at = end; at > begin;) {
    int64_t from = std::max(begin, at - grain);
    reinterpret_cast<FakeContext *>(context)->chunks.push_back({from, at});
    body(captures, from, at);
    at = from;
  }
}

const lora_rt_services services = {sizeof(lora_rt_services),
                                   LORA_RT_ABI_VERSION, execute, parallelFor};

/// A shared object that was loaded from memory.
class Loaded {
public:
  explicit Loaded(const std::string &bytes) {
    int file = memfd_create("module", 0);
    EXPECT_EQ(write(file, bytes.data(), bytes.size()), ssize_t(bytes.size()));
    handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(),
                    RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
    close(file);
    if (handle)
      if (auto query = reinterpret_cast<lora_rt_code_query_fn>(
              dlsym(handle, LORA_RT_CODE_QUERY_SYMBOL)))
        table = query();
  }
  ~Loaded() {
    if (handle)
      dlclose(handle);
  }
  void *handle = nullptr;
  const lora_rt_code *table = nullptr;
};

class NativeCode : public testing::Test {
protected:
  NativeCode() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// The code; empty if it cannot be compiled, and `message` then says why.
  std::string compile(llvm::StringRef text, llvm::StringRef march,
                      NativeOutput output = NativeOutput::SharedObject) {
    auto target = NativeTarget::resolve(march);
    EXPECT_TRUE(bool(target)) << target.message();
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) {
                                            message += diagnostic.str();
                                            return mlir::success();
                                          });
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return "";
    mlir::PassManager pm(&context);
    LLVMPipelineOptions lowering;
    lowering.expandBF16 = !target->hasBF16();
    buildLLVMPipeline(pm, lowering);
    if (failed(pm.run(*module)))
      return "";
    mlir::TimingScope untimed;
    auto bytes = translateToNative(*module, *target, output, untimed);
    return failed(bytes) ? "" : *bytes;
  }

  mlir::MLIRContext context;
  std::string message;
};

constexpr llvm::StringLiteral kModule = R"mlir(
  rt.primitive @unused <{kind = "gather"}>
  rt.primitive @add <{kind = "matmul"}>
  func.func private @block(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame,
                           %in: memref<16x5xf32>, %out: memref<16x5xf32>) {
    %w = rt.slot %ctx, %slots[1] : memref<5xf32>
    %state = rt.slot %ctx, %slots[2] : memref<?x5xf32>
    %t = rt.frame_view %frame[64] : memref<16x5xf32>
    rt.execute %ctx, @add(%in, %w, %t) : memref<16x5xf32>, memref<5xf32>, memref<16x5xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %c16 = arith.constant 16 : index
    %s = arith.constant 2.5 : f32
    %n = memref.dim %state, %c0 : memref<?x5xf32>
    rt.parallel_for %ctx, %i = %c0 to %c16 grain 3 {
      scf.for %j = %c0 to %c5 step %c1 {
        %v = memref.load %t[%i, %j] : memref<16x5xf32>
        %k = arith.remui %i, %n : index
        %x = memref.load %state[%k, %j] : memref<?x5xf32>
        %p = arith.mulf %v, %s : f32
        %e = math.exp %x : f32
        %r = arith.addf %p, %e : f32
        memref.store %r, %out[%i, %j] : memref<16x5xf32>
      }
    }
    // The last row of the state becomes the sum of the output's columns.
    %last = arith.subi %n, %c1 : index
    scf.for %j = %c0 to %c5 step %c1 {
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %i = %c0 to %c16 step %c1 iter_args(%a = %zero) -> f32 {
        %v = memref.load %out[%i, %j] : memref<16x5xf32>
        %b = arith.addf %a, %v : f32
        scf.yield %b : f32
      }
      memref.store %sum, %state[%last, %j] : memref<?x5xf32>
    }
    return
  }
  func.func @hidden(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame,
                    %in: memref<16x5xf32>, %out: memref<16x5xf32>)
      attributes {rt.entry = #rt.entry<name = "hidden.t16",
          function = "hidden", tokens = 16, inputs = [], outputs = []>} {
    %layer = rt.slot_range %slots[3]
    %inner = rt.subframe %frame[512]
    call @block(%ctx, %layer, %inner, %in, %out)
      : (!rt.context, !rt.slots, !rt.frame, memref<16x5xf32>, memref<16x5xf32>) -> ()
    return
  }
  func.func @sines(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame,
                   %in: memref<7xf64>, %out: memref<7xf64>)
      attributes {rt.entry = #rt.entry<name = "sines",
          function = "sines", tokens = 0, inputs = [], outputs = []>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    scf.for %i = %c0 to %c7 step %c1 {
      %x = memref.load %in[%i] : memref<7xf64>
      %s = math.sin %x : f64
      %t = math.tanh %s : f64
      memref.store %t, %out[%i] : memref<7xf64>
    }
    return
  }
)mlir";

void checkModule(const std::string &code) {
  ASSERT_FALSE(code.empty());
  Loaded loaded(code);
  ASSERT_NE(loaded.table, nullptr);
  EXPECT_EQ(loaded.table->struct_size, sizeof(lora_rt_code));
  EXPECT_EQ(loaded.table->abi_version, LORA_RT_ABI_VERSION);
  ASSERT_EQ(loaded.table->entry_count, 2u);
  EXPECT_STREQ(loaded.table->entries[0].name, "hidden.t16");
  EXPECT_STREQ(loaded.table->entries[1].name, "sines");

  constexpr int64_t rows = 7;
  FakeContext fake{{&services, rows, 0, 0}, {}, {}};
  std::vector<float> in(80), out(80), w(5), state(rows * 5);
  for (int i = 0; i < 80; ++i)
    in[i] = 0.1f * float(i) - 3;
  for (int i = 0; i < 5; ++i)
    w[i] = float(i + 1);
  for (size_t i = 0; i < state.size(); ++i)
    state[i] = 0.05f * float(i) - 0.7f;
  std::vector<float> before = state;
  void *slots[] = {nullptr, nullptr, nullptr, nullptr, w.data(), state.data()};
  alignas(64) std::byte frame[1024];
  void *io[] = {in.data(), out.data()};
  loaded.table->entries[0].function(&fake.head, slots, frame, io);

  EXPECT_EQ(fake.executed, std::vector<uint32_t>{1});
  EXPECT_EQ(fake.chunks.size(), 6u);
  EXPECT_EQ(fake.chunks.front(), (std::pair<int64_t, int64_t>{13, 16}));
  float sums[5] = {};
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 5; ++j) {
      float expected =
          (in[5 * i + j] + w[j]) * 2.5f + std::exp(before[(i % rows) * 5 + j]);
      EXPECT_NEAR(out[5 * i + j], expected, 1e-5f) << i << ", " << j;
      sums[j] += out[5 * i + j];
    }
  for (int j = 0; j < 5; ++j)
    EXPECT_NEAR(state[(rows - 1) * 5 + j], sums[j], 1e-4f);
  EXPECT_EQ(std::vector<float>(state.begin(), state.end() - 5),
            std::vector<float>(before.begin(), before.end() - 5));

  std::vector<double> x(7), y(7);
  std::iota(x.begin(), x.end(), 1.0);
  void *sines[] = {x.data(), y.data()};
  loaded.table->entries[1].function(&fake.head, slots, frame, sines);
  for (int i = 0; i < 7; ++i)
    EXPECT_NEAR(y[i], std::tanh(std::sin(x[i])), 1e-15);
}

TEST_F(NativeCode, RunsOnThisMachine) {
  checkModule(compile(kModule, "native"));
}

TEST_F(NativeCode, RunsAsBaseline) { checkModule(compile(kModule, "x86-64")); }

TEST_F(NativeCode, NarrowsToBF16WithAndWithoutTheInstruction) {
  constexpr llvm::StringLiteral text = R"mlir(
    func.func @narrow(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame,
                      %in: memref<50xf32>, %out: memref<50xbf16>)
        attributes {rt.entry = #rt.entry<name = "narrow",
          function = "narrow", tokens = 0, inputs = [], outputs = []>} {
      %c0 = arith.constant 0 : index
      %c50 = arith.constant 50 : index
      rt.parallel_for %ctx, %i = %c0 to %c50 grain 50 {
        %x = memref.load %in[%i] : memref<50xf32>
        %y = arith.truncf %x : f32 to bf16
        memref.store %y, %out[%i] : memref<50xbf16>
      }
      return
    }
  )mlir";
  for (llvm::StringRef march : {"native", "x86-64"}) {
    std::string code = compile(text, march);
    ASSERT_FALSE(code.empty()) << message;
    Loaded loaded(code);
    ASSERT_NE(loaded.table, nullptr);
    std::vector<float> in(50);
    std::vector<uint16_t> out(50);
    for (int i = 0; i < 50; ++i)
      in[i] = 1.0f + float(i) / 256; // Every second value is a tie.
    void *io[] = {in.data(), out.data()};
    FakeContext fake{{&services, 0, 0, 0}, {}, {}};
    loaded.table->entries[0].function(&fake.head, nullptr, nullptr, io);
    for (int i = 0; i < 50; ++i) {
      uint32_t bits = std::bit_cast<uint32_t>(in[i]);
      bits += 0x7fff + (bits >> 16 & 1);
      EXPECT_EQ(out[i], bits >> 16) << march.str() << " " << i;
    }
  }
}

TEST_F(NativeCode, VectorizesWithoutAliasChecks) {
  std::string text = compile(kModule, "x86-64-v4", NativeOutput::LLVMIR);
  EXPECT_NE(text.find("x float>"), std::string::npos);
  EXPECT_EQ(text.find("vector.memcheck"), std::string::npos);
  std::string assembly = compile(kModule, "x86-64-v4", NativeOutput::Assembly);
  EXPECT_NE(assembly.find("lora_rt_code_query"), std::string::npos);
}

TEST_F(NativeCode, RefusesUnknownFunctions) {
  EXPECT_EQ(compile(R"mlir(
    func.func private @mystery()
    func.func @f(%ctx: !rt.context, %slots: !rt.slots, %frame: !rt.frame)
        attributes {rt.entry = #rt.entry<name = "f",
          function = "f", tokens = 0, inputs = [], outputs = []>} {
      call @mystery() : () -> ()
      return
    }
  )mlir",
                    "native"),
            "");
  EXPECT_NE(message.find("undefined symbol: mystery"), std::string::npos)
      << message;
}

TEST(NativeTarget, NamesWhatTheCodeMayUse) {
  auto level3 = NativeTarget::resolve("x86-64-v3");
  ASSERT_TRUE(bool(level3));
  EXPECT_TRUE(level3->has("avx2"));
  EXPECT_TRUE(level3->has("fma"));
  EXPECT_FALSE(level3->has("avx512f"));
  EXPECT_EQ(level3->oneDNNInstructionSet(), "avx2");
  auto level4 = NativeTarget::resolve("x86-64-v4");
  ASSERT_TRUE(bool(level4));
  EXPECT_TRUE(level4->has("avx512f"));
  EXPECT_FALSE(level4->hasBF16());
  auto zen4 = NativeTarget::resolve("znver4");
  ASSERT_TRUE(bool(zen4));
  EXPECT_TRUE(zen4->hasBF16());
  auto unknown = NativeTarget::resolve("pentagon");
  EXPECT_FALSE(bool(unknown));
  EXPECT_NE(unknown.message().find("pentagon"), std::string::npos);
}

} // namespace
