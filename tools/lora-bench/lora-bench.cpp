//===- lora-bench.cpp - Speed and memory, against the machine's limits ----===//
//
// Each subcommand reads its part of the command line and makes one library
// call. Results go to standard output, progress to standard error.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/Benchmark.h"
#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "lora-mlir/Bench/Shapes.h"
#include "lora-mlir/Bench/TokenizerBenchmark.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/CommandLine.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

using lora_rt::Error;
using namespace lora::bench;

static constexpr const char *overview =
    R"(Measures how fast compiled models run, as a share of what the machine can do

Nothing is downloaded: models have a published shape and random weights. docs/performance.md explains each figure.)";

static constexpr const char *example = R"(Examples:
  lora-bench run qwen2.5-0.5b
  lora-bench run llama-3.2-1b --full --json results.json --svg shares.svg
  lora-bench run ~/models/Qwen3-0.6B --adapter ~/adapters/mine --peers --python ~/venv/bin/python
  lora-bench machine
  lora-bench tokenize ~/models/Qwen3-0.6B
  lora-bench checkpoint llama-3.1-8b /tmp/llama-8b --adapter 16)";

/// The action of a subcommand. The results contain the command line. main
/// prints an error.
using Action = std::function<Error(const std::string &commandLine)>;

static void printProgress(const std::string &text) {
  std::fprintf(stderr, "lora-bench: %s\n", text.c_str());
}

static std::string shapeNames() {
  std::string names;
  for (const Shape &shape : shapes())
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
  return names;
}

static std::vector<std::string> dtypes(bool ofCheckpoint) {
  return ofCheckpoint ? std::vector<std::string>{"bf16", "f32", "f16"}
                      : std::vector<std::string>{"bf16", "f32"};
}

/// Files for the results, in addition to standard output.
struct Outputs {
  std::string json, svg;
  bool quiet = false;
};

static void addOutputs(CLI::App &command, Outputs &outputs, bool withSvg) {
  command.add_option("--json", outputs.json, "Write all figures to this file")
      ->type_name("FILE");
  if (withSvg)
    command
        .add_option("--svg", outputs.svg,
                    "Write a chart of the shares of the limits to this file")
        ->type_name("FILE");
  command.add_flag("--quiet,-q", outputs.quiet, "Do not print progress");
}

/// Prints results, and writes them as JSON.
template <typename Results>
static Error publishText(const Results &results, const Outputs &outputs) {
  std::string text = toText(results);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return outputs.json.empty()
             ? Error::success()
             : lora_rt::writeTextFile(outputs.json, toJson(results));
}

static Error publish(const Results &results, const Outputs &outputs) {
  if (Error error = publishText(results, outputs))
    return error;
  if (!outputs.svg.empty())
    return lora_rt::writeTextFile(outputs.svg, toSvg(results));
  return Error::success();
}

/// The path that the name of a model means; empty if it is the name of a shape.
static std::string inputOf(const std::string &model) {
  for (const Shape &shape : shapes())
    if (shape.name == model)
      return "";
  return model;
}

/// Results are written at the end, so their paths are checked first.
static Error checkOutputs(const Outputs &outputs,
                          std::vector<std::string> inputs) {
  if (Error error = lora_rt::checkOutputFile(outputs.json, inputs))
    return error;
  if (!outputs.json.empty() && outputs.svg == outputs.json)
    return lora_rt::makeError(lora_rt::ErrorCode::InvalidArgument, outputs.svg,
                              ": --json and --svg are one file");
  return lora_rt::checkOutputFile(outputs.svg, inputs);
}

static void addCommon(CLI::App &command, CommonOptions &options) {
  command
      .add_option("--threads", options.threads,
                  "Threads (default: the cores that the process may use)")
      ->check(CLI::Range(1, 1024));
  command
      .add_option_function<double>(
          "--read-mib",
          [&options](double value) {
            options.readBytes = uint64_t(value * (1 << 20));
          },
          "Memory that is read twice to measure the bandwidth (default: many "
          "times the size of the caches)")
      ->type_name("MIB")
      ->check(lora_rt::cli::positiveNumber());
}

static CLI::Option *addNumbers(CLI::App &command, const char *name,
                               std::vector<int64_t> &numbers,
                               const char *what) {
  return command.add_option(name, numbers, what)
      ->delimiter(',')
      ->check(lora_rt::cli::positiveNumber())
      ->type_name("N,...");
}

