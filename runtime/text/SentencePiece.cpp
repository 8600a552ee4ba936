//===- SentencePiece.cpp - Models of the sentencepiece library ------------===//
//
// A tokenizer.model is a protocol buffer (sentencepiece_model.proto): pieces
// with scores and types, the settings of its training, and its normalizer. It
// is converted to a tokenizer.json as in transformers.
//
//===----------------------------------------------------------------------===//

#include "SentencePiece.h"

#include <algorithm>
#include <cstring>

namespace lora_rt::text {

namespace {

/// A field of a message: its number, and its value by its wire type.
struct Field {
  uint32_t number = 0;
  uint32_t wireType = 0;
  uint64_t value = 0;
  std::string_view bytes;
};

/// Reads the fields of one message, one after the other.
class Message {
public:
  explicit Message(std::string_view bytes) : rest(bytes) {}

  /// False at the end, or if the bytes are not a message.
  bool next(Field &field) {
    if (rest.empty())
      return false;
    uint64_t key = varint();
    field.number = uint32_t(key >> 3);
    field.wireType = uint32_t(key & 7);
    field.bytes = {};
    field.value = 0;
    switch (field.wireType) {
    case 0:
      field.value = varint();
      break;
    case 1:
      fixed(field, 8);
      break;
    case 2: {
      uint64_t size = varint();
      if (size > rest.size()) {
        isSound = false;
        break;
      }
      field.bytes = rest.substr(0, size);
      rest.remove_prefix(size);
      break;
    }
    case 5:
      fixed(field, 4);
      break;
    default:
      isSound = false;
    }
    return isSound && field.number;
  }

  bool isSound = true;

private:
  std::string_view rest;

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest[0]);
      rest.remove_prefix(1);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return value;
    }
    isSound = false;
    return 0;
  }

  void fixed(Field &field, size_t bytes) {
    if (rest.size() < bytes) {
      isSound = false;
      return;
    }
    std::memcpy(&field.value, rest.data(), bytes);
    rest.remove_prefix(bytes);
  }
};

float asFloat(const Field &field) {
  auto bits = uint32_t(field.value);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

bool readPiece(std::string_view bytes, SentencePieceModel::Piece &piece) {
  Message message(bytes);
  Field field;
  while (message.next(field)) {
    if (field.number == 1)
      piece.text = field.bytes;
    else if (field.number == 2)
      piece.score = asFloat(field);
    else if (field.number == 3)
      piece.type = int(field.value);
  }
  return message.isSound;
}

bool readTrainer(std::string_view bytes, SentencePieceModel &model) {
  Message message(bytes);
  Field field;
  while (message.next(field)) {
    switch (field.number) {
    case 3:
      model.type = int(field.value);
      break;
    case 35:
      model.byteFallback = field.value != 0;
      break;
    case 40:
      model.unknownId = int32_t(field.value);
      break;
    case 41:
      model.bosId = int32_t(field.value);
      break;
    case 42:
      model.eosId = int32_t(field.value);
      break;
    case 45:
      model.unknownPiece = field.bytes;
      break;
    case 46:
      model.bosPiece = field.bytes;
      break;
    case 47:
      model.eosPiece = field.bytes;
      break;
    default:
      break;
    }
  }
  return message.isSound;
}

bool readNormalizer(std::string_view bytes, SentencePieceModel &model) {
  Message message(bytes);
  Field field;
  while (message.next(field)) {
    if (field.number == 2)
      model.charsmap = field.bytes;
    else if (field.number == 3)
      model.addsDummyPrefix = field.value != 0;
    else if (field.number == 4)
      model.removesExtraSpaces = field.value != 0;
    else if (field.number == 5)
      model.escapesSpaces = field.value != 0;
  }
  return message.isSound;
}

} // namespace

Expected<SentencePieceModel>
SentencePieceModel::read(std::string_view bytes, const std::string &where) {
  SentencePieceModel model;
  Message message(bytes);
  Field field;
  bool isSound = true;
  while (isSound && message.next(field)) {
    if (field.wireType != 2)
      continue;
    if (field.number == 1)
      isSound = readPiece(field.bytes, model.pieces.emplace_back());
    else if (field.number == 2)
      isSound = readTrainer(field.bytes, model);
    else if (field.number == 3)
      isSound = readNormalizer(field.bytes, model);
  }
  if (!isSound || !message.isSound || model.pieces.empty())
    return makeError(ErrorCode::InvalidFile, where,
                     ": not a sentencepiece model: the file is damaged, or of "
                     "another kind");
  auto isText = [](const std::string &text) {
    return validPrefix(text) == text.size();
  };
  bool areTexts = isText(model.unknownPiece) && isText(model.bosPiece) &&
                  isText(model.eosPiece);
  for (const Piece &piece : model.pieces)
    areTexts = areTexts && isText(piece.text);
  if (!areTexts)
    return makeError(ErrorCode::InvalidFile, where,
                     ": a piece that is not UTF-8");
  if (model.type != unigram && model.type != bpe)
    return makeError(ErrorCode::Unsupported, where,
                     ": a sentencepiece model of ",
                     model.type == 3 ? "words" : "characters",
                     "; expected one of type unigram or bpe");
  return model;
}

