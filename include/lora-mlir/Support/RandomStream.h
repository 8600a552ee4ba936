//===- RandomStream.h - Random bits by seed, name and index -----*- C++ -*-===//
//
// Counter-based (Philox4x32-10, Salmon et al. 2011): the bits of an element
// depend only on the seed, the tensor's name and the element's index, not on
// the order or on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_RANDOMSTREAM_H
#define LORA_MLIR_SUPPORT_RANDOMSTREAM_H

#include <Random123/philox.h>
#include <cstdint>
#include <string_view>
#include <xxhash.h>

namespace lora {

/// The random bits of one tensor.
class RandomStream {
public:
  RandomStream(uint64_t seed, std::string_view name)
      : nameHash(XXH64(name.data(), name.size(), 0)), key{{uint32_t(seed),
                                                           uint32_t(seed >>
                                                                    32)}} {}

  /// 32 bits for each of the elements 4 counter, ..., 4 counter + 3.
  r123::Philox4x32::ctr_type block(uint64_t counter) const {
    return r123::Philox4x32()({{uint32_t(counter), uint32_t(counter >> 32),
                                uint32_t(nameHash), uint32_t(nameHash >> 32)}},
                              key);
  }

private:
  uint64_t nameHash;
  r123::Philox4x32::key_type key;
};

} // namespace lora

#endif // LORA_MLIR_SUPPORT_RANDOMSTREAM_H