static Action addCheckpoint(CLI::App &app) {
  struct Arguments {
    std::string shape, dtype;
    CheckpointOptions options;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "checkpoint", "Writes a random checkpoint of a published shape");
  command.footer("Shapes: " + shapeNames());
  command
      .add_option("SHAPE", arguments->shape,
                  "The name of a shape, or a config.json, or its folder")
      ->required();
  command
      .add_option("OUT", arguments->options.folder,
                  "Folder to write: OUT/model and OUT/adapter")
      ->required();
  command
      .add_option("--dtype", arguments->dtype,
                  "Type of the weights (default: the config's)")
      ->check(CLI::IsMember(dtypes(/*ofCheckpoint=*/true)));
  command
      .add_option("--adapter", arguments->options.rank,
                  "Also write a LoRA adapter of this rank on every linear "
                  "layer of the blocks")
      ->type_name("RANK")
      ->check(lora_rt::cli::positiveNumber());
  command.add_option("--seed", arguments->options.seed,
                     "Seed of the random weights");
  return [arguments](const std::string &) {
    CheckpointOptions &options = arguments->options;
    if (Error error =
            lora_rt::checkOutput(options.folder, {inputOf(arguments->shape)}))
      return error;
    auto shape = findShape(arguments->shape);
    if (!shape)
      return shape.takeError();
    options.config = shape->config;
    options.where = shape->name;
    options.progress = printProgress;
    if (!arguments->dtype.empty())
      options.dtype = lora_rt::parseManifestName(arguments->dtype);
    auto facts = writeRandomCheckpoint(options);
    if (!facts)
      return facts.takeError();
    std::printf("%s: %lld parameters, %llu bytes, %zu file%s\n",
                facts->modelFolder.c_str(), (long long)facts->parameters,
                (unsigned long long)facts->bytes, facts->shards,
                facts->shards == 1 ? "" : "s");
    if (!facts->adapterFolder.empty())
      std::printf("%s: %lld parameters on %lld linear layers\n",
                  facts->adapterFolder.c_str(),
                  (long long)facts->adapterParameters,
                  (long long)facts->branches);
    return Error::success();
  };
}

static Action addMachine(CLI::App &app) {
  struct Arguments {
    std::string dtype;
    MachineOptions options;
    Outputs outputs;
  };
  auto arguments = std::make_shared<Arguments>();
  MachineOptions &options = arguments->options;
  CLI::App &command = *app.add_subcommand(
      "machine",
      "Measures how fast the machine reads memory and multiplies matrices");
  command.footer("Shapes: " + shapeNames());
  command
      .add_option("--model", options.model,
                  "Multiply the matrices of this shape, or of a config.json")
      ->capture_default_str();
  addNumbers(command, "--tokens", options.tokens, "Rows of the other matrix")
      ->capture_default_str();
  command.add_option("--dtype", arguments->dtype, "One type (default: both)")
      ->check(CLI::IsMember(dtypes(/*ofCheckpoint=*/false)));
  command
      .add_option("--repetitions", options.repetitions,
                  "Number of rounds; the median is reported")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  addCommon(command, options);
  addOutputs(command, arguments->outputs, /*withSvg=*/true);
  return [arguments](const std::string &commandLine) {
    MachineOptions &options = arguments->options;
    if (Error error =
            checkOutputs(arguments->outputs, {inputOf(options.model)}))
      return error;
    options.command = commandLine;
    if (!arguments->dtype.empty())
      options.types = {*lora_rt::parseManifestName(arguments->dtype)};
    if (!arguments->outputs.quiet)
      options.progress = printProgress;
    auto results = measureMachine(options);
    return results ? publish(*results, arguments->outputs)
                   : results.takeError();
  };
}

static Action addTokenize(CLI::App &app) {
  struct Arguments {
    TokenizerOptions options;
    Outputs outputs;
  };
  auto arguments = std::make_shared<Arguments>();
  TokenizerOptions &options = arguments->options;
  CLI::App &command = *app.add_subcommand(
      "tokenize",
      "Measures how fast a tokenizer converts texts, on one thread");
  command
      .add_option("TOKENIZER", options.tokenizer,
                  "A model's folder, a tokenizer.json, or a tokenizer.model")
      ->required();
  command
      .add_option("--text", options.textFile,
                  "Measure this text (default: a made-up one, and texts of "
                  "one letter, spaces, emoji and the like)")
      ->type_name("FILE");
  command
      .add_option_function<double>(
          "--megabytes",
          [&options](double value) { options.bytes = uint64_t(value * 1e6); },
          "The size of the made-up texts (default: 10)")
      ->type_name("MB")
      ->check(CLI::Range(1e-4, 1000.0));
  command
      .add_option("--repetitions", options.repetitions,
                  "Number of rounds; the least time is reported")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--peers", options.peers,
                   "Also measure the Python package tokenizers, if it is "
                   "installed");
  command
      .add_option("--python", options.python,
                  "The interpreter that has tokenizers")
      ->capture_default_str();
  addOutputs(command, arguments->outputs, /*withSvg=*/false);
  return [arguments](const std::string &commandLine) {
    TokenizerOptions &options = arguments->options;
    if (Error error = checkOutputs(arguments->outputs,
                                   {options.tokenizer, options.textFile}))
      return error;
    options.command = commandLine;
    if (!arguments->outputs.quiet)
      options.progress = printProgress;
    auto results = measureTokenizer(options);
    return results ? publishText(*results, arguments->outputs)
                   : results.takeError();
  };
}