MergeTexts SentencePieceModel::merges(bool isByScore) const {
  std::map<std::string_view, uint32_t> ids;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (!isByScore || pieces[i].type == normal)
      ids[pieces[i].text] = uint32_t(i);
  struct Candidate {
    std::string_view left, right;
    float score;
    uint32_t id, leftId, rightId;
  };
  std::vector<Candidate> found;
  for (const auto &[text, id] : ids) {
    for (size_t at = 0; at < text.size();) {
      nextCharacter(text, at);
      if (at == text.size())
        break;
      auto left = ids.find(text.substr(0, at)),
           right = ids.find(text.substr(at));
      if (left != ids.end() && right != ids.end())
        found.push_back({left->first, right->first, pieces[id].score, id,
                         left->second, right->second});
    }
  }
  std::sort(found.begin(), found.end(),
            [&](const Candidate &a, const Candidate &b) {
              if (isByScore) {
                if (a.score != b.score)
                  return a.score > b.score;
                if (a.id != b.id)
                  return a.id < b.id;
                return a.left != b.left ? a.left < b.left : a.right < b.right;
              }
              // The length is counted in characters.
              auto length = [](std::string_view text) {
                size_t count = 0;
                for (char c : text)
                  count += !isContinuation(static_cast<unsigned char>(c));
                return count;
              };
              if (a.id != b.id)
                return a.id < b.id;
              if (length(a.left) != length(b.left))
                return length(a.left) < length(b.left);
              if (length(a.right) != length(b.right))
                return length(a.right) < length(b.right);
              return a.leftId != b.leftId ? a.leftId < b.leftId
                                          : a.rightId < b.rightId;
            });
  MergeTexts merges;
  for (const Candidate &one : found)
    merges.emplace_back(one.left, one.right);
  return merges;
}

namespace {

Json regexReplace(const char *pattern, const char *content) {
  return {{"type", "Replace"},
          {"pattern", {{"Regex", pattern}}},
          {"content", content}};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && !(c & 0x80))
      out += '\\';
    out += c;
  }
  return out;
}

} // namespace

Ingredients SentencePieceModel::generic(bool isLegacy) const {
  Ingredients out;
  std::vector<const Piece *> userDefined;
  for (size_t i = 0; i < pieces.size(); ++i) {
    out.vocabulary.push_back({pieces[i].text, uint32_t(i)});
    out.scores.push_back(pieces[i].score);
    if (pieces[i].type == SentencePieceModel::userDefined)
      userDefined.push_back(&pieces[i]);
  }
  Json model;
  if (type == bpe) {
    out.merges = merges(/*isByScore=*/true);
    model = {{"type", "BPE"},
             {"unk_token", unknownPiece},
             {"fuse_unk", true},
             {"byte_fallback", byteFallback},
             {"ignore_merges", !userDefined.empty()}};
  } else {
    model = {{"type", "Unigram"},
             {"unk_id", unknownId},
             {"byte_fallback", byteFallback}};
  }
  Json normalizers = Json::array(), preTokenizers = Json::array(),
       decoders = Json::array();
  if (!charsmap.empty())
    normalizers.push_back({{"type", "Precompiled"},
                           {"precompiled_charsmap", toBase64(charsmap)}});
  if (removesExtraSpaces) {
    normalizers.push_back(regexReplace(R"(\A +| +\z)", ""));
    normalizers.push_back(regexReplace(" {2,}", " "));
  }
  if (escapesSpaces)
    normalizers.push_back({{"type", "Replace"},
                           {"pattern", {{"String", " "}}},
                           {"content", "▁"}});
  if (addsDummyPrefix && isLegacy)
    normalizers.push_back(regexReplace(R"(\A▁)", "▁▁"));
  if (addsDummyPrefix)
    preTokenizers.push_back({{"type", "Metaspace"},
                             {"replacement", "▁"},
                             {"prepend_scheme", isLegacy ? "always" : "first"},
                             {"split", false}});
  if (!userDefined.empty()) {
    auto length = [](const std::string &text) {
      size_t count = 0;
      for (char c : text)
        count += !isContinuation(static_cast<unsigned char>(c));
      return count;
    };
    // Longer ones first; among equal ones, those with lower ids first.
    std::sort(userDefined.begin(), userDefined.end(),
              [&](const Piece *a, const Piece *b) {
                size_t one = length(a->text), other = length(b->text);
                return one != other ? one > other : a < b;
              });
    std::string pattern;
    for (const Piece *piece : userDefined)
      pattern += (pattern.empty() ? "" : "|") + escaped(piece->text);
    preTokenizers.push_back({{"type", "Split"},
                             {"pattern", {{"Regex", pattern}}},
                             {"behavior", "Isolated"},
                             {"invert", false}});
  }
  decoders.push_back(
      {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}});
  if (byteFallback)
    decoders.push_back({{"type", "ByteFallback"}});
  if (addsDummyPrefix) {
    decoders.push_back({{"type", "Fuse"}});
    decoders.push_back(
        {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  } else if (byteFallback) {
    decoders.push_back({{"type", "Fuse"}});
  }
  out.description = {
      {"model", model},
      {"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
      {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}}};
  if (!preTokenizers.empty())
    out.description["pre_tokenizer"] = {{"type", "Sequence"},
                                        {"pretokenizers", preTokenizers}};
  return out;
}

} // namespace lora_rt::text
