//===- ConfigParts.h - What config.json is read by --------------*- C++ -*-===//
//
// Each part reads one group of keys into a ModelConfig and keeps the first
// failure in the reader. Values of absent keys are those of the family's
// configuration class in transformers.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_CONFIGPARTS_H
#define LORA_MLIR_LIB_IMPORT_CONFIGPARTS_H

#include "ConfigReader.h"
#include "lora-mlir/Import/ModelConfig.h"

#include <span>

namespace lora {

/// Bounds that no model comes near; products of two still fit int64_t.
constexpr int64_t maxLayers = 4096;
constexpr int64_t maxWidth = int64_t(1) << 24;
/// Token ids and positions are 32 bits wide.
constexpr int64_t maxIndex = (int64_t(1) << 31) - 1;

/// A class of a family, its name being the family's and this: "ForCausalLM".
struct ArchitectureTraits {
  std::string_view suffix;
  ModelHead head;
  /// What the class computes beyond the last hidden states, and we do not.
  std::string_view notComputed = {};
};

/// What differs between the families, and transformers' values of absent keys.
struct FamilyTraits {
  ModelFamily family;
  std::string_view type;
  std::string_view className;
  std::span<const ArchitectureTraits> architectures;
  /// The module tree's prefix below a head.
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

/// Every `model_type`; the first of a family is its own.
std::span<const FamilyTraits> familyTraits();

/// What a part works on.
struct ConfigContext {
  ConfigReader &reader;
  const FamilyTraits &traits;
  ModelConfig &config;
  /// The file, for warnings.
  const std::string &where;

  void warn(const std::string &text) {
    config.warnings.push_back(where + ": " + text);
  }
};

/// The family from `model_type`, or from the first architecture where it is
/// absent. nullptr after a failure.
const FamilyTraits *readFamily(ConfigReader &reader);

/// The head from `request`, or else the first architecture; and its labels.
void readHead(ConfigContext &context,
              const std::optional<HeadRequest> &request);

/// Keys that change what a model computes, whatever the family.
void refuseUnsupported(ConfigContext &context);

/// Whether tokens see the ones after them.
void readCausality(ConfigContext &context);

/// Sizes and settings of the families whose layers have RMSNorm and rotary
/// positions; of GPT-2; of BERT and RoBERTa.
void readDecoder(ConfigContext &context);
void readGPT2(ConfigContext &context);
void readEncoder(ConfigContext &context);

/// The windows of layers, and for Gemma 3 their kind of rotary positions, as
/// the index of `rope` in {full, sliding}.
void readLayerWindows(ConfigContext &context);

/// Where tokens see both sides, a window does, too: positions end where it
/// would leave something out.
void limitToWindows(ConfigContext &context);

/// Fills `ropes`, and stretches `maxPositions`.
void readRopes(ConfigContext &context);

/// `key` holds a name of transformers' ACT2FN.
void readActivation(ConfigContext &context, std::string_view key,
                    MLPActivation absent);

/// Token ids, which need the size of the vocabulary.
void readTokenIds(ConfigContext &context);

/// Warnings about dropout, and about keys that nothing reads.
void warnOfUnusedKeys(ConfigContext &context);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CONFIGPARTS_H
