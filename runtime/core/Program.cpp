//===- Program.cpp - Descriptors, signals and the end of a program --------===//
//
// Implements Program.h: opens missing standard descriptors, installs the
// handlers of signals, and checks at the exit that standard output was written.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Program.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Temporary.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace lora_rt {

namespace {

/// The beginning of each message. A signal handler reads it.
char messagePrefix[256] = "";

void openStandardDescriptors() {
  for (int expected = 0; expected < 3; ++expected) {
    if (fcntl(expected, F_GETFD) >= 0 || errno != EBADF)
      continue;
    // open(2) returns the lowest free number, which is `expected`.
    int opened = open("/dev/null", O_RDWR);
    if (opened >= 0 && opened != expected) {
      dup2(opened, expected);
      close(opened);
    }
  }
}

void checkStandardOutput(int status, void *) {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    failOutput(status, errno);
}

/// Writes a text with the calls that a signal handler may make.
void say(const char *text) {
  (void)!write(STDERR_FILENO, text, std::strlen(text));
}

/// The handler of SIGBUS: a page of a mapped file cannot be read.
void endByLostPage(int number, siginfo_t *facts, void *) {
  const char *name = mappedFileAt(facts->si_addr);
  if (!name) {
    // The fault is not one of a mapped file. It occurs again after the return,
    // and then ends the program.
    std::signal(number, SIG_DFL);
    return;
  }
  say(messagePrefix);
  say(name);
  say(": became shorter while it was read, or its disk failed; write it again, "
      "or copy it whole, and start again\n");
  removeTemporariesInHandler();
  _exit(1);
}

} // namespace

void failOutput(int status, int number) {
  // The program has already reported an error.
  if (status != 0)
    return;
  // Whoever closed the pipe has seen enough, as with `head`.
  if (number == EPIPE)
    _exit(1);
  std::string text = messagePrefix;
  text += "standard output cannot be written to";
  if (number)
    text += ": " + systemMessage(number);
  say((text + "\n").c_str());
  _exit(1);
}

void beginProgram(const std::string &prefix) {
  openStandardDescriptors();
  std::snprintf(messagePrefix, sizeof(messagePrefix), "%s", prefix.c_str());
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction action = {};
  action.sa_sigaction = endByLostPage;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
  on_exit(checkStandardOutput, nullptr);
}

} // namespace lora_rt
