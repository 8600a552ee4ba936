//===- PayloadFormat.h - The fixed bytes of the container -------*- C++ -*-===//
//
// The header of a payload and the limits of its table of contents. The writer
// and the reader share these numbers; docs/executable-format.md describes them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PAYLOAD_PAYLOADFORMAT_H
#define LORA_RUNTIME_PAYLOAD_PAYLOADFORMAT_H

#include <cstdint>

namespace lora_rt {

inline constexpr uint64_t pageBytes = 4096;
inline constexpr char payloadSection[] = ".lora_payload";
inline constexpr char payloadMagic[8] = {'L', 'O', 'R', 'A',
                                         'M', 'L', 'I', 'R'};
inline constexpr uint32_t payloadVersion = 1;
/// A file has code, a manifest, a pack and some libraries.
inline constexpr uint64_t maxParts = 1024;
/// The limit of a part's name: "lib:" and a file name.
inline constexpr uint64_t maxPartName = 4 + 255;
/// A row of the table of contents has a name and some hundred characters.
inline constexpr uint64_t maxTableBytes = maxParts * 1024;

/// The first bytes of a payload; little-endian. Offsets count from here.
struct PayloadHeader {
  char magic[8];
  uint32_t version;
  uint32_t headerBytes;
  uint64_t payloadBytes;
  uint64_t tableOffset; ///< The offset of the table of contents, a JSON text.
  uint64_t tableBytes;
  uint64_t tableChecksum; ///< The XXH3 checksum of the table, 64 bits.
};
static_assert(sizeof(PayloadHeader) == 48);

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_PAYLOADFORMAT_H
