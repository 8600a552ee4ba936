//===- lora-compile.cpp - A model and an adapter to one program -----------===//
//
// Reads the command line, and calls compileModel or printModel.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/CommandLine.h"
#include "lora-mlir/Compiler/ProgramCache.h"
#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Support/Cache.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/File.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <unistd.h>

namespace cl = llvm::cl;

static constexpr const char *overview =
    R"(Compiles a Hugging Face model, with or without PEFT adapters, to a program

MODEL_DIR contains config.json and model.safetensors, or shards with an index. The program FILE contains the code, the weights and
everything else it needs except oneDNN, which it finds where set-up installed it. With --portable it contains oneDNN too. The
adapter is merged into the weights: the sum is accumulated in f32 and rounded once. With --unmerged the adapter is computed as
separate matrix products. Several adapters are added; each is multiplied by the number after its folder's name.

MLIR's options look into the compilation: --mlir-timing, --mlir-print-ir-after-all, --remarks-filter=REGEX and others, which
--help-hidden lists.

Examples:
  lora-compile examples/tiny-qwen3/model --adapter examples/tiny-qwen3/adapter -o tiny
  ./tiny --ids 5,7,9 --generate 24
  ./tiny --ids 5,7,9 --logits logits.safetensors
  lora-compile ~/models/Qwen3-0.6B --adapter ~/adapters/style:0.7 --adapter ~/adapters/domain -o both

  lora-compile ~/models/Qwen3-0.6B --dtype bf16 --portable -o qwen3
  lora-compile ~/models/Qwen3-0.6B --march x86-64-v3 --dtype f32 -o qwen3-anywhere
  lora-compile ~/models/Qwen3-0.6B --emit kernels | less
  lora-compile ~/models/Qwen3-0.6B --run -- --chat

Compiled code is kept in $XDG_CACHE_HOME/lora-mlir/code (or ~/.cache/lora-mlir/code), up to 256 MiB. If the code of a model is
there, only the weights are computed, whatever their values are. LORA_CACHE=DIR selects another folder; LORA_CACHE=off or
--no-cache disables the cache. --run keeps whole programs in the folder programs beside it, up to 32 GiB.
)";

static int fail(const std::string &message) {
  llvm::errs() << "lora-compile: error: " << message << "\n";
  return 1;
}

static void report(const lora::CompileReport &made, llvm::StringRef file) {
  auto mebibytes = [](uint64_t bytes) {
    return llvm::format("%.1f MiB", double(bytes) / (1 << 20));
  };
  llvm::errs() << "lora-compile: " << file << ": " << mebibytes(made.fileBytes)
               << " ("
               << (made.codeWasCached ? "code from the cache " : "code ")
               << mebibytes(made.codeBytes) << ", " << made.parameters
               << " weights " << mebibytes(made.packBytes) << ") in "
               << llvm::format("%.1f s", made.seconds) << ", "
               << mebibytes(made.peakBytes) << " of memory at most\n";
  if (made.merge.largestChange > 0)
    llvm::errs() << "lora-compile: the adapter moves weights by at most "
                 << llvm::format("%.3g", made.merge.largestChange)
                 << "; rounding them moves them by at most "
                 << llvm::format("%.3g", made.merge.largestRounding) << "\n";
}

/// Replaces this process by a program. Returns only after a failure.
static int execute(const std::string &path,
                   const std::vector<std::string> &arguments) {
  std::vector<char *> list = {const_cast<char *>(path.c_str())};
  for (const std::string &argument : arguments)
    list.push_back(const_cast<char *>(argument.c_str()));
  list.push_back(nullptr);
  llvm::outs().flush();
  execv(path.c_str(), list.data());
  return fail(path + ": cannot be run: " + lora_rt::systemMessage(errno));
}

