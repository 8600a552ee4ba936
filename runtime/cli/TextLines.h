//===- TextLines.h - The lines of a text ------------------------*- C++ -*-===//
//
// Files of prompts and files of texts for an encoder are read by these.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_TEXTLINES_H
#define LORA_RUNTIME_CLI_TEXTLINES_H

#include <algorithm>
#include <string_view>

namespace lora_rt::cli {

/// Removes the first line from a text that is not empty, and returns it without
/// its end.
inline std::string_view takeLine(std::string_view &rest) {
  size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

inline bool isBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_TEXTLINES_H
