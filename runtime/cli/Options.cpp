//===- Options.cpp - The command line -------------------------------------===//
//
// Declares the options with CLI11 and checks how they are combined. CLI11's
// exceptions end in this file.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/CommandLine.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

namespace lora_rt::cli {

namespace {

std::string baseName(const std::string &path) {
  return path.substr(path.rfind('/') + 1);
}

std::string examples(const std::string &program, bool takesFile) {
  std::string call = "  " + program + (takesFile ? " model.bin" : ""),
              text = "Examples:\n";
  static constexpr std::pair<const char *, const char *> all[] = {
      {" \"Why is the sky blue?\" --max-tokens 100", "continues the text"},
      {" --chat", "holds a conversation"},
      {" --input prompts.jsonl --output answers.jsonl",
       "answers each line of a file"},
      {" --embed --input lines.txt --output vectors.safetensors",
       "writes a vector for each line, with an encoder"},
      {" --ids 5,7,9 --generate 24 --time",
       "continues the tokens 5, 7, 9 with the 24 most likely ones, and prints "
       "how long it took, and how close to this machine's limits that is"},
      {" --ids 5,7,9 --ids 4,2 --token-types 0,0,1 --token-types 0,1 --logits "
       "out.safetensors",
       "writes the logits of each token, for a batch of two rows, with a model "
       "that has token types"},
  };
  for (const auto &[arguments, meaning] : all)
    text += call + arguments + "\n      " + meaning + "\n";
  return text;
}

/// Tasks that were asked for, by their options. There must be at most one.
using Tasks = std::vector<std::pair<Task, std::string>>;

void addTask(CLI::App &app, Tasks &tasks, Task task, const std::string &name,
             const std::string &help) {
  app.add_flag_callback(
      name, [&tasks, task, name] { tasks.push_back({task, name}); }, help);
}

void declareTasks(CLI::App &app, Options &options, Tasks &tasks) {
  app.option_defaults()->group("Tasks");
  addTask(app, tasks, Task::Chat, "--chat",
          "Hold a conversation by the model's chat template; with a prompt, "
          "answer that message and end");
  addTask(app, tasks, Task::Embed, "--embed",
          "Print the vector of a text, pooled as the model's folder says, or "
          "else as the mean over its tokens; with --input and --output, write "
          "a tensor embeddings [lines, width] of F32");
  addTask(app, tasks, Task::Classify, "--classify",
          "Print the probability of each label for a text, or for a pair of "
          "texts");
  addTask(app, tasks, Task::FillMask, "--fill-mask",
          "Print the most probable tokens for each mask token of a text");
  addTask(app, tasks, Task::Tag, "--tag",
          "Print the tokens of a text with their labels, except O");
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
      });
}

void declarePrompt(CLI::App &app, Options &options, bool takesFile) {
  app.option_defaults()->group("Options");
  if (takesFile)
    app.add_option("FILE", options.file, "A file that lora-compile made")
        ->required();
  app.add_option("PROMPT", options.prompt,
                 "The text to start with (default: standard input, if that is "
                 "not a terminal)");
  app.option_defaults()->group("Text");
  app.add_option("--prompt-file", options.promptFile,
                 "The bytes of this file are the prompt, a line end at the end "
                 "included; - is standard input")
      ->type_name("FILE");
  app.add_option("--system", options.system,
                 "The system message; the prompt is then a message of the "
                 "user, as in --chat")
      ->type_name("TEXT");
  app.add_option("--input", options.input,
                 "Answer each line of this file: a JSON object with prompt or "
                 "messages, and any option of generation, as max_tokens; for "
                 "an encoder, a text, or in a .jsonl file an object with text "
                 "and maybe pair")
      ->type_name("FILE");
  app.add_option("--output", options.output,
                 "Where the results of --input go, a line for each (default: "
                 "standard output); lines that are there are not computed "
                 "again, except those of an encoder")
      ->type_name("FILE");
  app.add_flag("--json", options.json,
               "Print one JSON object: text, ids, prompt_tokens, "
               "finish_reason, logprobs");
  app.add_flag("--truncate", options.generation.truncate,
               "Leave off the beginning of a prompt that does not fit the "
               "context; cut texts that are too long for an encoder");
  app.add_option("--save-state", options.saveState,
                 "At the end, write the cache of prompt and answer to a file")
      ->type_name("FILE");
  app.add_option("--load-state", options.loadState,
                 "Begin with a saved cache; of a prompt that begins with the "
                 "same tokens, only the rest is computed")
      ->type_name("FILE");
  app.add_flag("--no-special", options.noSpecial,
               "With --tokenize: without the special tokens that the tokenizer "
               "adds by itself");
  app.add_flag("--skip-special", options.skipSpecial,
               "With --detokenize: without special tokens");
}

void declareEncoders(CLI::App &app, Options &options) {
  app.option_defaults()->group("Encoders");
  app.add_option("--pair", options.pair, "The second text of a pair")
      ->type_name("TEXT");
  app.add_option("--prompt-name", options.promptName,
                 "With --embed: the prompt of the model that is put before "
                 "each text, such as query (default: the model's)")
      ->type_name("NAME");
  app.add_option("--top", options.top,
                 "Show so many labels (default: 10) or tokens of a mask "
                 "(default: 5)")
      ->check(positiveNumber());
  app.add_flag("--group", options.groupsTags,
               "With --tag: join tokens with the B- and I- labels of one name");
  app.add_flag("--outside", options.keepsOutside,
               "With --tag: print tokens with the label O, too");
}

