//===- RunCommand.h - The command line of compiled models -------*- C++ -*-===//
//
// lora-run and a compiled file are the same program; they only differ in the
// source of the executable.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_RUNCOMMAND_H
#define LORA_RUNTIME_CLI_RUNCOMMAND_H

#include "lora-runtime/Generator.h"

#include <optional>
#include <string>
#include <vector>

namespace lora_rt::cli {

/// What the program is asked for.
enum class Task {
  /// Token ids in; logits, hidden states or a continuation as ids out.
  Ids,
  Info,
  /// A prompt in, or a file of prompts; text out.
  Generate,
  Chat,
  Tokenize,
  Detokenize,
  Render,
  /// Texts in, what an encoder says of them out.
  Embed,
  Classify,
  FillMask,
  Tag,
};

struct Options {
  std::string file;
  Task task = Task::Ids;

  /// The prompt: an argument or a file; "-" is standard input.
  std::optional<std::string> prompt;
  std::string promptFile;
  /// What is said of the generation.
  GenerationRequest request;
  Generator::Options generation;
  /// The system message; with it, the prompt is a message, too.
  std::optional<std::string> system;
  /// Print one JSON object instead of the text.
  bool json = false;
  /// A file with a prompt on each line, and where the results go.
  std::string input, output;
  /// Encoders: the second text of a pair, a prompt of the model by its name,
  /// how many results are shown, runs of tags, and tags outside of them.
  std::optional<std::string> pair, promptName;
  std::optional<int64_t> top;
  bool groupsTags = false, keepsOutside = false;
  /// Files with the cache of a prompt.
  std::string saveState, loadState;
  /// The file of --render.
  std::string render;
  /// --tokenize: without the special tokens that the tokenizer adds.
  bool noSpecial = false;
  /// --detokenize: without special tokens.
  bool skipSpecial = false;

  /// One for each row.
  std::vector<std::string> ids, tokenTypes;
  /// A file with a line of ids for each row.
  std::string idsFile;
  std::string logits;
  std::string hidden;
  std::string pooled;
  std::string compare;
  std::optional<double> tolerance;
  std::optional<double> relativeTolerance;
  std::optional<int64_t> generate;
  int64_t context = 0;
  unsigned threads = 0;
  bool stopAtEos = false;
  /// Empty, or what is printed: "times", or "ops" for the times of operations
  /// as well.
  std::string time;
  bool verify = false;
  bool quiet = false;
};

/// Parses the command line and runs it. Returns the exit code. `ownFile` is the
/// compiled file that is running; if it is empty, the first argument is one.
int runMain(int argc, char **argv, const std::string &ownFile);

/// Fails if an option was given that has no effect with the task.
Error checkTasks(const Options &options);

/// Executes the options.
Error run(const Options &options);

/// Generates text from a prompt, or from a file of prompts.
Error runGenerate(const Options &options);

/// Holds a conversation.
Error runChat(const Options &options);

/// Executes --embed, --classify, --fill-mask or --tag.
Error runEncode(const Options &options);

/// A session with the text side of its file.
struct TextSession {
  std::unique_ptr<Session> session;
  /// It uses the file, which the session keeps open.
  std::optional<TextModel> text;

  /// Opens the file of the options.
  Error open(const Options &options);
};

/// The same for generation.
struct GenerationSession : TextSession {
  std::optional<Generator> generator;

  /// Loads a saved state, too.
  Error open(const Options &options);
};

/// Answers each line of --input.
Error runLines(const Options &options, GenerationSession &model);

/// Shows how much of a prompt was read, on a terminal, if that takes long.
class PromptProgress {
public:
  explicit PromptProgress(bool isQuiet);
  void show(int64_t position, int64_t end);
  void clear();

private:
  bool isShown = false, isOff;
  double started = 0;
};

/// Executes --tokenize, --detokenize or --render.
Error runTextTask(const Options &options);

/// The bytes of a file, or of standard input for "-".
Expected<std::string> readInput(const std::string &path, uint64_t limit);

/// The prompt's bytes: the argument, the file, or standard input if that is not
/// a terminal. nullopt if there is none.
Expected<std::optional<std::string>> readPrompt(const Options &options);

/// The same; fails if there is none. `task` is the option that needs it.
Expected<std::string> needPrompt(const Options &options, const char *task);

/// Prints a text as it is, or with a line end, and flushes standard output.
Error printText(std::string_view text);
Error printLine(std::string_view text);

/// Rows of tokens from the command line.
struct Batch {
  std::vector<std::vector<int32_t>> ids, types;

  std::vector<TokenRow> rows() const;
  /// The number of tokens of the longest row.
  int64_t longest() const;
  int64_t tokens() const;
};

/// Reads --ids or --ids-file, and --token-types.
Expected<Batch> parseBatch(const Options &options);

/// Prints what a compiled file contains, without running it.
Error printInfo(const std::string &path);

/// A size as text, such as "2.4 GiB".
std::string sizeText(uint64_t bytes);

/// Fails if something that was printed to standard output could not be written.
Error flushOutput();

/// Writes or compares logits (or hidden states). As a tensor they are [rows,
/// longest row, width] with zeros after shorter rows, or [rows, width].
class ResultRows {
public:
  /// `lengths` are the rows' numbers of tokens. Pooled results are one row of
  /// values for each.
  ResultRows(std::vector<int64_t> lengths, int64_t width, bool isPooled);
  ~ResultRows();

  /// Results will be written to a safetensors file.
  Error writeTo(const std::string &path, const std::string &tensor);

  /// Results will be compared with FILE:TENSOR, which has as many values.
  /// Values after shorter rows are ignored.
  Error compareWith(const std::string &reference);

  /// Takes results of a row, from the token `first` on.
  Error take(size_t row, int64_t first, std::span<const float> values);

  /// Finishes the file. Prints the errors of the comparison, and fails if they
  /// are above a tolerance.
  Error finish(std::optional<double> absolute, std::optional<double> relative);

private:
  struct State;
  Error writeZeros();

  std::vector<int64_t> shape;
  /// The length of each row.
  std::vector<int64_t> lengths;
  int64_t longest, width;
  std::unique_ptr<State> state;
};

/// Collects the times of a run. A phase may occur several times.
class RunTimes {
public:
  /// With `ops`, also the time of each operation.
  explicit RunTimes(bool ops);
  void loaded(Session &session);
  void prefilled(Session &session, int64_t tokens);
  void decoded(Session &session, int64_t tokens);
  /// Prints the times to standard error, with the limits of this machine, which
  /// are measured now.
  void print(Session &session);

private:
  struct Phase {
    double seconds = 0;
    int64_t tokens = 0;
    Counters counters;
    Profile profile;
  };
  double lap();
  void add(Phase &phase, Session &session, int64_t tokens);

  bool ops;
  double last = 0;
  double load = 0;
  Phase prefill, decode;
};

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_RUNCOMMAND_H
