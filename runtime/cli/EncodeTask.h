//===- EncodeTask.h - A task of encoders on the command line ----*- C++ -*-===//
//
// A task of an encoder gives one result for each text: a line, or a row of one
// tensor. A model that cannot do the task is refused before texts are run.
// Results have the order of the texts.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_ENCODETASK_H
#define LORA_RUNTIME_CLI_ENCODETASK_H

#include "RunCommand.h"
#include "lora-runtime/TextEncoder.h"

namespace lora_rt::cli {

/// --embed, --classify, --fill-mask or --tag: a result for each text of a
/// window, as a line or as a row of a tensor.
class EncodeTask {
public:
  static std::unique_ptr<EncodeTask> create(const Options &options,
                                            TextEncoder &encoder);
  virtual ~EncodeTask() = default;

  /// Fails if the model cannot do this task.
  virtual Error check() = 0;

  /// Runs texts; `lines` has a place for the result of each.
  virtual Error run(std::span<const TextInput> texts, const TextRunOptions &run,
                    std::vector<std::string> &lines) = 0;

  /// The number of values that a result has, about.
  virtual size_t resultSize() const { return 1; }

  /// Whether results are rows of a tensor, not lines: then all texts must have
  /// one.
  virtual bool isTensor() const { return false; }
  /// Begins and finishes the file with the tensor.
  virtual Error begin(size_t texts) { return Error::success(); }
  virtual Error commit() { return Error::success(); }

protected:
  EncodeTask(const Options &options, TextEncoder &encoder)
      : options(options), encoder(encoder) {}

  /// Whether a result is a line of JSON, not text for a person.
  bool isJson() const { return options.json || !options.input.empty(); }
  /// --top, or its default.
  size_t top(size_t fallback) const {
    return size_t(options.top.value_or(int64_t(fallback)));
  }

  const Options &options;
  TextEncoder &encoder;
};

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_ENCODETASK_H
