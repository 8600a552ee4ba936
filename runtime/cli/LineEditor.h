//===- LineEditor.h - Lines from a person or from a file --------*- C++ -*-===//
//
// A terminal gets editing and a history of lines, by libedit. What is not a
// terminal is read line by line.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_LINEEDITOR_H
#define LORA_RUNTIME_CLI_LINEEDITOR_H

#include <memory>
#include <optional>
#include <string>

namespace lora_rt::cli {

class LineEditor {
public:
  explicit LineEditor(bool isTerminal);
  ~LineEditor();

  /// The next line without its end; nullopt at the end of the input. At a
  /// terminal, a line that ends with "\" goes on in the next one, and Ctrl-C
  /// clears the line.
  std::optional<std::string> read();

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_LINEEDITOR_H
