//===- lora-train.cpp - Fine-tunes an adapter -----------------------------===//
//
// Reads the command line, calls train, and prints a line for each step.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Support/Cache.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-mlir/Training/Trainer.h"
#include "lora-runtime/CommandLine.h"

#include <CLI/CLI.hpp>

#include <cstdio>

static constexpr const char *overview =
    R"(Fine-tunes a PEFT LoRA adapter on rows of token ids

MODEL_DIR is a Hugging Face folder; --adapter is a PEFT folder with the initial weights. Each line of --data is a row:
{"input_ids": [...], "labels": [...]}. Rows are used in order; after the last row, the first follows. The default labels are
the ids. A label of -100 is not counted. The loss of a step is the mean over the counted tokens of its rows. The optimizer is
AdamW. The folder --out must be new or empty. It gets log.csv with a line for each step, and at the end the trained adapter in
PEFT's format. After a run that fails, the folder contains only log.csv. docs/training.md has the rules.

Like lora-compile, it keeps compiled code in $XDG_CACHE_HOME/lora-mlir/code (or ~/.cache/lora-mlir/code). LORA_CACHE=DIR selects
another folder; LORA_CACHE=off or --no-cache disables the cache.

MLIR's options look into the compilation: --mlir-timing, --mlir-print-ir-after-all, --remarks-filter=REGEX and others.)";

static constexpr const char *example = R"(Example:
  lora-train examples/tiny-qwen3/model --adapter examples/tiny-qwen3/adapter \
    --data examples/tiny-qwen3/train.jsonl --out /tmp/tuned --steps 40 --batch-size 4 --lr 1e-2)";

int main(int argc, char **argv) {
  lora::beginTool("lora-train");
  lora::TrainingOptions options;
  std::vector<double> betas{options.optimizer.beta1, options.optimizer.beta2};
  std::string dtype;

  CLI::App app(overview, "lora-train");
  app.footer(example);
  app.add_option("MODEL_DIR", options.modelFolder,
                 "Folder with config.json and model.safetensors")
      ->required();
  app.add_option("--adapter", options.adapterFolder,
                 "PEFT folder with the initial adapter")
      ->required();
  app.add_option("--data", options.dataFile, "Rows of token ids, JSON Lines")
      ->required();
  app.add_option(
         "--out", options.outputFolder,
         "Folder for the trained adapter and log.csv; must be new or empty")
      ->required();
  app.add_option("--steps", options.steps, "Steps to take")
      ->required()
      ->check(lora_rt::cli::positiveNumber());
  app.add_option("--batch-size", options.batchSize, "Rows in each step")
      ->check(lora_rt::cli::positiveNumber())
      ->capture_default_str();
  app.add_option("--lr", options.optimizer.learningRate, "Learning rate")
      ->check(lora_rt::cli::nonNegativeNumber())
      ->capture_default_str();
  app.add_option("--betas", betas, "AdamW's decay rates, for example 0.9,0.98")
      ->delimiter(',')
      ->expected(2)
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--eps", options.optimizer.eps, "AdamW's epsilon")
      ->check(lora_rt::cli::nonNegativeNumber())
      ->capture_default_str();
  app.add_option("--weight-decay", options.optimizer.weightDecay,
                 "Decoupled weight decay")
      ->check(lora_rt::cli::nonNegativeNumber())
      ->capture_default_str();
  app.add_option("--clip", options.optimizer.clip,
                 "Largest global norm of the gradients (default: none)")
      ->check(lora_rt::cli::positiveNumber());
  app.add_option(
         "--dtype", dtype,
         "Type to compute in (default: the checkpoint's; F16 becomes f32)")
      ->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--threads", options.threads,
                 "Threads (default: the cores that the process may use)")
      ->check(CLI::Range(1, 1024));
  app.add_option(
         "--gradients", options.gradientsFile,
         "Write the first step's gradients, before clipping, to this file")
      ->type_name("FILE.safetensors");
  bool noCache = false;
  app.add_flag("--no-cache", noCache,
               "Generate code without the cache of code");
  bool helpHidden = false;
  app.add_flag_callback(
      "--help-hidden",
      [&] {
        helpHidden = true;
        throw CLI::CallForHelp();
      },
      "Print this help and the options of MLIR, and exit");
  std::vector<char *> arguments = lora::takeInstrumentationOptions(argc, argv);
  if (std::optional<int> code = lora_rt::cli::parse(
          app, int(arguments.size()), arguments.data(),
          "lora-train: error: ", lora::instrumentationOptionNames())) {
    std::fflush(stdout);
    if (helpHidden) {
      llvm::outs() << "\nOptions of MLIR:\n";
      lora::printInstrumentationOptions();
    }
    return *code;
  }
  if (std::string error = lora::completeMLIROptions(); !error.empty()) {
    std::fprintf(stderr, "lora-train: error: %s\n", error.c_str());
    return 1;
  }
  options.instrumentation = lora::Instrumentation::fromOptions();

  if (betas[0] >= 1 || betas[1] >= 1) {
    std::fprintf(stderr,
                 "lora-train: error: --betas: expected numbers below 1\n");
    return 1;
  }
  options.optimizer.beta1 = betas[0];
  options.optimizer.beta2 = betas[1];
  if (!dtype.empty())
    options.dtype = lora_rt::parseManifestName(dtype);
  options.progress = [](const std::string &text) {
    std::fprintf(stderr, "lora-train: %s\n", text.c_str());
  };
  std::optional<lora::Cache> cache;
  if (!noCache && !lora::hasInstrumentationOptions())
    cache =
        lora::Cache::open("code", lora::Cache::kDefaultLimit, options.progress);
  options.codeCache = cache ? &*cache : nullptr;
  options.report = [](const lora::StepReport &step) {
    std::printf("step %lld loss %.6f grad_norm %.4f tokens/s %.0f\n",
                static_cast<long long>(step.step), step.loss, step.gradientNorm,
                double(step.tokens) / step.seconds);
    std::fflush(stdout);
  };
  if (lora_rt::Error error = lora::train(options)) {
    std::fprintf(stderr, "lora-train: error: %s\n", error.message().c_str());
    return 1;
  }
  return 0;
}
