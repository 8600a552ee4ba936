//===- lora-adapter.cpp - The algebra of adapters -------------------------===//
//
// Each subcommand reads its part of the command line and makes one library
// call. Results go to standard output, progress and warnings to standard error.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Algebra.h"
#include "lora-mlir/Adapter/Convert.h"
#include "lora-mlir/Adapter/Inspect.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "lora-runtime/CommandLine.h"
#include "lora-runtime/File.h"
#include "lora-runtime/OutputPath.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>

using lora_rt::Error;

static constexpr const char *overview =
    R"(Inspects PEFT LoRA adapters, merges them into models, and removes them again

MODEL_DIR is a Hugging Face folder, ADAPTER_DIR a PEFT folder. An output folder appears when it is complete. A folder that
exists and is not empty is not changed. In place of a model folder, merge, unmerge and switch also accept a file that
lora-compile wrote; they then write another such file. docs/lora-adapter.md has examples of every command.)";

static constexpr const char *example = R"(Example:
  lora-adapter merge examples/tiny-qwen3/model examples/tiny-qwen3/adapter -o /tmp/merged --exact
  lora-adapter unmerge /tmp/merged examples/tiny-qwen3/adapter -o /tmp/original
  cmp /tmp/original/model.safetensors examples/tiny-qwen3/model/model.safetensors)";

/// The action of a subcommand; main prints an error.
using Action = std::function<Error()>;

static lora::Reporting reporting() {
  lora::Reporting to;
  to.progress = [](const std::string &text) {
    std::fprintf(stderr, "lora-adapter: %s\n", text.c_str());
  };
  to.warning = [](const std::string &text) {
    std::fprintf(stderr, "lora-adapter: warning: %s\n", text.c_str());
  };
  return to;
}

static void print(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

/// Prints a report and writes it to a file, if there is one.
static Error publish(const lora::RoundingReport &report,
                     const std::string &file) {
  print(report.text());
  return file.empty() ? Error::success()
                      : lora_rt::writeTextFile(file, report.json());
}

/// The report is written at the end, so its path is checked first. It may be in
/// the folder that is written.
static Error checkReport(const std::string &file, const std::string &output,
                         const std::vector<std::string> &inputs) {
  std::error_code code;
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!file.empty() && !folder.empty() &&
      std::filesystem::weakly_canonical(folder, code) ==
          std::filesystem::weakly_canonical(output, code))
    return Error::success();
  return lora_rt::checkOutputFile(file, inputs);
}

constexpr const char *kModelOutput =
    "Folder to write, new or empty; for a compiled file, a file";

static void addOutput(CLI::App &command, std::string &output,
                      const char *what = "Folder to write; new, or empty") {
  command.add_option("-o,--output", output, what)->required();
}

static void addReport(CLI::App &command, std::string &file) {
  command.add_option("--report", file,
                     "Write the rounding errors to this file, as JSON");
}

static Action addInspect(CLI::App &app) {
  struct Arguments {
    std::string adapter, model;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "inspect", "Says what an adapter is, and whether it fits a model");
  command.add_option("ADAPTER_DIR", arguments->adapter)->required();
  command.add_option("--base", arguments->model,
                     "Model folder to try it on; exit code 1 if it does not "
                     "fit");
  command.add_flag("--json", arguments->json, "Write JSON");
  return [arguments] {
    auto facts =
        lora::inspectAdapter(arguments->adapter, arguments->model, reporting());
    if (!facts)
      return facts.takeError();
    print(arguments->json ? facts->json() : facts->text());
    if (!facts->misfit.empty())
      return lora_rt::makeError(lora_rt::ErrorCode::InvalidArgument,
                                arguments->adapter, " does not fit ",
                                arguments->model);
    return Error::success();
  };
}

