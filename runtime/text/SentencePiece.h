//===- SentencePiece.h - Models of the sentencepiece library ----*- C++ -*-===//
//
// Reads the files of the sentencepiece library (tokenizer.model), which are
// protocol buffers. Sizes are checked before they are used.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_SENTENCEPIECE_H
#define LORA_RUNTIME_TEXT_SENTENCEPIECE_H

#include "TokenizerState.h"

namespace lora_rt::text {

/// A tokenizer.model as it is in the file.
struct SentencePieceModel {
  /// Types of pieces.
  static constexpr int normal = 1, unknown = 2, control = 3, userDefined = 4,
                       unused = 5, byte = 6;
  /// Types of models.
  static constexpr int unigram = 1, bpe = 2;

  struct Piece {
    std::string text;
    float score = 0;
    int type = normal;
  };
  std::vector<Piece> pieces;
  int type = unigram;
  bool byteFallback = false;
  int32_t unknownId = 0, bosId = 1, eosId = 2;
  std::string unknownPiece = "<unk>", bosPiece = "<s>", eosPiece = "</s>";
  std::string charsmap;
  bool addsDummyPrefix = true;
  bool removesExtraSpaces = true;
  bool escapesSpaces = true;

  static Expected<SentencePieceModel> read(std::string_view bytes,
                                           const std::string &where);

  /// The merges of a BPE model, which are not in the file: pairs of pieces that
  /// form another one. By scores, of normal pieces only; or by ids.
  MergeTexts merges(bool isByScore) const;

  /// The tokenizer that transformers creates for a model of an unknown class.
  /// With `isLegacy`, each text between added tokens begins with a space.
  Ingredients generic(bool isLegacy) const;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_SENTENCEPIECE_H
