//===- lora-run.cpp - Runs a file that lora-compile made ------------------===//

#include "RunCommand.h"
#include "lora-runtime/Program.h"

int main(int argc, char **argv) {
  lora_rt::beginProgram("lora-run: ");
  return lora_rt::cli::runMain(argc, argv, /*ownFile=*/"");
}
