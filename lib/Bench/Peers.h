//===- Peers.h - Other programs, measured beside ours -----------*- C++ -*-===//
//
// Which other programs can run a model, and how they are started. They are
// optional: a peer that does not start is left out with a note.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_PEERS_H
#define LORA_MLIR_LIB_BENCH_PEERS_H

#include "lora-mlir/Bench/Benchmark.h"

namespace lora::bench {

/// A program that answers the requests of a model's worker.
struct Peer {
  /// Such as "PyTorch base".
  std::string name;
  std::vector<std::string> command;
};

/// What the commands of peers need.
struct PeerInput {
  std::string modelFolder;
  /// Empty if there is no adapter.
  std::string adapterFolder;
  /// A folder for files that they write.
  std::string workFolder;
  unsigned threads = 1;
  ModelConfig config;
  lora_rt::DType dtype = lora_rt::DType::F32;
};

/// The programs that may be able to run such a model. Whether they are
/// installed is found out when they are started.
std::vector<Peer> peersFor(const RunOptions &options, const PeerInput &input);

/// The command that makes a merged checkpoint with PEFT: load, merge, save,
/// fsync.
std::vector<std::string> peftMergeCommand(const RunOptions &options,
                                          const PeerInput &input,
                                          const std::string &output);

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_PEERS_H
