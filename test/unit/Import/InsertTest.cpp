//===- InsertTest.cpp - New branches are those of PEFT --------------------===//
//
// PEFT made, trained and saved the adapters of the fixtures. A new adapter with
// the same config must have the same layers, names and shapes.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Import/Adapters.h"
#include "lora-mlir/Import/Import.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <map>

using namespace lora;
using namespace lora::transformer;
namespace fs = std::filesystem;

namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

/// The tensors of an adapter that belong to branches.
Shapes savedTensors(const peft::PeftAdapter &adapter) {
  Shapes shapes;
  for (std::string_view name : adapter.names())
    if (name.find(".lora_") != std::string_view::npos)
      shapes.emplace(name, adapter.findOwn(name)->shape);
  return shapes;
}

/// The new parameters in the slots of a graph, by their full names. An
/// orthogonal initialization also draws tensors besides A and B; these are no
/// parameters.
Shapes newTensors(mlir::ModuleOp module) {
  Shapes shapes;
  mlir::SymbolTable symbols(module);
  module.walk([&](ApplyOp apply) {
    auto block = symbols.lookup<mlir::func::FuncOp>(apply.getBlock());
    mlir::AttrTypeWalker walker;
    auto add = [&](mlir::StringAttr name, mlir::Attribute expr) {
      shapes[joinPath(apply.getPath(), name.getValue())] =
          mlir::cast<WeightExprAttrInterface>(expr)
              .getValueType()
              .getShape()
              .vec();
    };
    walker.addWalk([&](NamedAttr named) {
      add(named.getName(), named);
      return mlir::WalkResult::advance();
    });
    walker.addWalk([&](OrthogonalAttr) { return mlir::WalkResult::skip(); });
    walker.addWalk([&](InitAttr init) {
      add(init.getName(), init);
      return mlir::WalkResult::advance();
    });
    for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
      if (getSlotName(block, i))
        walker.walk<mlir::WalkOrder::PreOrder>(getSlotValue(apply, block, i));
  });
  return shapes;
}

TEST(Insert, HasTheTensorsThatPeftSaves) {
  mlir::MLIRContext context;
  context.loadDialect<LoRADialect, TransformerDialect,
                      mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  size_t adapters = 0;
  for (const fs::directory_entry &fixture :
       fs::directory_iterator(LORA_TEST_FIXTURES)) {
    if (!fs::exists(fixture.path() / "adapters"))
      continue;
    for (const fs::directory_entry &folder :
         fs::directory_iterator(fixture.path() / "adapters")) {
      SCOPED_TRACE(folder.path().string());
      auto adapter = peft::PeftAdapter::open(folder.path().string());
      ASSERT_TRUE(bool(adapter)) << adapter.message();
      ImportOptions options;
      const lora::peft::PeftAdapter *one = &*adapter;
      lora_rt::Error unfit = fitToAdapters(options, {&one, 1});
      ASSERT_FALSE(unfit) << unfit.message();
      auto module =
          importModel(context, (fixture.path() / "model").string(), options);
      ASSERT_TRUE(bool(module)) << module.message();
      std::string said;
      mlir::ScopedDiagnosticHandler handler(
          &context, [&](mlir::Diagnostic &diag) { said += diag.str() + "\n"; });
      ASSERT_TRUE(mlir::succeeded(
          insertBranches(**module, adapter->config(), AdapterOptions())))
          << said;
      EXPECT_TRUE(mlir::succeeded((*module)->verify())) << said;
      EXPECT_EQ(newTensors(**module), savedTensors(*adapter));
      ++adapters;
    }
  }
  EXPECT_GT(adapters, 150u);
}

} // namespace
