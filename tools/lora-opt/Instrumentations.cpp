//===- Instrumentations.cpp - What lora-opt does around passes ------------===//
//
// Implements Instrumentations.h as an instrumentation of the pass manager.
//
//===----------------------------------------------------------------------===//

#include "Instrumentations.h"
#include "lora-mlir/ValueNames.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

#include <mutex>

using namespace mlir;

namespace {

/// Keeps names if no pass runs.
struct KeepNames : PassWrapper<KeepNames, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KeepNames)
  KeepNames(StringRef text, StringRef file) : text(text), file(file) {}
  StringRef getName() const override { return "keep-names"; }
  void runOnOperation() override {
    lora::keepNames(getOperation(), text, file);
  }

  StringRef text, file;
};

struct KeepNamesBefore : PassInstrumentation {
  KeepNamesBefore(StringRef text, StringRef file) : text(text), file(file) {}
  void runBeforePass(Pass *, Operation *op) override {
    if (op->getParentOp() || std::exchange(isDone, true))
      return;
    lora::keepNames(op, text, file);
  }

  StringRef text, file;
  bool isDone = false;
};

/// Whether a pass of this project is meant to change something.
bool isRewriting(StringRef argument) {
  static constexpr StringRef prefixes[] = {"lora-",
                                           "transformer-",
                                           "onednn-",
                                           "rt-",
                                           "convert-transformer",
                                           "convert-onednn",
                                           "convert-apply",
                                           "convert-rt",
                                           "convert-parallel",
                                           "approximate-math"};
  return !argument.contains("verify") &&
         llvm::any_of(prefixes, [&](StringRef prefix) {
           return argument.starts_with(prefix);
         });
}

class ReportIdlePasses : public PassInstrumentation {
public:
  explicit ReportIdlePasses(ArrayRef<const char *> commandLine)
      : commandLine(llvm::join(llvm::map_range(commandLine,
                                               [](const char *argument) {
                                                 return StringRef(argument);
                                               }),
                               " ")) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    if (!isAskedFor(pass->getArgument()))
      return;
    OperationFingerPrint print(op);
    std::lock_guard<std::mutex> lock(mutex);
    before.insert_or_assign({pass, op}, print);
  }

  void runAfterPass(Pass *pass, Operation *op) override {
    StringRef argument = pass->getArgument();
    std::optional<OperationFingerPrint> now;
    if (isAskedFor(argument))
      now.emplace(op);
    std::lock_guard<std::mutex> lock(mutex);
    if (now) {
      auto then = before.find({pass, op});
      auto &[changed, description] = passes[argument];
      changed |= then == before.end() || !(then->second == *now);
      description = pass->getDescription();
      if (then != before.end())
        before.erase(then);
    }
    if (op->getParentOp())
      return;
    // A pass on functions has now run on all functions.
    for (auto &[name, result] : passes)
      if (!result.first)
        emitRemark(op->getLoc())
            << "-" << name << " found nothing to do (" << result.second << ")";
    passes.clear();
  }

private:
  bool isAskedFor(StringRef argument) const {
    if (argument.empty() || !isRewriting(argument))
      return false;
    for (size_t at = commandLine.find(argument); at != std::string::npos;
         at = commandLine.find(argument, at + 1)) {
      size_t end = at + argument.size();
      if (end == commandLine.size() ||
          !(llvm::isAlnum(commandLine[end]) || commandLine[end] == '-'))
        return true;
    }
    return false;
  }

  std::string commandLine;
  std::mutex mutex;
  std::map<std::pair<Pass *, Operation *>, OperationFingerPrint> before;
  /// By name: whether the pass changed something, and what it is for.
  llvm::MapVector<StringRef, std::pair<bool, StringRef>> passes;
};

} // namespace

void lora::opt::keepNames(PassManager &manager, StringRef text,
                          StringRef file) {
  if (manager.empty())
    manager.addPass(std::make_unique<KeepNames>(text, file));
  else
    manager.addInstrumentation(std::make_unique<KeepNamesBefore>(text, file));
}

void lora::opt::reportIdlePasses(PassManager &manager,
                                 ArrayRef<const char *> commandLine) {
  manager.addInstrumentation(std::make_unique<ReportIdlePasses>(commandLine));
}