static Action addRun(CLI::App &app) {
  struct Arguments {
    std::string dtype;
    RunOptions options;
    Outputs outputs;
  };
  auto arguments = std::make_shared<Arguments>();
  RunOptions &options = arguments->options;
  CLI::App &command = *app.add_subcommand(
      "run", "Compiles a model and measures it: base, merged and unmerged");
  command.footer("Shapes: " + shapeNames());
  command
      .add_option(
          "MODEL", options.model,
          "The name of a shape, a config.json, or a folder with a checkpoint")
      ->required();
  command
      .add_option("--adapter", options.adapterFolder,
                  "PEFT folder for a checkpoint (default: a random adapter)")
      ->type_name("DIR");
  command
      .add_option(
          "--rank", options.rank,
          "Rank of the random adapter; 0 to measure only the base model")
      ->check(lora_rt::cli::nonNegativeNumber())
      ->capture_default_str();
  command
      .add_option(
          "--dtype", arguments->dtype,
          "Type of the weights and of the computation (default: the config's)")
      ->check(CLI::IsMember(dtypes(/*ofCheckpoint=*/false)));
  addNumbers(
      command, "--tokens", options.tokens,
      "Lengths of prompts, or of an encoder's rows (default: 17,128,512; with "
      "--full 1,17,128,512,2048; for an encoder 16,128,512)");
  addNumbers(command, "--contexts", options.contexts,
             "Numbers of tokens before the one that is decoded (default: "
             "1,512; with --full 1,512,4096)");
  command.add_flag("--full", options.full,
                   "More sizes, five rounds and three compilations");
  command
      .add_option("--repetitions", options.repetitions,
                  "Number of rounds; the median is reported (default: 3)")
      ->check(CLI::Range(1, 1000));
  addNumbers(command, "--compile-tokens", options.compileTokens,
             "Numbers of tokens to compile for (default: lora-compile's)");
  command
      .add_option("--against", options.against,
                  "Also measure the programs of another build, in the same "
                  "rounds; DIR contains its lora-compile")
      ->type_name("DIR");
  command.add_flag_callback(
      "--best", [&options] { options.statistic = Statistic::Best; },
      "Compare the shortest times with the best limits instead of medians; for "
      "a machine that also runs other work");
  command
      .add_option("--compile-repetitions", options.compileRepetitions,
                  "How often each variant is compiled (default: 1)")
      ->check(CLI::Range(1, 1000));
  addCommon(command, options);
  command
      .add_option("--work", options.workFolder,
                  "Where to create the folder for models and compiled files "
                  "(default: the folder for temporary files)")
      ->type_name("DIR");
  command.add_flag("--keep", options.keeps, "Do not remove that folder");
  command.add_flag("--peers", options.peers,
                   "Also measure PyTorch and PEFT, ONNX Runtime and llama.cpp, "
                   "if they are installed");
  command
      .add_option("--python", options.python,
                  "The interpreter that has torch, transformers, peft, "
                  "onnxruntime")
      ->capture_default_str();
  addOutputs(command, arguments->outputs, /*withSvg=*/true);
  return [arguments, &command](const std::string &commandLine) {
    RunOptions &options = arguments->options;
    std::vector<std::string> inputs = {inputOf(options.model),
                                       options.adapterFolder};
    if (Error error = checkOutputs(arguments->outputs, inputs))
      return error;
    if (Error error = lora_rt::checkOutput(options.workFolder, inputs))
      return error;
    options.command = commandLine;
    if (!arguments->dtype.empty())
      options.dtype = lora_rt::parseManifestName(arguments->dtype);
    if (options.full && !command.count("--repetitions"))
      options.repetitions = 5;
    if (options.full && !command.count("--compile-repetitions"))
      options.compileRepetitions = 3;
    if (!arguments->outputs.quiet)
      options.progress = printProgress;
    auto results = runBenchmark(options);
    return results ? publish(*results, arguments->outputs)
                   : results.takeError();
  };
}

int main(int argc, char **argv) {
  lora::beginTool("lora-bench");
  CLI::App app(overview, "lora-bench");
  app.footer(example);
  app.require_subcommand(1);
  std::map<std::string, Action> actions = {{"run", addRun(app)},
                                           {"machine", addMachine(app)},
                                           {"tokenize", addTokenize(app)},
                                           {"checkpoint", addCheckpoint(app)}};
  if (std::optional<int> code =
          lora_rt::cli::parse(app, argc, argv, "lora-bench: error: "))
    return *code;
  std::string commandLine = "lora-bench";
  for (int i = 1; i < argc; ++i)
    commandLine += std::string(" ") + argv[i];
  const std::string &name = app.get_subcommands().front()->get_name();
  if (Error error = actions[name](commandLine)) {
    std::fflush(stdout);
    std::fprintf(stderr, "lora-bench: error: %s\n", error.message().c_str());
    return 1;
  }
  return 0;
}
