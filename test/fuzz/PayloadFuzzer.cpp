//===- PayloadFuzzer.cpp - Any file may come as a compiled model ----------===//

#include "lora-runtime/Payload.h"

#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, data, size) != ssize_t(size)) {
    close(fd);
    return 0;
  }
  lora_rt::Expected<lora_rt::Payload> payload =
      lora_rt::Payload::open("/proc/self/fd/" + std::to_string(fd));
  if (payload)
    for (const lora_rt::Payload::Part &part : payload->parts())
      (void)payload->verified(part.name);
  close(fd);
  return 0;
}
