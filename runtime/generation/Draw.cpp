//===- Draw.cpp - Random numbers by position ------------------------------===//
//
// Counter-based: Philox4x32-10 (Salmon et al. 2011) of Random123. Its headers
// have functions that throw; none is called here.
//
//===----------------------------------------------------------------------===//

#include "Draw.h"

#include <Random123/philox.h>

double lora_rt::generation::uniform(uint64_t seed, uint64_t stream,
                                    uint64_t position) {
  r123::Philox4x32::ctr_type bits =
      r123::Philox4x32()({{uint32_t(position), uint32_t(position >> 32),
                           uint32_t(stream), uint32_t(stream >> 32)}},
                         {{uint32_t(seed), uint32_t(seed >> 32)}});
  return double((uint64_t(bits[1]) << 32 | bits[0]) >> 11) * 0x1p-53;
}
