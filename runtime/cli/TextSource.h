//===- TextSource.h - The texts that an encoder works on --------*- C++ -*-===//
//
// One text of the command line, or the lines of a file: each line is a text,
// or, in a .jsonl file, a JSON object with "text" and maybe "pair".
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_TEXTSOURCE_H
#define LORA_RUNTIME_CLI_TEXTSOURCE_H

#include "RunCommand.h"
#include "lora-runtime/File.h"
#include "lora-runtime/TextEncoder.h"

#include <deque>

namespace lora_rt::cli {

class TextSource {
public:
  /// Reads the text of the options, or opens their --input.
  Error open(const Options &options, const char *task);

  /// The number of texts.
  size_t count() const { return total; }

  /// A text, or why there is none.
  struct Item {
    TextInput text;
    Error error;
    /// "lines.txt: line 3", or empty for the text of the command line.
    std::string name;
  };

  /// Replaces `items` by the next ones, at most `most`. They are valid until
  /// the next call. There are none at the end.
  void next(size_t most, std::vector<Item> &items);

private:
  void readObject(std::string_view line, Item &item);

  std::string path;
  std::optional<std::string> pair;
  bool isJson = false, isFile = false, isDone = false;
  MappedFile file;
  /// The text, or standard input.
  std::string own;
  std::string_view rest;
  size_t total = 0, line = 0;
  /// The texts of JSON lines.
  std::deque<std::string> decoded;
};

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_TEXTSOURCE_H
