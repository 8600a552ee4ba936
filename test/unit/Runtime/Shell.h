//===- Shell.h - Commands that tests run ------------------------*- C++ -*-===//
//
// Runs a command line with the shell and returns its standard output and its
// exit code.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_UNIT_RUNTIME_SHELL_H
#define LORA_TEST_UNIT_RUNTIME_SHELL_H

#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

struct Outcome {
  int status;
  std::string output;
};

/// Runs a command and collects its standard output.
inline Outcome shell(const std::string &command) {
  FILE *pipe = popen(command.c_str(), "r");
  Outcome outcome = {-1, ""};
  if (!pipe)
    return outcome;
  std::array<char, 4096> buffer;
  while (size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.output.append(buffer.data(), count);
  int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

#endif // LORA_TEST_UNIT_RUNTIME_SHELL_H
