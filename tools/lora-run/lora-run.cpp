//===- lora-run.cpp - Runs a file of lora-compile -------------------------===//
//
// The first argument is the file; everything else is done by runMain.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/Program.h"

int main(int argc, char **argv) {
  lora_rt::beginProgram("lora-run: ");
  return lora_rt::cli::runMain(argc, argv, /*ownFile=*/"");
}
