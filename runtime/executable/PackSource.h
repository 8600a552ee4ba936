//===- PackSource.h - The parameters of a compiled file ---------*- C++ -*-===//
//
// An offset in the manifest is checked against the pack before a byte is read.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_PACKSOURCE_H
#define LORA_RUNTIME_EXECUTABLE_PACKSOURCE_H

#include "lora-runtime/Executable.h"
#include "lora-runtime/Payload.h"

namespace lora_rt {

/// Finds parameters in the pack of `payload`, which must outlive the result, by
/// the offsets in the manifest. With `verify`, their checksums are compared.
ParameterSource packSource(const Payload &payload, bool verify);

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_PACKSOURCE_H
