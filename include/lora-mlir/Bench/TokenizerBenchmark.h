//===- TokenizerBenchmark.h - How fast texts become ids ---------*- C++ -*-===//
//
// Measures a tokenizer on one thread: texts to ids, ids to texts, reading its
// files, and opening it in a compiled file. Times are those of the processor,
// so that other work on the machine counts little; the least of the rounds is
// printed.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_TOKENIZERBENCHMARK_H
#define LORA_MLIR_BENCH_TOKENIZERBENCHMARK_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lora::bench {

struct TokenizerOptions {
  /// The command line, for the results.
  std::string command;
  /// A model's folder, a tokenizer.json, or a sentencepiece model.
  std::string tokenizer;
  /// A file with the text; if empty, a made-up text and texts that could take
  /// more than linear time.
  std::string textFile;
  /// The bytes of the made-up texts.
  uint64_t bytes = 10'000'000;
  int repetitions = 3;
  /// Measure the Python package tokenizers in the same rounds.
  bool peers = false;
  std::string python = "python3";
  /// Called with a line of progress from time to time.
  std::function<void(const std::string &)> progress;
};

/// One program and one text: a time in seconds for each round.
struct TokenizerTimes {
  uint64_t tokens = 0;
  std::vector<double> encode, decode;
};

struct TokenizerText {
  std::string name;
  uint64_t bytes = 0;
  TokenizerTimes ours, peer;
};

struct TokenizerResults {
  std::string command, time, tokenizer;
  uint64_t ids = 0;
  std::vector<TokenizerText> texts;
  /// Seconds to read the files, and to open the stored form.
  std::vector<double> load, peerLoad, open;
  uint64_t storedBytes = 0;
  std::vector<std::string> notes;
};

lora_rt::Expected<TokenizerResults>
measureTokenizer(const TokenizerOptions &options);

std::string toText(const TokenizerResults &results);
std::string toJson(const TokenizerResults &results);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_TOKENIZERBENCHMARK_H
