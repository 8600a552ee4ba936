//===- SampleText.h - Made-up texts -----------------------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_BENCH_SAMPLETEXT_H
#define LORA_MLIR_LIB_BENCH_SAMPLETEXT_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lora::bench {

/// A text of about this many bytes: made-up words, some frequent and many rare
/// as in real texts, with sentences of many languages, numbers and code between
/// them. It is the same in each call.
std::string sampleText(uint64_t bytes);

/// Texts for which a program could take more than linear time, with their
/// names.
std::vector<std::pair<std::string, std::string>> longTexts(uint64_t bytes);

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_SAMPLETEXT_H
