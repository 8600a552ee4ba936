//===- Program.h - What a program does first --------------------*- C++ -*-===//
//
// Every main function of this project calls beginProgram, so that all programs
// handle descriptors, signals and write errors in the same way.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PROGRAM_H
#define LORA_RUNTIME_PROGRAM_H

#include <string>

namespace lora_rt {

/// Call this first in `main`, and never in a library. `prefix` begins messages:
/// "lora-diff: error: ". From here on
/// - standard input, output and error are open. One that was closed is
///   /dev/null, so that no file that is written becomes one of them;
/// - a closed pipe and a limit of file sizes are errors of the write, not
///   signals: the program removes unfinished files;
/// - if standard output cannot be written to, the exit code is 1 and a message
///   says so, whichever code wrote there; without a message if the reader of a
///   pipe has closed it. If standard error cannot be written to, nothing
///   happens;
/// - if a mapped file becomes shorter, the program prints a message with its
///   name, and the exit code is 1.
void beginProgram(const std::string &prefix);

/// Reports on standard error that standard output could not be written to, and
/// ends the program with exit code 1. If `status`, with which the program is
/// about to end, is already an error, it does nothing. For handlers of
/// on_exit(3).
void failOutput(int status, int number);

} // namespace lora_rt

#endif // LORA_RUNTIME_PROGRAM_H
