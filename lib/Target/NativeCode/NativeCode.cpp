//===- NativeCode.cpp - From llvm to a shared object ----------------------===//
//
// Optimises at O3 for the target, makes an object in memory, and links it by
// LLD. The code may call the functions that a stand-in for libm defines. Any
// other call fails here at link time, not on the user's machine.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/NativeCode.h"
#include "Link.h"
#include "mlir/Support/Timing.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace mlir;
using namespace lora;

namespace {

constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

/// The functions that generated code may call: libm for f64 and f32, and the
/// memory functions that LLVM makes from loops.
constexpr llvm::StringLiteral kMathFunctions[] = {
    "acos",   "acosh",     "asin",  "asinh", "atan",  "atan2",     "atanh",
    "cbrt",   "ceil",      "cos",   "cosh",  "erf",   "erfc",      "exp",
    "exp10",  "exp2",      "expm1", "fabs",  "fdim",  "floor",     "fma",
    "fmax",   "fmin",      "fmod",  "ldexp", "log",   "log10",     "log1p",
    "log2",   "nearbyint", "pow",   "rint",  "round", "roundeven", "sin",
    "sincos", "sinh",      "sqrt",  "tan",   "tanh",  "trunc"};
constexpr llvm::StringLiteral kMemoryFunctions[] = {"memcpy", "memmove",
                                                    "memset"};

std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const NativeTarget &target) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  llvm::Triple triple(kTriple);
  std::string error;
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return nullptr;
  std::string features;
  for (const std::string &feature : target.features)
    features += (features.empty() ? "+" : ",+") + feature;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      triple, "x86-64", features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Sets on each function which instructions it may use. The CPU is the
/// baseline, so that only the listed features are used; the name of the target
/// only selects the cost model.
void setFunctionAttributes(llvm::Module &module, const NativeTarget &target,
                           const llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("tune-cpu", target.cpu);
    function.addFnAttr("no-trapping-math", "true");
    // LLVM prefers 256 bits on most CPUs, which is better for mixed code.
    if (target.has("avx512f"))
      function.addFnAttr("prefer-vector-width", "512");
  }
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  tuning.LoopInterleaving = tuning.LoopUnrolling = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

llvm::SmallString<0> emitMachineCode(llvm::Module &module,
                                     llvm::TargetMachine &machine,
                                     llvm::CodeGenFileType type) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  // X86 can emit both kinds of file, so this never fails.
  (void)machine.addPassesToEmitFile(passes, stream, nullptr, type);
  passes.run(module);
  return bytes;
}

/// Makes an object that defines the functions that generated code may call.
llvm::SmallString<0> emitStandIn(llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  llvm::Module module("libm", context);
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), false);
  auto define = [&](const llvm::Twine &name) {
    auto *function = llvm::Function::Create(
        type, llvm::GlobalValue::ExternalLinkage, name, module);
    llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "", function))
        .CreateRetVoid();
  };
  for (llvm::StringRef name : kMathFunctions) {
    define(name);
    define(name + "f");
  }
  for (llvm::StringRef name : kMemoryFunctions)
    define(name);
  return emitMachineCode(module, machine, llvm::CodeGenFileType::ObjectFile);
}

} // namespace

FailureOr<std::string> lora::translateToNative(ModuleOp module,
                                               const NativeTarget &target,
                                               NativeOutput output,
                                               TimingScope &timing) {
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  if (!machine)
    return module.emitError("this build of LLVM has no x86-64 backend");

  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  TimingScope step = timing.nest("Translation to LLVM IR");
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, context, "lora");
  if (!code)
    return failure();
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  code->setPICLevel(llvm::PICLevel::BigPIC);
  setFunctionAttributes(*code, target, *machine);
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(*code, &stream))
    return module.emitError("invalid LLVM IR: ") << problem;
  step = timing.nest("Optimization of LLVM IR");
  optimize(*code, *machine);

  if (output == NativeOutput::LLVMIR) {
    std::string text;
    llvm::raw_string_ostream(text) << *code;
    return text;
  }
  step = timing.nest("Code generation");
  if (output == NativeOutput::Assembly)
    return emitMachineCode(*code, *machine, llvm::CodeGenFileType::AssemblyFile)
        .str()
        .str();

  llvm::SmallString<0> object =
      emitMachineCode(*code, *machine, llvm::CodeGenFileType::ObjectFile);
  step = timing.nest("Link");
  lora_rt::Expected<std::string> linked =
      linkSharedObject(object, emitStandIn(*machine));
  if (!linked)
    return module.emitError(linked.message());
  return std::move(*linked);
}
