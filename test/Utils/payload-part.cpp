//===- payload-part.cpp - Takes a part out of a compiled file -------------===//
//
// For tests that look at the native code or the manifest of a compiled file.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Payload.h"

#include <iostream>

using namespace lora_rt;

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "Usage: payload-part FILE [PART]\n"
                 "Lists the parts of a compiled file, or writes one (manifest, "
                 "code, pack, host, lib:SONAME) to standard output.\n"
                 "Example: payload-part model.bin code > code.so\n";
    return 2;
  }
  auto payload = Payload::open(argv[1]);
  if (!payload) {
    std::cerr << "payload-part: error: " << payload.message() << "\n";
    return 1;
  }
  if (argc == 2) {
    for (const Payload::Part &part : payload->parts())
      std::cout << part.name << " " << part.bytes << "\n";
    return 0;
  }
  auto bytes = payload->verified(argv[2]);
  if (!bytes) {
    std::cerr << "payload-part: error: " << bytes.message() << "\n";
    return 1;
  }
  std::cout.write(reinterpret_cast<const char *>(bytes->data()),
                  std::streamsize(bytes->size()));
  return std::cout.flush() ? 0 : 1;
}
