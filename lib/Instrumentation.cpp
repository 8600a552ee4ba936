//===- Instrumentation.cpp - What the options do --------------------------===//
//
// As in MlirOptMain, which does it for its own context only.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Instrumentation.h"
#include "mlir/Debug/CLOptionsSetup.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Remark/RemarkStreamer.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"

#include <algorithm>
#include <limits>
#include <mutex>

using namespace mlir;
using namespace lora;

namespace {

/// Gives each run of passes a folder of its own below the one that
/// --mlir-print-ir-tree-dir names: MLIR counts passes from 0 in each.
class TreeFolders {
public:
  TreeFolders()
      : option(static_cast<llvm::cl::opt<std::string> *>(
            llvm::cl::getRegisteredOptions().lookup("mlir-print-ir-tree-dir"))),
        root(option ? option->getValue() : std::string()) {}

  void next(StringRef name) {
    if (root.empty())
      return;
    std::string folder = name.lower();
    std::replace(folder.begin(), folder.end(), ' ', '-');
    option->setValue(root + "/" + std::to_string(++count) + "-" + folder);
    // MLIR says so where it cannot write into it.
    (void)llvm::sys::fs::create_directories(option->getValue());
  }

private:
  llvm::cl::opt<std::string> *option;
  std::string root;
  unsigned count = 0;
};

} // namespace

struct Instrumentation::State {
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  DefaultTimingManager timing;
  TimingScope root;
  std::vector<std::unique_ptr<tracing::InstallDebugHandler>> handlers;
  TreeFolders folders;
  std::mutex mutex;

  State() {
    applyDefaultTimingManagerCLOptions(timing);
    root = timing.getRootScope();
  }
};

Instrumentation Instrumentation::fromOptions() {
  Instrumentation result;
  result.state = std::make_shared<State>();
  return result;
}

/// Writes remarks to a file, in one of LLVM's formats.
static LogicalResult
streamRemarks(MLIRContext &context, const MlirOptMainConfig &config,
              StringRef defaultFile, llvm::remarks::Format format,
              std::unique_ptr<remark::detail::RemarkEmittingPolicyBase> policy,
              const remark::RemarkCategories &categories) {
  std::string file = config.getRemarksOutputFile();
  if (file.empty())
    file = defaultFile.str();
  if (succeeded(remark::enableOptimizationRemarksWithLLVMStreamer(
          context, file, format, std::move(policy), categories)))
    return success();
  return emitError(UnknownLoc::get(&context))
         << file << " cannot be written; name another --remarks-output-file";
}

static LogicalResult enableRemarks(MLIRContext &context,
                                   const MlirOptMainConfig &config) {
  if (!config.shouldEmitRemarks())
    return success();
  // Those of all kinds are added to those of a kind only where that is given,
  // if only as an empty text.
  remark::RemarkCategories categories{
      config.getRemarksAllFilter(), config.getRemarksPassedFilter(),
      config.getRemarksMissedFilter(), config.getRemarksAnalyseFilter(),
      config.getRemarksFailedFilter()};
  std::unique_ptr<remark::detail::RemarkEmittingPolicyBase> policy;
  if (config.getRemarkPolicy() == RemarkPolicy::REMARK_POLICY_FINAL)
    policy = std::make_unique<remark::RemarkEmittingPolicyFinal>();
  else
    policy = std::make_unique<remark::RemarkEmittingPolicyAll>();
  switch (config.getRemarkFormat()) {
  case RemarkFormat::REMARK_FORMAT_STDOUT:
    return remark::enableOptimizationRemarks(context, nullptr,
                                             std::move(policy), categories,
                                             /*printAsEmitRemarks=*/true);
  case RemarkFormat::REMARK_FORMAT_YAML:
    return streamRemarks(context, config, "mlir-remarks.yaml",
                         llvm::remarks::Format::YAML, std::move(policy),
                         categories);
  case RemarkFormat::REMARK_FORMAT_BITSTREAM:
    return streamRemarks(context, config, "mlir-remarks.bitstream",
                         llvm::remarks::Format::Bitstream, std::move(policy),
                         categories);
  }
  llvm_unreachable("all formats are handled");
}

LogicalResult Instrumentation::attach(MLIRContext &context) const {
  if (!state)
    return success();
  state->handlers.push_back(std::make_unique<tracing::InstallDebugHandler>(
      context, state->config.getDebugConfig()));
  return enableRemarks(context, state->config);
}

void Instrumentation::detach(MLIRContext &context) const {
  if (state)
    context.setRemarkEngine(nullptr);
}

LogicalResult Instrumentation::attach(PassManager &passes, StringRef name,
                                      TimingScope &parent) const {
  if (!state)
    return success();
  std::lock_guard<std::mutex> lock(state->mutex);
  state->folders.next(name);
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  // Last, so that the others' work is not counted.
  if (parent)
    passes.enableTiming(parent);
  return success();
}

TimingScope Instrumentation::time(StringRef name) const {
  return state ? state->root.nest(name) : TimingScope();
}

OpPrintingFlags lora::faithfulPrintingFlags() {
  return OpPrintingFlags()
      .elideLargeElementsAttrs(std::numeric_limits<int64_t>::max())
      .elideLargeResourceString(std::numeric_limits<int64_t>::max())
      .enableDebugInfo(false)
      .printGenericOpForm(false)
      .skipRegions(false)
      .useLocalScope(false)
      .assumeVerified(false)
      .printValueUsers(false)
      .printUniqueSSAIDs(false)
      .printNameLocAsPrefix(true);
}