int main(int argc, char **argv) {
  lora::beginTool("lora-compile");
  // What stands after "--" is for the program of --run.
  std::vector<std::string> programArguments;
  for (int i = 1; i < argc; ++i)
    if (llvm::StringRef(argv[i]) == "--") {
      programArguments.assign(argv + i + 1, argv + argc);
      argc = i;
      break;
    }
  cl::OptionCategory category("Options of lora-compile");
  cl::opt<std::string> folder(cl::Positional, cl::Required,
                              cl::desc("MODEL_DIR"), cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("The program to write"),
                              cl::value_desc("FILE"), cl::cat(category));
  cl::list<std::string> adapters(
      "adapter",
      cl::desc("A PEFT folder with a LoRA adapter, and the factor for it "
               "(default: 1); several adapters are added"),
      cl::value_desc("DIR[:WEIGHT]"), cl::cat(category));
  cl::opt<bool> unmerged("unmerged",
                         cl::desc("Do not merge adapters into the weights"),
                         cl::cat(category));
  cl::opt<std::string> dtype(
      "dtype",
      cl::desc("Type to compute in: f32 or bf16 (default: the checkpoint's; "
               "F16 becomes f32)"),
      cl::value_desc("f32|bf16"), cl::cat(category));
  cl::opt<std::string> march(
      "march",
      cl::desc("The CPU to compile for: native (default), x86-64-v2, -v3, "
               "-v4, or a name such as znver4"),
      cl::value_desc("CPU"), cl::init("native"), cl::cat(category));
  cl::opt<bool> portable("portable",
                         cl::desc("Store oneDNN and OpenMP inside the program"),
                         cl::cat(category));
  cl::opt<bool> noText("no-text",
                       cl::desc("Leave off the tokenizer and what belongs to "
                                "it; the program then takes token ids alone"),
                       cl::cat(category));
  cl::list<int64_t> tokens(
      "tokens",
      cl::desc("Numbers of tokens to compile for; other numbers are split and "
               "padded to these (default: 1,16,128; for an encoder 16,128 and "
               "its longest sequence, up to 512)"),
      cl::value_desc("N,..."), cl::CommaSeparated, cl::cat(category));
  cl::opt<lora::Kernels> kernels(
      "kernels", cl::desc("What computes matrix products"),
      cl::init(lora::Kernels::OneDNN), cl::cat(category),
      cl::values(clEnumValN(lora::Kernels::OneDNN, "onednn",
                            "oneDNN, on packed weights (default)"),
                 clEnumValN(lora::Kernels::Linalg, "linalg",
                            "generated code only: slow, for comparison")));
  cl::opt<lora::Stage> emit(
      "emit", cl::desc("Print a stage instead of writing a program"),
      cl::cat(category),
      cl::values(
          clEnumValN(lora::Stage::Graph, "graph",
                     "the graph, with the adapter merged or fused"),
          clEnumValN(lora::Stage::Kernels, "kernels",
                     "loops, primitives and planned memory"),
          clEnumValN(lora::Stage::LLVMIR, "llvm", "optimised LLVM IR"),
          clEnumValN(lora::Stage::Assembly, "asm", "assembly of the target")));
  cl::opt<bool> noCache("no-cache",
                        cl::desc("Generate code without the cache of code"),
                        cl::cat(category));
  cl::opt<bool> run("run",
                    cl::desc("Compile to the cache, if the program is not "
                             "there already, and run it with what stands "
                             "after --"),
                    cl::cat(category));
  cl::opt<bool> quiet("quiet", cl::desc("Print only errors"),
                      cl::cat(category));
  cl::OptionCategory mlirCategory("Options of MLIR");
  lora::registerInstrumentationOptions(argc, argv, mlirCategory);
  cl::HideUnrelatedOptions({&category, &mlirCategory});
  if (std::string mistake = lora::parseCommandLine(argc, argv, overview);
      !mistake.empty())
    return fail(mistake);
  if (std::string error = lora::completeMLIROptions(); !error.empty())
    return fail(error);

  lora::ModelOptions options;
  options.modelFolder = folder;
  options.instrumentation = lora::Instrumentation::fromOptions();
  for (const std::string &text : adapters) {
    auto adapter = lora::parseWeightedAdapter(text);
    if (!adapter)
      return fail("--adapter: " + adapter.message());
    options.adapters.push_back(std::move(*adapter));
  }
  options.merge = !unmerged;
  options.march = march;
  options.kernels = kernels;
  options.portable = portable;
  options.text = !noText;
  if (unmerged && adapters.empty())
    return fail("--unmerged: there is no --adapter to keep apart");
  if (!dtype.empty()) {
    options.dtype = lora_rt::parseManifestName(dtype.getValue());
    if (options.dtype != lora_rt::DType::F32 &&
        options.dtype != lora_rt::DType::BF16)
      return fail("--dtype: expected f32 or bf16, but got '" + dtype + "'");
  }
  if (!tokens.empty())
    for (int64_t count : tokens)
      if (!llvm::is_contained(options.tokens, count))
        options.tokens.push_back(count);
  for (int64_t count : options.tokens)
    if (count < 1)
      return fail("--tokens: expected positive numbers, but got " +
                  std::to_string(count));
  if (run && !output.empty())
    return fail("--run and -o: give one of them; --run keeps the program in "
                "the cache");
  if (run && emit.getNumOccurrences())
    return fail("--run and --emit: give one of them");
  if (!run && !programArguments.empty())
    return fail("'" + programArguments.front() +
                "' stands after --, which is for the program of --run");
  bool runs = run;
  // Compiling resets the options, so they are copied: see translateToNative.
  std::string file = output;
  bool isQuiet = quiet;
  bool usesCache = !noCache && !lora::hasInstrumentationOptions();
  if (!isQuiet)
    options.progress = [](const std::string &text) {
      llvm::errs() << "lora-compile: " << text << "\n";
    };
  options.warning = [](const std::string &text) {
    llvm::errs() << "lora-compile: note: " << text << "\n";
  };

  if (emit.getNumOccurrences()) {
    auto text = lora::printModel(options, emit);
    if (!text)
      return fail(text.message());
    llvm::outs() << *text;
    return 0;
  }
  if (file.empty() && !runs)
    return fail("give the program a name: -o FILE; or run it with --run");
  std::optional<lora::Cache> cache;
  if (usesCache)
    cache =
        lora::Cache::open("code", lora::Cache::kDefaultLimit, options.warning);
  options.codeCache = cache ? &*cache : nullptr;
  if (runs) {
    auto program = lora::compileToCache(options);
    if (!program)
      return fail(program.message());
    if (!isQuiet && !program->wasCached)
      report(program->report, program->path);
    return execute(program->path, programArguments);
  }
  auto made = lora::compileModel(options, file);
  if (!made)
    return fail(made.message());
  if (!isQuiet)
    report(*made, file);
  return 0;
}
