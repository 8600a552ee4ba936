//===- Peers.cpp - Other frameworks, measured with ours -------------------===//
//
// The commands that run PyTorch scripts as workers with the same protocol as
// ours (tools/lora-bench/peers). Python is needed only here.
//
//===----------------------------------------------------------------------===//

#include "Peers.h"
#include "WorkFolder.h"

using namespace lora;
using namespace lora::bench;

/// The arguments that all scripts have in common.
static std::vector<std::string> command(const RunOptions &options,
                                        const PeerInput &input,
                                        const std::string &script) {
  return {options.python,
          // The scripts are in this folder in the build tree and when installed
          // (tools/lora-bench).
          programFolder() + "/../share/lora-mlir/peers/" + script,
          input.modelFolder,
          "--threads",
          std::to_string(input.threads),
          "--dtype",
          std::string(lora_rt::manifestName(input.dtype))};
}

static void add(std::vector<std::string> &to, std::vector<std::string> more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::vector<Peer> lora::bench::peersFor(const RunOptions &options,
                                        const PeerInput &input) {
  std::vector<Peer> peers;
  for (std::string variant : {"base", "merged", "unmerged"}) {
    if (variant != "base" && input.adapterFolder.empty())
      continue;
    std::string program = variant == "base" ? "PyTorch " : "PEFT ";
    Peer peer = {program + variant, command(options, input, "torch_peer.py")};
    add(peer.command, {"--variant", variant});
    if (variant != "base")
      add(peer.command, {"--adapter", input.adapterFolder});
    peers.push_back(std::move(peer));
  }
  if (input.config.isEncoder()) {
    peers.push_back(
        {"ONNX Runtime base", command(options, input, "onnxruntime_peer.py")});
    add(peers.back().command, {"--work", input.workFolder});
  }
  if (input.config.family == ModelFamily::Llama && input.config.causal) {
    peers.push_back(
        {"llama.cpp base", command(options, input, "llama_cpp_peer.py")});
    add(peers.back().command, {"--work", input.workFolder});
  }
  return peers;
}

std::vector<std::string>
lora::bench::peftMergeCommand(const RunOptions &options, const PeerInput &input,
                              const std::string &output) {
  std::vector<std::string> merge = command(options, input, "peft_merge.py");
  add(merge, {"--adapter", input.adapterFolder, "--out", output});
  return merge;
}
