//===- Decoder.h - From pieces to a text, one by one ------------*- C++ -*-===//
//
// A decoder is a chain of stages. Pieces are pushed into the first one; each
// hands on what no later piece can change. Decoding at once and decoding one by
// one are the same pushes, so that their texts are equal.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_DECODER_H
#define LORA_RUNTIME_TEXT_DECODER_H

#include "Fields.h"

#include <functional>
#include <memory>
#include <vector>

namespace lora_rt::text {

/// What a stage gives goes here. `startsPiece` is false for what continues the
/// piece before.
class DecodeSink {
public:
  virtual ~DecodeSink() = default;
  virtual void take(std::string_view text, bool startsPiece) = 0;
};

/// One stage of one decoding.
class DecodeStage {
public:
  virtual ~DecodeStage() = default;
  virtual void push(std::string_view text, bool startsPiece,
                    DecodeSink &next) = 0;
  virtual void finish(DecodeSink &next) = 0;
  /// Told that pieces come in parts; says whether it gives them so.
  virtual bool inParts(bool takesParts) { return takesParts; }
};

/// Makes the stages of a decoding.
using StageMaker = std::function<std::unique_ptr<DecodeStage>()>;

class Decoder {
public:
  /// Pieces with spaces between them, which is what no decoder means.
  Decoder();
  /// The component of a tokenizer.json.
  static Expected<Decoder> make(const Json &json, const std::string &where);

  /// One more stage: spaces in front of punctuation go, as
  /// clean_up_tokenization_spaces has it.
  void addCleanUp();

  /// One decoding.
  class Run {
  public:
    explicit Run(const Decoder &decoder);
    /// The text that `piece` settles.
    std::string push(std::string_view piece);
    std::string finish();

  private:
    std::vector<std::unique_ptr<DecodeStage>> stages;
    void pushTo(size_t stage, std::string_view text, bool startsPiece,
                std::string &out);
    friend class RunSink;
  };

private:
  std::vector<StageMaker> makers;
};

/// Stages that give text as soon as it is settled: byte-level bytes, bytes as
/// pieces, and the cleaning of spaces (DecodeText.cpp).
std::unique_ptr<DecodeStage> makeByteLevelStage();
std::unique_ptr<DecodeStage> makeByteFallbackStage();
std::unique_ptr<DecodeStage> makeCleanUpStage();

/// The text without spaces in front of punctuation. `isWordPiece` is the
/// library's rule, which differs from transformers' in one word.
std::string withoutSpaces(std::string text, bool isWordPiece);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_DECODER_H
