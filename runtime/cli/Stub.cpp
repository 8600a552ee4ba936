//===- Stub.cpp - The program part of a compiled file ---------------------===//
//
// The main function of every compiled file: finds the file that is running, and
// calls runMain with it.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/Payload.h"
#include "lora-runtime/Program.h"

#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>

namespace {

/// The path of the running file. /proc/self/exe opens it even if the file was
/// replaced or removed meanwhile. Its name, if it is still right, is better in
/// messages.
std::string ownPath() {
  const char *self = "/proc/self/exe";
  char name[4096];
  ssize_t length = readlink(self, name, sizeof(name) - 1);
  struct stat running, named;
  if (length <= 0)
    return self;
  name[length] = '\0';
  bool isSame = stat(self, &running) == 0 && stat(name, &named) == 0 &&
                running.st_dev == named.st_dev &&
                running.st_ino == named.st_ino;
  return isSame ? name : self;
}

} // namespace

int main(int argc, char **argv) {
  std::string self = ownPath();
  lora_rt::beginProgram(self.substr(self.rfind('/') + 1) + ": ");
  if (!lora_rt::Payload::isPresent(self)) {
    std::fputs("This is the bare stub that lora-compile starts compiled files "
               "with; it holds no model, or its end was cut off.\n",
               stderr);
    return 1;
  }
  return lora_rt::cli::runMain(argc, argv, self);
}