/// What the help says of the options of a request.
const char *helpOf(std::string_view name) {
  struct Help {
    std::string_view name;
    const char *text;
  };
  static constexpr Help helps[] = {
      {"max-tokens", "The most new tokens (default: the model's, or as many as "
                     "the context holds)"},
      {"stop", "End before this text; may be given several times"},
      {"temperature", "Draw tokens, with logits divided by this; 0 takes the "
                      "most likely token"},
      {"top-k", "Draw among the K most likely tokens; 0 is all"},
      {"top-p", "Draw among the most likely tokens with this probability in "
                "all"},
      {"min-p", "Draw among the tokens with at least this share of the largest "
                "probability"},
      {"repetition-penalty", "Divide the logits of tokens that were there "
                             "before, in the prompt too, by this"},
      {"presence-penalty", "Subtract this from the logits of new tokens that "
                           "were there before"},
      {"frequency-penalty", "Subtract this for each time that a new token was "
                            "there before"},
      {"no-repeat-ngram", "Let no sequence of N tokens occur twice"},
      {"seed", "Draw the same tokens each time; the number of threads does not "
               "matter"},
      {"greedy", "Take the most likely token, whatever the model's defaults "
                 "are"},
      {"logprobs", "With --json: the N most likely tokens at each step, with "
                   "the logarithms of the model's probabilities"},
  };
  for (const Help &help : helps)
    if (help.name == name)
      return help.text;
  return "";
}

/// The options of a generation. The names and members are those of
/// GenerationRequest.
void declareGeneration(CLI::App &app, Options &options,
                       std::vector<std::string> &biases) {
  app.option_defaults()->group(
      "Generation (defaults: the model's generation_config.json)");
  GenerationRequest::visitOptions(options.request, [&](const char *name,
                                                       auto &member) {
    using Member = std::decay_t<decltype(member)>;
    std::string option = std::string("--") + name;
    if constexpr (std::is_same_v<Member, std::optional<bool>>)
      app.add_flag_callback(option, [&member] { member = true; }, helpOf(name));
    else if constexpr (std::is_same_v<Member, std::vector<std::string>>)
      app.add_option(option, member, helpOf(name))
          ->type_name("TEXT")
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    else {
      CLI::Option *added = app.add_option(option, member, helpOf(name));
      // CLI11 wraps what does not fit.
      if constexpr (std::is_same_v<Member, std::optional<uint64_t>>)
        added->check(wholeNumber());
    }
  });
  app.add_option("--logit-bias", biases,
                 "Add X to the logit of a token; may be given several times")
      ->type_name("ID:X")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--lookup", options.generation.lookup,
               "Propose tokens from the text so far and verify several in one "
               "call: the same text, faster if it repeats the prompt");
}

void declareIds(CLI::App &app, Options &options) {
  app.option_defaults()->group("Token ids");
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
      "--pooled", options.pooled,
      "Write the output of an encoder's pooler to this safetensors file "
      "(tensor pooler_output [rows, hidden size], F32); the encoder must have "
      "no head");
  app.add_option(
      "--compare", options.compare,
      "Compare the logits with FILE.safetensors:TENSOR and print the "
      "largest errors");
  app.add_option("--tolerance", options.tolerance,
                 "With --compare: fail if max|a-b| is above this");
  app.add_option("--relative-tolerance", options.relativeTolerance,
                 "With --compare: fail if max|a-b| / max|b| is above this");
}

void declareMachine(CLI::App &app, Options &options) {
  app.option_defaults()->group("Running");
  app.add_option(
         "--context", options.context,
         "Most tokens of prompt and continuation together, without the last "
         "one, which is not read again (default: 4096, or the model's limit if "
         "that is smaller); the cache is allocated for "
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

/// Without the option of a task: what works on ids is asked for by its own
/// options; everything else makes text.
Task defaultTask(const Options &options) {
  if (options.generate || !options.logits.empty() || !options.hidden.empty() ||
      !options.pooled.empty() || !options.compare.empty())
    return Task::Ids;
  return Task::Generate;
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
  std::vector<std::string> biases;
  declareTasks(app, options, tasks);
  declarePrompt(app, options, takesFile);
  declareGeneration(app, options, biases);
  declareEncoders(app, options);
  declareIds(app, options);
  declareMachine(app, options);
  if (argc <= 1) {
    // A text on standard input is a request by itself.
    Expected<std::optional<std::string>> prompt = std::optional<std::string>();
    if (!takesFile)
      prompt = readPrompt(options);
    if (!prompt || !*prompt) {
      std::fputs(app.help().c_str(), stderr);
      return 1;
    }
    options.prompt = std::move(*prompt);
  }
  if (std::optional<int> code = parse(app, argc, argv, program + ": "))
    return *code;
  if (tasks.size() > 1) {
    std::fprintf(stderr, "%s: %s and %s: give one of them\n", program.c_str(),
                 tasks[0].second.c_str(), tasks[1].second.c_str());
    return 1;
  }
  auto execute = [&]() -> Error {
    for (const std::string &text : biases) {
      Expected<LogitBias> bias = GenerationRequest::parseLogitBias(text);
      if (!bias)
        return bias.takeError();
      options.request.logitBias.push_back(*bias);
    }
    options.task = tasks.empty() ? defaultTask(options) : tasks[0].first;
    if (Error error = checkTasks(options))
      return error;
    return run(options);
  };
  if (Error error = execute()) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.message().c_str());
    return 1;
  }
  return 0;
}

} // namespace lora_rt::cli
