//===- lora-run.cpp - Runs a file that lora-compile made ------------------===//

#include "RunCommand.h"

int main(int argc, char **argv) {
  return lora_rt::cli::runMain(argc, argv, /*ownFile=*/"");
}
