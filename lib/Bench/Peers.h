//===- Peers.h - Other programs, measured beside ours -----------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_BENCH_PEERS_H
#define LORA_MLIR_LIB_BENCH_PEERS_H

#include "lora-mlir/Bench/Benchmark.h"

namespace lora::bench {

/// A program that answers the requests of a model's worker.
struct Peer {
  /// "PyTorch base"
  std::string name;
  std::vector<std::string> command;
};

/// What peers are given.
struct PeerInput {
  std::string modelFolder;
  /// Empty without an adapter.
  std::string adapterFolder;
  /// A folder for what they write.
  std::string workFolder;
  unsigned threads = 1;
  ModelConfig config;
  lora_rt::DType dtype = lora_rt::DType::F32;
};

/// Those that may be able to run such a model. Whether they are there shows
/// when they are started.
std::vector<Peer> peersFor(const RunOptions &options, const PeerInput &input);

/// PEFT's way to a merged checkpoint: load, merge, save, fsync.
std::vector<std::string> peftMergeCommand(const RunOptions &options,
                                          const PeerInput &input,
                                          const std::string &output);

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_PEERS_H
