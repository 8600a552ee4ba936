//===- ProgramChecksum.h - Whether a stub is what it was --------*- C++ -*-===//

#ifndef LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H
#define LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <span>
#include <string>

namespace lora_rt {

/// The checksum of what a program has in memory when it runs: the bytes of its
/// loaded segments and their addresses. The ELF header counts without its
/// fields about sections, so that a section may be added, and `strip` may take
/// some away. `bytes` are those of the program, with or without what stands
/// behind it; `path` is for messages.
Expected<std::string> programChecksum(std::span<const std::byte> bytes,
                                      const std::string &path);

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H
