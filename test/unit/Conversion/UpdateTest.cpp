//===- UpdateTest.cpp - The optimizer steps against torch's formulas ------===//
//
// The loops that buildAdamW, buildSGD and buildGradientNorm build are compiled
// and run on a few numbers; the expected results are computed here in double,
// statement by statement as in torch.optim and clip_grad_norm_.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/TransformerToLinalg.h"
#include "lora-mlir/InitAll.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"
#include <gtest/gtest.h>

#include <algorithm>

using namespace mlir;

namespace {

constexpr int64_t kSize = 5;
constexpr const char *kPipeline =
    "func.func(llvm-request-c-wrappers,convert-linalg-to-loops),"
    "convert-scf-to-cf,convert-to-llvm,reconcile-unrealized-casts";

class UpdateTest : public testing::Test {
protected:
  UpdateTest() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    lora::registerAllDialects(registry);
    registerAllToLLVMIRTranslations(registry);
    static bool once = (lora::registerAllPasses(), true);
    (void)once;
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  MemRefType vector(int64_t size) {
    return MemRefType::get({size}, Float32Type::get(&context));
  }
  MemRefType scalar() {
    return MemRefType::get({}, Float32Type::get(&context));
  }

  /// Compiles a function `step` on buffers whose body `build` makes.
  void compile(TypeRange types,
               llvm::function_ref<void(OpBuilder &, ValueRange)> build) {
    OpBuilder builder(&context);
    Location loc = builder.getUnknownLoc();
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc);
    builder.setInsertionPointToStart(module->getBody());
    auto function = func::FuncOp::create(builder, loc, "step",
                                         builder.getFunctionType(types, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    build(builder, function.getArguments());
    func::ReturnOp::create(builder, loc);
    PassManager passes(&context);
    ASSERT_TRUE(succeeded(parsePassPipeline(kPipeline, passes)));
    ASSERT_TRUE(succeeded(passes.run(*module)));
    auto result = ExecutionEngine::create(*module);
    ASSERT_TRUE(bool(result));
    engine = std::move(*result);
  }

  /// Calls the function with descriptors of the buffers.
  template <typename... Buffers> void run(Buffers &&...buffers) {
    llvm::Error error = engine->invoke("step", &buffers...);
    ASSERT_FALSE(bool(error));
  }

  static StridedMemRefType<float, 1> wrap(std::vector<float> &values) {
    return {values.data(), values.data(), 0, {int64_t(values.size())}, {1}};
  }
  static StridedMemRefType<float, 0> wrap(float &value) {
    return {&value, &value, 0};
  }

  static void expectNear(const std::vector<float> &got,
                         const std::vector<double> &expected) {
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-6 * (1 + std::fabs(expected[i])))
          << i;
  }

  DialectRegistry registry;
  MLIRContext context;
  std::unique_ptr<ExecutionEngine> engine;
  std::vector<float> theta{1, -2, 0.5f, 3, 0}, gradient{0.3f, -4, 0, 1e-3f, 7};
  std::vector<float> moment1{0.1f, 0.2f, -0.3f, 0, 5},
      moment2{0.01f, 4, 0.5f, 1e-6f, 2};
};

TEST_F(UpdateTest, GradientNorm) {
  compile({vector(kSize), scalar()}, [&](OpBuilder &builder, ValueRange args) {
    Location loc = builder.getUnknownLoc();
    Value norm = lora::buildGradientNorm(builder, loc, args[0]);
    memref::StoreOp::create(builder, loc, norm, args[1]);
  });
  float norm = 0;
  run(wrap(gradient), wrap(norm));
  EXPECT_NEAR(norm, std::sqrt(0.09 + 16 + 1e-6 + 49), 1e-6);
}

/// The norm is above the threshold in one step (gradients are scaled down), and
/// below it in the other.
TEST_F(UpdateTest, AdamW) {
  compile({vector(kSize), vector(kSize), vector(kSize), vector(kSize), scalar(),
           vector(8)},
          [&](OpBuilder &builder, ValueRange args) {
            auto results =
                lora::buildAdamW(builder, builder.getUnknownLoc(), args[0],
                                 args[1], args[2], args[3], args[4], args[5]);
            EXPECT_TRUE(results.empty());
          });
  std::vector<double> t(theta.begin(), theta.end()),
      m(moment1.begin(), moment1.end()), v(moment2.begin(), moment2.end());
  for (double threshold : {1.0, 100.0}) {
    double lr = 0.01, beta1 = 0.9, beta2 = 0.98, eps = 1e-8, decay = 0.1,
           correction1 = 0.271, correction2 = 0.058808;
    float norm = 8;
    std::vector<float> h{
        float(lr),    float(beta1),       float(beta2),       float(eps),
        float(decay), float(correction1), float(correction2), float(threshold)};
    double clip = std::min(1.0, threshold / (norm + 1e-6));
    for (int64_t i = 0; i < kSize; ++i) {
      double g = gradient[i] * clip;
      t[i] *= 1 - lr * decay;
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      t[i] -= lr / correction1 * m[i] /
              (std::sqrt(v[i]) / std::sqrt(correction2) + eps);
    }
    run(wrap(theta), wrap(gradient), wrap(moment1), wrap(moment2), wrap(norm),
        wrap(h));
    expectNear(theta, t);
    expectNear(moment1, m);
    expectNear(moment2, v);
  }
}

/// An infinite threshold clips nothing.
TEST_F(UpdateTest, SGD) {
  compile({vector(kSize), vector(kSize), vector(kSize), scalar(), vector(4)},
          [&](OpBuilder &builder, ValueRange args) {
            lora::buildSGD(builder, builder.getUnknownLoc(), args[0], args[1],
                           args[2], args[3], args[4]);
          });
  std::vector<double> t(theta.begin(), theta.end()),
      m(moment1.begin(), moment1.end());
  double lr = 0.05, momentum = 0.9, decay = 0.01;
  float norm = 8;
  std::vector<float> h{float(lr), float(momentum), float(decay), INFINITY};
  for (int64_t i = 0; i < kSize; ++i) {
    double g = gradient[i] + decay * t[i];
    m[i] = momentum * m[i] + g;
    t[i] -= lr * m[i];
  }
  run(wrap(theta), wrap(gradient), wrap(moment1), wrap(norm), wrap(h));
  expectNear(theta, t);
  expectNear(moment1, m);
}

} // namespace
