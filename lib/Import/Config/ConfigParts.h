//===- ConfigParts.h - The parts that read config.json ----------*- C++ -*-===//
//
// Each part reads one group of keys into a ModelConfig. The reader keeps the
// first error. Values of absent keys are those of the family's configuration
// class in transformers.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGPARTS_H
#define LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGPARTS_H

#include "ConfigReader.h"
#include "lora-mlir/Import/ModelConfig.h"

#include <span>

namespace lora {

/// Bounds that no model reaches; products of two of them still fit int64_t.
constexpr int64_t maxLayers = 4096;
constexpr int64_t maxWidth = int64_t(1) << 24;
/// Token ids and positions have 32 bits.
constexpr int64_t maxIndex = (int64_t(1) << 31) - 1;

/// A class of a family. Its name is that of the family followed by this suffix:
/// "ForCausalLM".
struct ArchitectureTraits {
  std::string_view suffix;
  ModelHead head;
  /// Something that the class computes besides the last hidden states, and that
  /// we do not compute.
  std::string_view notComputed = {};
};

/// The differences between the families, and transformers' values of absent
/// keys.
struct FamilyTraits {
  ModelFamily family;
  std::string_view type;
  std::string_view className;
  std::span<const ArchitectureTraits> architectures;
  /// The prefix below a head in the tree of modules.
  std::string_view prefix;
  /// 0: as many as heads.
  int64_t kvHeads = 0;
  /// 0: hidden_size / heads.
  int64_t headDim = 0;
  int64_t maxPositions = 0;
  double normEps = 1e-6;
  bool tied = false;
  std::optional<int64_t> padTokenId = std::nullopt;
  std::optional<int64_t> eosTokenId = std::nullopt;
};

/// Every `model_type`. The first one of a family is its own name.
std::span<const FamilyTraits> familyTraits();

/// The input and output of a part.
struct ConfigContext {
  ConfigReader &reader;
  const FamilyTraits &traits;
  ModelConfig &config;
  /// The name of the file, for warnings.
  const std::string &where;

  void warn(const std::string &text) {
    config.warnings.push_back(where + ": " + text);
  }
};

/// The family from `model_type`; if that is absent, from the first
/// architecture. nullptr after an error.
const FamilyTraits *readFamily(ConfigReader &reader);

/// Reads the head from `request`, or else from the first architecture; and its
/// labels.
void readHead(ConfigContext &context,
              const std::optional<HeadRequest> &request);

/// Refuses keys that change what a model computes, in any family.
void refuseUnsupported(ConfigContext &context);

/// Reads whether tokens see the tokens after them.
void readCausality(ConfigContext &context);

/// Reads sizes and settings: of the families with RMSNorm and rotary positions;
/// of GPT-2; of BERT and RoBERTa.
void readDecoder(ConfigContext &context);
void readGPT2(ConfigContext &context);
void readEncoder(ConfigContext &context);

/// Reads the windows of layers and, for Gemma 3, the rotary positions of each
/// layer, as the index `rope` into {full, sliding}.
void readLayerWindows(ConfigContext &context);

/// If tokens see both sides, a window also has two sides. Limits the positions
/// to a length for which the windows exclude nothing.
void limitToWindows(ConfigContext &context);

/// Fills `ropes`, and adapts `maxPositions`.
void readRopes(ConfigContext &context);

/// Reads `key`, a name of transformers' ACT2FN.
void readActivation(ConfigContext &context, std::string_view key,
                    MLPActivation absent);

/// Reads token ids. The size of the vocabulary must be known.
void readTokenIds(ConfigContext &context);

/// Warns of dropout, and of keys that nothing reads.
void warnOfUnusedKeys(ConfigContext &context);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGPARTS_H
