//===- ProgramChecksum.h - Whether a stub is what it was --------*- C++ -*-===//
//
// The checksum of the program in front of a payload. The writer stores it; the
// reader compares it before it trusts the program.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H
#define LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <span>
#include <string>

namespace lora_rt {

/// The checksum of what a program has in memory when it runs: the bytes of its
/// loaded segments and their addresses. The ELF header's fields about sections
/// are left out, so that a section can be added, and `strip` can remove
/// sections. `bytes` begin with the program; what follows the program is
/// ignored. `path` is for messages.
Expected<std::string> programChecksum(std::span<const std::byte> bytes,
                                      const std::string &path);

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_PROGRAMCHECKSUM_H