static Action addMerge(CLI::App &app) {
  struct Arguments {
    lora::MergeOptions options;
    std::string report;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command =
      *app.add_subcommand("merge", "Writes the model with the adapter in its "
                                   "weights, rounded once");
  command
      .add_option("MODEL_DIR", arguments->options.modelFolder,
                  "Model folder, or compiled file without an adapter")
      ->required();
  command.add_option("ADAPTER_DIR", arguments->options.adapterFolder)
      ->required();
  addOutput(command, arguments->options.outputFolder, kModelOutput);
  command.add_flag("--exact", arguments->options.exact,
                   "Also keep what rounding lost, for unmerge and switch");
  addReport(command, arguments->report);
  return [arguments] {
    const lora::MergeOptions &options = arguments->options;
    if (Error error = checkReport(arguments->report, options.outputFolder,
                                  {options.modelFolder, options.adapterFolder}))
      return error;
    auto report = lora::mergeModel(options, reporting());
    return report ? publish(*report, arguments->report) : report.takeError();
  };
}

static Action addUnmerge(CLI::App &app) {
  struct Arguments {
    lora::UnmergeOptions options;
    std::string report;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "unmerge", "Takes an adapter out of a merged model: exactly, if it was "
                 "merged with --exact");
  command
      .add_option("MERGED_DIR", arguments->options.mergedFolder,
                  "Model folder, or compiled file with an adapter")
      ->required();
  command
      .add_option("ADAPTER_DIR", arguments->options.adapterFolder,
                  "The adapter that was merged")
      ->required();
  addOutput(command, arguments->options.outputFolder, kModelOutput);
  addReport(command, arguments->report);
  return [arguments] {
    const lora::UnmergeOptions &options = arguments->options;
    if (Error error =
            checkReport(arguments->report, options.outputFolder,
                        {options.mergedFolder, options.adapterFolder}))
      return error;
    auto result = lora::unmergeModel(options, reporting());
    if (!result)
      return result.takeError();
    if (!result->exact)
      return publish(result->report, arguments->report);
    print("exact: every tensor has the original's bits\n");
    return Error::success();
  };
}

static Action addSwitch(CLI::App &app) {
  struct Arguments {
    lora::SwitchOptions options;
    std::string report;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "switch",
      "Exchanges the adapter in a merged model, without the original");
  command
      .add_option("MERGED_DIR", arguments->options.mergedFolder,
                  "Model folder, or compiled file with an adapter")
      ->required();
  command
      .add_option("--from", arguments->options.fromAdapter,
                  "The adapter that was merged")
      ->required();
  command
      .add_option("--to", arguments->options.toAdapter,
                  "The adapter to merge in its place")
      ->required();
  addOutput(command, arguments->options.outputFolder, kModelOutput);
  command.add_option("--base", arguments->options.modelFolder,
                     "The original model, to compare with a fresh merge; for a "
                     "compiled file, the file without an adapter");
  addReport(command, arguments->report);
  return [arguments] {
    const lora::SwitchOptions &options = arguments->options;
    if (Error error = checkReport(arguments->report, options.outputFolder,
                                  {options.mergedFolder, options.fromAdapter,
                                   options.toAdapter, options.modelFolder}))
      return error;
    auto result = lora::switchModel(options, reporting());
    if (!result)
      return result.takeError();
    if (Error error = publish(result->report, arguments->report))
      return error;
    if (result->exact)
      print("exact: the same bits as a fresh merge\n");
    if (result->difference)
      std::printf(
          "against a fresh merge: %lld of %lld elements differ, by %.3g "
          "at most; %.3g %% of the adapter's change\n",
          static_cast<long long>(result->difference->different),
          static_cast<long long>(result->difference->elements),
          result->difference->largest, 100 * result->difference->share);
    return Error::success();
  };
}

static Action addCombine(CLI::App &app) {
  struct Arguments {
    lora::CombineOptions options;
    std::vector<std::string> adapters;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "combine", "Writes the weighted sum of adapters as one adapter");
  command
      .add_option("ADAPTER_DIR[:WEIGHT]", arguments->adapters,
                  "Adapters, each with the factor for it (default: 1)")
      ->required();
  addOutput(command, arguments->options.outputFolder);
  command
      .add_option("--rank", arguments->options.rank,
                  "Truncate the sum to this rank (default: the sum of ranks)")
      ->check(lora_rt::cli::positiveNumber());
  return [arguments] {
    for (const std::string &text : arguments->adapters) {
      auto adapter = lora::parseWeightedAdapter(text);
      if (!adapter)
        return adapter.takeError();
      arguments->options.adapters.push_back(std::move(*adapter));
    }
    auto report = lora::combineAdapters(arguments->options, reporting());
    if (!report)
      return report.takeError();
    print(report->text());
    return Error::success();
  };
}

static Action addDiff(CLI::App &app) {
  auto options = std::make_shared<lora::DiffOptions>();
  CLI::App &command = *app.add_subcommand(
      "diff", "Writes the difference of two models as an adapter");
  command.add_option("BASE_DIR", options->baseFolder)->required();
  command.add_option("TUNED_DIR", options->tunedFolder)->required();
  addOutput(command, options->outputFolder);
  command.add_option("--rank", options->rank, "Rank of each linear layer's")
      ->required()
      ->check(lora_rt::cli::positiveNumber());
  command.add_flag(
      "--save-modules", options->saveModules,
      "Store other tensors that differ as a whole (modules_to_save)");
  return [options] {
    auto report = lora::diffModels(*options, reporting());
    if (!report)
      return report.takeError();
    print(report->text());
    return Error::success();
  };
}

/// Parses "c_attn=101".
static std::optional<std::pair<std::string, std::vector<bool>>>
parseFlags(const std::string &text) {
  size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return std::nullopt;
  std::vector<bool> flags;
  for (char digit : text.substr(equals + 1)) {
    if (digit != '0' && digit != '1')
      return std::nullopt;
    flags.push_back(digit == '1');
  }
  return std::pair(text.substr(0, equals), flags);
}

static Action addConvert(CLI::App &app) {
  struct Arguments {
    lora::ConvertOptions options;
    std::vector<std::string> flags;
    std::string format = "peft";
    double alpha = 0;
    CLI::Option *alphaOption = nullptr;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App &command = *app.add_subcommand(
      "convert", "Converts a loralib checkpoint or an adapter of mlx-lm to a "
                 "PEFT folder or back, or pads ranks");
  command
      .add_option("INPUT", arguments->options.input,
                  "A folder of PEFT or of mlx-lm, or a loralib checkpoint as "
                  "safetensors")
      ->required();
  addOutput(command, arguments->options.output,
            "Folder (PEFT, mlx) or file (loralib) to write");
  command.add_option("--to", arguments->format, "Format to write")
      ->check(CLI::IsMember({"peft", "loralib", "mlx"}))
      ->capture_default_str();
  arguments->alphaOption =
      command
          .add_option("--alpha", arguments->alpha,
                      "lora_alpha of a loralib checkpoint; for an adapter of "
                      "mlx-lm it replaces the scale")
          ->check(lora_rt::cli::nonNegativeNumber());
  command
      .add_option("--rank", arguments->options.rank,
                  "Pad every target to this rank with zeros; the scale "
                  "stays")
      ->check(lora_rt::cli::positiveNumber());
  command
      .add_option("--enable-lora", arguments->flags,
                  "The parts of a MergedLinear that have a branch, for example "
                  "c_attn=101")
      ->type_name("MODULE=FLAGS");
  command.add_option("--embedding", arguments->options.embeddings,
                     "Targets of a loralib checkpoint that are embeddings");
  command.add_option("--base", arguments->options.base,
                     "The model; needed if an adapter from or for mlx-lm does "
                     "not describe it fully");
  command.add_option("--prefix", arguments->options.prefix,
                     "The prefix that PEFT's names of targets have before "
                     "loralib's, for example transformer.");
  return [arguments] {
    for (const std::string &text : arguments->flags) {
      auto flags = parseFlags(text);
      if (!flags)
        return lora_rt::makeError(lora_rt::ErrorCode::InvalidArgument,
                                  "--enable-lora: expected MODULE=FLAGS as in "
                                  "c_attn=101, but got '",
                                  text, "'");
      arguments->options.enableLora.push_back(*flags);
    }
    if (arguments->alphaOption->count())
      arguments->options.alpha = arguments->alpha;
    arguments->options.format =
        arguments->format == "mlx"       ? lora::AdapterFormat::Mlx
        : arguments->format == "loralib" ? lora::AdapterFormat::Loralib
                                         : lora::AdapterFormat::Peft;
    auto report = lora::convertAdapter(arguments->options, reporting());
    if (!report)
      return report.takeError();
    std::printf("%lld targets\n", static_cast<long long>(report->targets));
    if (!report->ignored.empty())
      reporting().warning(std::to_string(report->ignored.size()) +
                          " tensors are not low-rank factors and were left "
                          "out: '" +
                          report->ignored.front() +
                          (report->ignored.size() > 1 ? "', ..." : "'"));
    return Error::success();
  };
}

int main(int argc, char **argv) {
  lora::beginTool("lora-adapter");
  CLI::App app(overview, "lora-adapter");
  app.footer(example);
  app.require_subcommand(1);
  std::map<std::string, Action> actions = {
      {"inspect", addInspect(app)}, {"merge", addMerge(app)},
      {"unmerge", addUnmerge(app)}, {"switch", addSwitch(app)},
      {"combine", addCombine(app)}, {"diff", addDiff(app)},
      {"convert", addConvert(app)}};
  if (std::optional<int> code =
          lora_rt::cli::parse(app, argc, argv, "lora-adapter: error: "))
    return *code;
  const std::string &name = app.get_subcommands().front()->get_name();
  if (Error error = actions[name]()) {
    std::fflush(stdout);
    std::fprintf(stderr, "lora-adapter: error: %s\n", error.message().c_str());
    return 1;
  }
  return 0;
}
