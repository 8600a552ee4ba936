//===- Options.cpp - The command line -------------------------------------===//
//
// Declares the options with CLI11 and checks how they are combined. CLI11's
// exceptions end in this file.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/CommandLine.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace lora_rt::cli {

namespace {

std::string baseName(const std::string &path) {
  return path.substr(path.rfind('/') + 1);
}

std::string examples(const std::string &program, bool takesFile) {
  std::string call = program + (takesFile ? " model.bin" : "");
  return "Examples:\n"
         "  " +
         call +
         " --ids 5,7,9 --generate 24\n"
         "      continues the tokens 5, 7, 9 with the 24 most likely ones\n"
         "  " +
         call +
         " --ids 5,7,9 --logits out.safetensors\n"
         "      writes the logits of each token\n"
         "  " +
         call +
         " --ids 5,7,9 --ids 4,2 --token-types 0,0,1 --token-types 0,1 "
         "--logits out.safetensors\n"
         "      the same for a batch of two rows, with a model that has token "
         "types\n"
         "  " +
         call +
         " --ids 5,7,9 --generate 24 --time\n"
         "      also prints how long it took, and how close to this machine's "
         "limits that is\n";
}

/// Tasks that were asked for, by their options. There must be at most one.
using Tasks = std::vector<std::pair<Task, std::string>>;

void addTask(CLI::App &app, Tasks &tasks, Task task, const std::string &name,
             const std::string &help) {
  app.add_flag_callback(
         name, [&tasks, task, name] { tasks.push_back({task, name}); }, help)
      ->group("Tasks");
}

void declareTasks(CLI::App &app, Options &options, Tasks &tasks) {
  addTask(app, tasks, Task::Info, "--info",
          "Describe the file, and run nothing");
  addTask(app, tasks, Task::Tokenize, "--tokenize",
          "Print the ids and the pieces of the prompt as JSON");
  addTask(app, tasks, Task::Detokenize, "--detokenize",
          "Print the text of --ids, exactly");
  app.add_option("--render", options.render,
                 "Print what the chat template makes of a conversation: a JSON "
                 "object with messages, and optionally tools, "
                 "add_generation_prompt and others")
      ->type_name("FILE.json")
      ->each([&tasks](const std::string &) {
        tasks.push_back({Task::Render, "--render"});
      })
      ->group("Tasks");
}

void declarePrompt(CLI::App &app, Options &options, bool takesFile) {
  if (takesFile)
    app.add_option("FILE", options.file, "A file that lora-compile made")
        ->required();
  app.add_option("PROMPT", options.prompt,
                 "The text to start with (default: standard input, if that is "
                 "not a terminal)");
  app.add_option("--prompt-file", options.promptFile,
                 "The bytes of this file are the prompt, a line end at the end "
                 "included; - is standard input")
      ->type_name("FILE")
      ->group("Text");
  app.add_flag("--no-special", options.noSpecial,
               "With --tokenize: without the special tokens that the tokenizer "
               "adds by itself")
      ->group("Text");
  app.add_flag("--skip-special", options.skipSpecial,
               "With --detokenize: without special tokens")
      ->group("Text");
}

void declareIds(CLI::App &app, Options &options) {
  // Each of these options takes one text, so that FILE may come after it.
  app.add_option("--ids", options.ids,
                 "Token ids of the prompt, separated by commas; if given "
                 "several times, each is a row of a batch")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--ids-file", options.idsFile,
                 "A file with the token ids of a row on each line, for more "
                 "than a command line holds");
  app.add_option("--token-types", options.tokenTypes,
                 "The type of each token of a row, separated by commas; one "
                 "for each row of --ids, of the same length (default: all 0)")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--generate", options.generate,
                 "Print this many most likely next token ids, on one line for "
                 "each row")
      ->check(nonNegativeNumber());
  app.add_flag("--stop-at-eos", options.stopAtEos,
               "End --generate after an end-of-sequence token");
  app.add_option(
      "--logits", options.logits,
      "Write the logits of all tokens to this safetensors file (tensor logits "
      "[rows, tokens, outputs], for sequence classification [rows, labels]; "
      "last_hidden_state if the model has no head; F32)");
  app.add_option(
      "--hidden", options.hidden,
      "Write the final hidden states of all tokens to this safetensors "
      "file (tensor last_hidden_state [rows, tokens, hidden size], F32)");
  app.add_option(
      "--compare", options.compare,
      "Compare the logits with FILE.safetensors:TENSOR and print the "
      "largest errors");
  app.add_option("--tolerance", options.tolerance,
                 "With --compare: fail if max|a-b| is above this");
  app.add_option("--relative-tolerance", options.relativeTolerance,
                 "With --compare: fail if max|a-b| / max|b| is above this");
  app.add_option(
         "--context", options.context,
         "Most tokens of prompt and continuation together (default: 4096, or "
         "the model's limit if that is smaller); the cache is allocated for "
         "this number (encoders have no cache and no such limit)")
      ->check(positiveNumber());
  app.add_option(
         "--threads", options.threads,
         "Threads to use (default: the cores that this process may use)")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--time{times}", options.time,
               "Print times, rates and peak memory to standard error; "
               "--time=ops also prints where the time went")
      ->check(CLI::IsMember({"times", "ops"}))
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.add_flag(
      "--verify", options.verify,
      "Verify the checksums of the program and of every weight before the run");
  app.add_flag("--quiet,-q", options.quiet,
               "Do not print how much memory is needed");
}

} // namespace

int runMain(int argc, char **argv, const std::string &ownFile) {
  Options options;
  options.file = ownFile;
  bool takesFile = ownFile.empty();
  std::string program = argc > 0 ? baseName(argv[0]) : "lora-run";
  CLI::App app(
      "Runs a compiled model: text or token ids in; text, logits, hidden "
      "states or a continuation out.",
      program);
  app.footer(examples(program, takesFile));
  Tasks tasks;
  declarePrompt(app, options, takesFile);
  declareTasks(app, options, tasks);
  declareIds(app, options);
  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return 1;
  }
  if (std::optional<int> code = parse(app, argc, argv, program + ": "))
    return *code;
  if (tasks.size() > 1) {
    std::fprintf(stderr, "%s: %s and %s: give one of them\n", program.c_str(),
                 tasks[0].second.c_str(), tasks[1].second.c_str());
    return 1;
  }
  if (!tasks.empty())
    options.task = tasks[0].first;
  if (Error error = run(options)) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.message().c_str());
    return 1;
  }
  return 0;
}

} // namespace lora_rt::cli
