//===- PackSource.cpp - The parameters of a compiled file -----------------===//
//
// Implements packSource: returns the address of a parameter in the mapped pack,
// after its place was checked.
//
//===----------------------------------------------------------------------===//

#include "PackSource.h"

namespace lora_rt {

ParameterSource packSource(const Payload &payload, bool verify) {
  const Payload::Part *pack = payload.find(packPart);
  std::span<const std::byte> bytes =
      pack ? payload.bytes(*pack) : std::span<const std::byte>();
  return [&payload, bytes,
          verify](const Manifest::Param &param) -> Expected<const void *> {
    if (param.bytes == 0 || param.offset > bytes.size() ||
        param.bytes > bytes.size() - param.offset || param.offset % 64 != 0)
      return makeError(ErrorCode::InvalidFile, payload.path(), ": parameter '",
                       param.name, "' lies outside the pack of ", bytes.size(),
                       " bytes; copy or compile the file again");
    std::span<const std::byte> content =
        bytes.subspan(param.offset, param.bytes);
    if (verify && checksum(content) != param.checksum)
      return makeError(ErrorCode::InvalidFile, payload.path(), ": parameter '",
                       param.name,
                       "' is damaged (its checksum differs); copy or "
                       "compile the file again");
    return content.data();
  };
}

} // namespace lora_rt
