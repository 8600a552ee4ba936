//===- Compiler.cpp - A graph becomes an executable in memory -------------===//
//
// Three steps: lowers the graph to rt, makes the manifest, and translates the
// module to native code. The caller makes the graph; the writer of files or the
// runtime uses the result.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Compiler/Compiler.h"
#include "CodeKey.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Target/NativeCode.h"
#include "lora-runtime/Layouts.h"
#include "lora-runtime/Manifest.h"
#include "lora-runtime/Thread.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

#include <array>
#include <bit>
#include <mutex>
#include <optional>

using namespace mlir;
using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

/// A graph while it is lowered.
class Compilation {
public:
  Compilation(ModuleOp graph, const CompileOptions &options)
      : module(graph.clone()), options(options),
        diagnostics(*graph.getContext(), options.note) {
    // This is set for every target. LLVM 22 assumes a high cost for conversions
    // of bfloat, so it vectorizes loops that contain them by 4 instead of 16.
    pipelineOptions.expandBF16 = true;
  }

  ModuleOp get() const { return *module; }
  const NativeTarget &getTarget() const { return target; }
  /// Whether makeCode found the code in the cache.
  bool codeWasCached() const { return wasCached; }

  Error chooseTarget() {
    Expected<NativeTarget> resolved = NativeTarget::resolve(options.march);
    if (!resolved)
      return resolved.takeError();
    target = std::move(*resolved);
    bool usesBF16 = false;
    module->walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        usesBF16 |= getElementTypeOrSelf(type).isBF16();
    });
    if (usesBF16 && !target.hasBF16())
      return lora_rt::makeError(
          ErrorCode::Unsupported, "the CPU ", target.cpu,
          " has no bf16 instructions (avx512bf16); compile with --dtype f32");
    setTargetAttr();
    // Layouts must fit the target, not this machine. If the target is this
    // machine, oneDNN's default is right.
    if (options.march == "native" ||
        options.lowering.kernels != Kernels::OneDNN)
      return Error::success();
    std::string wanted = target.oneDNNInstructionSet();
    // oneDNN accepts a limit only once, before its first use.
    static std::mutex mutex;
    static std::string limit;
    std::lock_guard<std::mutex> lock(mutex);
    if (limit != wanted)
      if (Error error = lora_rt::limitInstructionSet(wanted))
        return error;
    limit = wanted;
    std::string available = lora_rt::instructionSet();
    if (available != wanted && options.note)
      options.note("this machine has " + available + " only: a " + target.cpu +
                   " with " + wanted +
                   " may repack the weights when it loads the program");
    return Error::success();
  }

  /// Sets the target on the module, for the passes and the manifest.
  void setTargetAttr() {
    module->getContext()->loadDialect<rt::RTDialect>();
    (*module)->setAttr(
        rt::RTDialect::kTargetAttr,
        rt::TargetAttr::get(module->getContext(),
                            {options.engine, target.cpu, target.features}));
  }

  Error lower() {
    LoweringOptions lowering;
    for (int64_t tokens : options.lowering.tokens)
      lowering.tokens.push_back(tokens);
    for (const std::string &function : options.lowering.functions)
      lowering.functions.push_back(function);
    lowering.kernels = options.lowering.kernels;
    lowering.pack = options.lowering.pack;
    lowering.referenceAttention = options.lowering.referenceAttention;
    TimingScope timing = options.instrumentation.time("Lowering");
    PassManager passes(module->getContext());
    buildLoweringPipeline(passes, lowering);
    if (failed(options.instrumentation.attach(passes, "lowering", timing)) ||
        failed(passes.run(*module)))
      return diagnostics.takeError("the model could not be lowered");
    return Error::success();
  }

  /// The description; the contract of its manifest goes into the code.
  Expected<ProgramDescription> describe() {
    FailureOr<ProgramDescription> program = describeProgram(*module);
    if (failed(program))
      return diagnostics.takeError("the lowered model could not be described");
    using Words = std::array<int64_t, sizeof(lora_rt_contract) / 8>;
    (*module)->setAttr(rt::RTDialect::kContractAttr,
                       DenseI64ArrayAttr::get(
                           module->getContext(),
                           std::bit_cast<Words>(program->manifest.contract())));
    return std::move(*program);
  }

  /// The code, from the cache if it is there. Afterwards the module no longer
  /// has the sources of weights.
  Expected<std::string> makeCode() {
    if (!options.codeCache)
      return translate(NativeOutput::SharedObject);
    removeWhatCodeLacks(*module);
    std::string key = codeKey(*module, target, pipelineOptions);
    if (std::optional<std::string> code = options.codeCache->find(key)) {
      wasCached = true;
      return std::move(*code);
    }
    Expected<std::string> code = translate(NativeOutput::SharedObject);
    if (code)
      options.codeCache->store(key, *code);
    return code;
  }

  Expected<std::string> translate(NativeOutput output) {
    TimingScope timing = options.instrumentation.time("Native code");
    removeWhatCodeLacks(*module);
    PassManager passes(module->getContext());
    buildLLVMPipeline(passes, pipelineOptions);
    if (failed(options.instrumentation.attach(passes, "native code", timing)) ||
        failed(passes.run(*module)))
      return diagnostics.takeError("the kernels could not be lowered");
    FailureOr<std::string> result =
        translateToNative(*module, target, output, timing);
    if (failed(result))
      return diagnostics.takeError("no native code could be made");
    return std::move(*result);
  }

private:
  OwningOpRef<ModuleOp> module;
  const CompileOptions &options;
  DiagnosticText diagnostics;
  NativeTarget target;
  LLVMPipelineOptions pipelineOptions;
  bool wasCached = false;
};

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().printNameLocAsPrefix());
  return text;
}

} // namespace

Expected<CompiledExecutable> lora::compileInMemory(
    ModuleOp graph, const CompileOptions &options,
    llvm::function_ref<Error(ProgramDescription &)> meanwhile) {
  Compilation compilation(graph, options);
  if (Error error = compilation.chooseTarget())
    return error;
  if (Error error = compilation.lower())
    return error;
  Expected<ProgramDescription> program = compilation.describe();
  if (!program)
    return program.takeError();
  std::optional<Expected<std::string>> code;
  auto translate = [&] { code = compilation.makeCode(); };
  if (meanwhile) {
    std::optional<lora_rt::Thread> translation =
        lora_rt::Thread::start(translate);
    Error error = meanwhile(*program);
    if (translation)
      translation->join();
    if (error)
      return error;
    if (!translation)
      translate();
  } else {
    translate();
  }
  if (!*code)
    return code->takeError();
  return CompiledExecutable{std::move(**code), compilation.codeWasCached(),
                            std::move(*program)};
}

Expected<std::string>
lora::printStage(ModuleOp graph, const CompileOptions &options, Stage stage) {
  if (stage == Stage::Graph)
    return print(graph);
  Compilation compilation(graph, options);
  if (Error error = compilation.chooseTarget())
    return error;
  if (Error error = compilation.lower())
    return error;
  if (stage == Stage::Kernels)
    return print(compilation.get());
  if (Expected<ProgramDescription> program = compilation.describe(); !program)
    return program.takeError();
  return compilation.translate(stage == Stage::LLVMIR ? NativeOutput::LLVMIR
                                                      : NativeOutput::Assembly);
}
