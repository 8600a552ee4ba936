//===- Decoder.h - From pieces to a text, one by one ------------*- C++ -*-===//
//
// A decoder is a chain of stages. Pieces are pushed into the first one; each
// passes on the text that no later piece can change. Decoding all pieces
// together and decoding them one by one do the same pushes, so their texts are
// equal.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_DECODER_H
#define LORA_RUNTIME_TEXT_DECODER_H

#include "Fields.h"

#include <functional>
#include <memory>
#include <vector>

namespace lora_rt::text {

/// Receives the output of a stage. `startsPiece` is false for text that
/// continues the piece before it.
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
  /// Tells the stage that pieces arrive in parts. Returns whether its output is
  /// in parts, too.
  virtual bool inParts(bool takesParts) { return takesParts; }
};

/// A stage that changes whole pieces. A piece that arrives in parts is
/// collected until its end.
class PieceStage : public DecodeStage {
public:
  void push(std::string_view text, bool startsPiece, DecodeSink &next) final;
  void finish(DecodeSink &next) final {
    flush(next);
    end(next);
  }
  bool inParts(bool takesParts) final {
    isInParts = takesParts;
    return givesParts();
  }

protected:
  virtual void piece(std::string text, DecodeSink &next) = 0;
  virtual void end(DecodeSink &) {}
  virtual bool givesParts() const { return false; }

private:
  std::string held;
  bool isHeld = false, isInParts = false;

  void flush(DecodeSink &next) {
    if (isHeld)
      piece(std::move(held), next);
    held.clear();
    isHeld = false;
  }
};

/// Makes the stages of a decoding.
using StageMaker = std::function<std::unique_ptr<DecodeStage>()>;

class Decoder {
public:
  /// Joins pieces with spaces; used for a tokenizer without a decoder.
  Decoder();
  /// The component of a tokenizer.json.
  static Expected<Decoder> make(const Json &json, const std::string &where);

  /// Adds a stage that removes spaces before punctuation, as
  /// clean_up_tokenization_spaces does.
  void addCleanUp();

  /// One decoding.
  class Run {
  public:
    explicit Run(const Decoder &decoder);
    /// The text that is final after `piece`.
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

/// Stages that output text as soon as it is final: byte-level bytes, bytes as
/// pieces, and the cleaning of spaces (DecodeText.cpp).
std::unique_ptr<DecodeStage> makeByteLevelStage();
std::unique_ptr<DecodeStage> makeByteFallbackStage();
std::unique_ptr<DecodeStage> makeCleanUpStage();

/// The text without spaces before punctuation. `isWordPiece` selects the rule
/// of the tokenizers library, which differs from that of transformers in one
/// word.
std::string withoutSpaces(std::string text, bool isWordPiece);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_DECODER_H
