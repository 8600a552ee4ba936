//===- Program.h - What a program of this project does first ----*- C++ -*-===//

#ifndef LORA_RUNTIME_PROGRAM_H
#define LORA_RUNTIME_PROGRAM_H

#include <string>

namespace lora_rt {

/// To be called first in `main`, and never by a library. `prefix` begins
/// messages: "lora-diff: error: ". From here on
/// - standard input, output and error are open: one that was closed is
///   /dev/null, so that no file that is written becomes one of them;
/// - a reader that went away and a limit of file sizes are errors of the write,
///   not signals: the program says what happened and removes what is half
///   written;
/// - if standard output could not be written to, the exit code is 1 and a
///   message says so, whatever wrote there. What could not be written to
///   standard error fails nothing;
/// - a mapped file that becomes shorter is a message with its name and exit
///   code 1.
void beginProgram(const std::string &prefix);

/// Says on standard error that standard output could not be written to, and
/// ends the program with exit code 1 unless `status`, with which it is about to
/// end, says already that something went wrong. For handlers of on_exit(3).
void failOutput(int status, int number);

} // namespace lora_rt

#endif // LORA_RUNTIME_PROGRAM_H
