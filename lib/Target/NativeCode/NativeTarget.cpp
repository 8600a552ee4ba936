//===- NativeTarget.cpp - The instructions that a CPU permits -------------===//
//
// The baseline is x86-64. Everything beyond it is listed feature by feature, so
// that the list that a program checks at its start is the list that its code
// was made for.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/NativeCode.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace lora;
using llvm::StringRef;

/// The features that make numeric code faster. The runtime can check each of
/// them.
static constexpr StringRef kUsefulFeatures[] = {
    "avx",          "avx2",       "avx512bf16",
    "avx512bitalg", "avx512bw",   "avx512cd",
    "avx512dq",     "avx512f",    "avx512fp16",
    "avx512ifma",   "avx512vbmi", "avx512vbmi2",
    "avx512vl",     "avx512vnni", "avx512vpopcntdq",
    "avxvnni",      "bmi",        "bmi2",
    "f16c",         "fma",        "gfni",
    "lzcnt",        "movbe",      "popcnt",
    "sse3",         "sse4.1",     "sse4.2",
    "ssse3",
};

lora_rt::Expected<NativeTarget> NativeTarget::resolve(StringRef march) {
  NativeTarget target;
  llvm::StringMap<bool> available;
  if (march.empty() || march == "native") {
    target.cpu = llvm::sys::getHostCPUName().str();
    available = llvm::sys::getHostCPUFeatures();
  } else {
    if (llvm::X86::parseArchX86(march, /*Only64Bit=*/true) ==
        llvm::X86::CK_None)
      return lora_rt::makeError(
          lora_rt::ErrorCode::InvalidArgument, "unknown CPU '", march.str(),
          "'; give native, x86-64-v2, x86-64-v3, x86-64-v4, or a name such "
          "as znver4 or sapphirerapids");
    target.cpu = march.str();
    llvm::SmallVector<StringRef> features;
    llvm::X86::getFeaturesForCPU(march, features);
    for (StringRef feature : features) {
      available[feature] = true;
      llvm::X86::updateImpliedFeatures(feature, /*Enabled=*/true, available);
    }
  }
  for (StringRef feature : kUsefulFeatures)
    if (available.lookup(feature))
      target.features.push_back(feature.str());
  return target;
}

bool NativeTarget::has(StringRef feature) const {
  return llvm::is_contained(features, feature);
}

std::string NativeTarget::oneDNNInstructionSet() const {
  if (has("avx512bw") && has("avx512dq") && has("avx512vl")) {
    if (has("avx512bf16"))
      return "avx512_core_bf16";
    return has("avx512vnni") ? "avx512_core_vnni" : "avx512_core";
  }
  if (has("avx2"))
    return has("avxvnni") ? "avx2_vnni" : "avx2";
  return has("avx") ? "avx" : "sse41";
}
