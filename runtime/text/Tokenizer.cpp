//===- Tokenizer.cpp - From text to ids and back --------------------------===//
//
// The order of the steps is that of the tokenizers library. Added tokens are
// split from the text, and the text between them is normalised. Then the added
// tokens that are searched in normalised texts are split off. The rest is split
// into words, and each word into pieces.
//
//===----------------------------------------------------------------------===//

#include "Normalizer.h"
#include "TokenizerState.h"

#include <algorithm>

namespace lora_rt {

using namespace text;

namespace {

constexpr size_t maxTextBytes = size_t(1) << 30;
constexpr std::string_view storeMagic = "LORATOK3";

/// White space at the ends of a token's own text: "Ġ" is a space in bytes that
/// are printed.
Encodings::Spaces spacesOf(std::string_view text) {
  auto isSpace = [](char32_t c) { return c == 0x120 || isWhitespace(c); };
  Encodings::Spaces spaces;
  for (size_t at = 0; at < text.size();) {
    if (!isSpace(nextCharacter(text, at)))
      break;
    ++spaces.front;
  }
  for (size_t at = text.size(); at > 0;) {
    if (!isSpace(previousCharacter(text, at)))
      break;
    ++spaces.behind;
  }
  return spaces;
}

/// Encodes one text.
class Encoder {
public:
  Encoder(const TokenizerState &state, const EncodeOptions &options,
          ModelState &modelState)
      : state(state), options(options), modelState(modelState) {
    tracks = options.wantsOffsets || state.isAlwaysTracked;
    wantsSpaces = options.wantsOffsets && state.postProcessor &&
                  state.postProcessor->needsSpaces();
  }

  TextEncoding encoding;
  std::vector<Encodings::Spaces> spaces;
  bool wantsSpaces;

  Error run(std::string_view text) {
    std::vector<AddedTokens::Part> parts;
    bool skips = options.splitSpecialTokens || state.splitsSpecialTokens;
    state.added.split(text, false, skips, parts);
    for (const AddedTokens::Part &part : parts) {
      if (part.id) {
        add(*part.id, part.range,
            text.substr(part.range.begin, part.range.size()));
        continue;
      }
      NormalizedText normalized(text, part.range, tracks);
      if (options.lowersCase)
        lowerCaseAll(normalized);
      if (state.normalizer)
        if (Error error = state.normalizer->normalize(normalized))
          return error;
      if (Error error = between(std::move(normalized), skips))
        return error;
    }
    return Error::success();
  }

private:
  const TokenizerState &state;
  const EncodeOptions &options;
  ModelState &modelState;
  std::vector<Piece> pieces;
  bool tracks;

  void add(uint32_t id, Range origin, std::string_view text) {
    encoding.ids.push_back(id);
    if (options.wantsOffsets)
      encoding.offsets.push_back({origin.begin, origin.end});
    if (wantsSpaces)
      spaces.push_back(spacesOf(text));
  }

  /// A normalised text between added tokens.
  Error between(NormalizedText normalized, bool skips) {
    std::vector<AddedTokens::Part> parts;
    state.added.split(normalized.text(), true, skips, parts);
    if (parts.size() == 1 && !parts[0].id)
      return words(std::move(normalized));
    for (const AddedTokens::Part &part : parts) {
      if (part.id)
        add(*part.id, normalized.original(part.range),
            std::string_view(normalized.text())
                .substr(part.range.begin, part.range.size()));
      else if (Error error = words(normalized.slice(part.range)))
        return error;
    }
    return Error::success();
  }

  Error words(NormalizedText normalized) {
    auto size = uint32_t(normalized.text().size());
    Words words = {std::move(normalized), {}};
    if (size)
      words.ranges.push_back({0, size});
    if (state.preTokenizer)
      if (Error error = state.preTokenizer->split(words))
        return error;
    std::string_view text = words.text.text();
    auto textOf = [&](Range word, const Piece &piece) {
      if (!wantsSpaces)
        return std::string_view();
      if (state.model->verbatimId() == piece.id)
        return text.substr(word.begin + piece.begin, piece.end - piece.begin);
      return state.model->vocabulary().text(piece.id).value_or("");
    };
    for (Range word : words.ranges) {
      pieces.clear();
      if (Error error = state.model->tokenize(
              text.substr(word.begin, word.size()), modelState, pieces))
        return error;
      if (!options.wantsOffsets) {
        for (const Piece &piece : pieces)
          encoding.ids.push_back(piece.id);
        continue;
      }
      for (const Piece &piece : pieces)
        add(piece.id,
            words.text.original(
                {word.begin + piece.begin, word.begin + piece.end}),
            textOf(word, piece));
    }
    return Error::success();
  }
};

/// The origin of each byte of replaceInvalid(text), and of its end.
std::vector<Range> placesOf(std::string_view text) {
  std::vector<Range> places;
  places.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size();) {
    size_t valid = validPrefix(text.substr(at));
    for (size_t i = 0; i < valid; ++i)
      places.push_back({uint32_t(at + i), uint32_t(at + i + 1)});
    at += valid;
    if (at == text.size())
      break;
    size_t bytes = invalidBytes(text, at);
    places.insert(places.end(), 3, {uint32_t(at), uint32_t(at + bytes)});
    at += bytes;
  }
  places.push_back({uint32_t(text.size()), uint32_t(text.size())});
  return places;
}

Error checkSize(std::string_view text) {
  if (text.size() <= maxTextBytes)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, "a text of ", text.size(),
                   " bytes; a tokenizer takes at most ", maxTextBytes,
                   ": cut it into parts");
}

Expected<TextEncoding> encodeTexts(const TokenizerState &state,
                                   std::span<const std::string_view> texts,
                                   const EncodeOptions &options) {
  Encodings encodings;
  encodings.hasOffsets = options.wantsOffsets;
  std::vector<std::string> replaced(texts.size());
  std::unique_ptr<ModelState> modelState = state.takeState();
  Error error;
  for (size_t i = 0; i < texts.size() && !error; ++i) {
    std::string_view text = texts[i];
    error = checkSize(text);
    if (error)
      break;
    if (validPrefix(text) != text.size()) {
      replaced[i] = replaceInvalid(text);
      text = replaced[i];
      error = checkSize(text);
      if (error)
        break;
    }
    Encoder encoder(state, options, *modelState);
    error = encoder.run(text);
    TextEncoding &encoding = encoder.encoding;
    encoding.typeIds.assign(encoding.ids.size(), uint32_t(i));
    encoding.isAdded.assign(encoding.ids.size(), 0);
    encoding.textOf.assign(encoding.ids.size(), uint8_t(i));
    encodings.texts.push_back(std::move(encoding));
    encodings.sources.push_back(text);
    if (encoder.wantsSpaces)
      encodings.spaces.push_back(std::move(encoder.spaces));
  }
  state.giveBack(std::move(modelState));
  if (error)
    return error;
  if (state.postProcessor)
    if (Error failed =
            state.postProcessor->process(encodings, options.addSpecialTokens))
      return failed;
  TextEncoding result;
  if (!encodings.texts.empty())
    result = std::move(encodings.texts[0]);
  for (size_t i = 1; i < encodings.texts.size(); ++i) {
    const TextEncoding &more = encodings.texts[i];
    result.ids.insert(result.ids.end(), more.ids.begin(), more.ids.end());
    result.typeIds.insert(result.typeIds.end(), more.typeIds.begin(),
                          more.typeIds.end());
    result.isAdded.insert(result.isAdded.end(), more.isAdded.begin(),
                          more.isAdded.end());
    result.textOf.insert(result.textOf.end(), more.textOf.begin(),
                         more.textOf.end());
    result.offsets.insert(result.offsets.end(), more.offsets.begin(),
                          more.offsets.end());
  }
  // Converts offsets in texts with replaced invalid bytes to offsets in the
  // given texts.
  for (size_t i = 0; i < texts.size(); ++i) {
    if (replaced[i].empty())
      continue;
    std::vector<Range> places = placesOf(texts[i]);
    for (size_t j = 0; j < result.offsets.size(); ++j) {
      TextRange &range = result.offsets[j];
      if (result.textOf[j] != i)
        continue;
      uint32_t begin = places[range.begin].begin;
      range.end = range.end > range.begin ? places[range.end - 1].end : begin;
      range.begin = begin;
    }
  }
  return result;
}

} // namespace

std::unique_ptr<ModelState> TokenizerState::takeState() const {
  std::lock_guard<std::mutex> lock(mutex);
  if (idle.empty())
    return std::make_unique<ModelState>();
  std::unique_ptr<ModelState> result = std::move(idle.back());
  idle.pop_back();
  return result;
}

void TokenizerState::giveBack(std::unique_ptr<ModelState> state) const {
  // The memory for a very long text is released afterwards.
  constexpr size_t most = size_t(1) << 20;
  if (state->items.capacity() > most || state->nodes.capacity() > most)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  idle.push_back(std::move(state));
}

std::optional<std::string_view> TokenizerState::token(uint32_t id) const {
  if (std::optional<std::string_view> content = added.text(id))
    return content;
  return model->vocabulary().text(id);
}

Tokenizer::Tokenizer(std::unique_ptr<TokenizerState> state)
    : state(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Expected<Tokenizer> Tokenizer::fromJson(std::string_view json,
                                        const std::string &where) {
  Expected<Ingredients> ingredients = readTokenizerJson(json, where);
  if (!ingredients)
    return ingredients.takeError();
  Expected<std::unique_ptr<TokenizerState>> state =
      build(std::move(*ingredients), where);
  if (!state)
    return state.takeError();
  return Tokenizer(std::move(*state));
}

std::string Tokenizer::store() const {
  StoreWriter writer;
  writer.addBytes(storeMagic);
  writer.addBytes(state->description.dump());
  state->model->vocabulary().store(writer);
  state->model->store(writer);
  state->added.store(writer);
  return writer.take();
}

Expected<Tokenizer> Tokenizer::fromStored(std::span<const std::byte> bytes,
                                          const std::string &where) {
  StoreReader reader(bytes, where);
  if (reader.takeBytes() != storeMagic)
    return makeError(ErrorCode::InvalidFile, where,
                     ": not a tokenizer that this version stored; compile the "
                     "model again");
  auto state = std::make_unique<TokenizerState>();
  state->where = where;
  Expected<Json> description = parseJson(reader.takeBytes(), where);
  if (!description)
    return description.takeError();
  state->description = std::move(*description);
  Expected<std::unique_ptr<Model>> model =
      readModel(state->description, reader, where);
  if (!model)
    return model.takeError();
  Expected<AddedTokens> added = AddedTokens::read(reader);
  if (!added)
    return added.takeError();
  if (Error error = reader.finish())
    return error;
  state->model = std::move(*model);
  state->added = std::move(*added);
  if (Error error = buildComponents(*state, /*isStored=*/true))
    return error;
  return Tokenizer(std::move(state));
}

Expected<TextEncoding> Tokenizer::encode(std::string_view text,
                                         const EncodeOptions &options) const {
  return encodeTexts(*state, {&text, 1}, options);
}

Expected<TextEncoding> Tokenizer::encode(std::string_view first,
                                         std::string_view second,
                                         const EncodeOptions &options) const {
  std::string_view texts[] = {first, second};
  return encodeTexts(*state, texts, options);
}

Expected<std::string> Tokenizer::decode(std::span<const uint32_t> ids,
                                        bool skipSpecial) const {
  TextStream run = stream(skipSpecial);
  std::string text;
  for (uint32_t id : ids)
    text += run.push(id);
  return text + run.finish();
}

std::string Tokenizer::join(std::span<const std::string> tokens) const {
  Decoder::Run run(state->tokenDecoder);
  std::string text;
  for (const std::string &token : tokens)
    text += run.push(token);
  return text + run.finish();
}

std::optional<std::string> Tokenizer::token(uint32_t id) const {
  if (std::optional<std::string_view> text = state->token(id))
    return std::string(*text);
  return std::nullopt;
}

std::optional<uint32_t> Tokenizer::id(std::string_view token) const {
  if (std::optional<uint32_t> id = state->added.id(token))
    return id;
  return state->model->vocabulary().id(token);
}

uint32_t Tokenizer::idLimit() const {
  uint32_t limit = state->model->vocabulary().limit();
  if (size_t count = state->added.size())
    limit = std::max(limit, state->added.idAt(count - 1) + 1);
  return limit;
}

std::vector<AddedTokenInfo> Tokenizer::addedTokens() const {
  std::vector<AddedTokenInfo> result;
  for (size_t i = 0; i < state->added.size(); ++i)
    result.push_back({state->added.idAt(i),
                      std::string(state->added.contentAt(i)),
                      state->added.isSpecial(state->added.idAt(i))});
  return result;
}

bool Tokenizer::isSpecial(uint32_t id) const {
  return state->added.isSpecial(id);
}

const std::vector<NamedToken> &Tokenizer::namedTokens() const {
  return state->named;
}

std::optional<uint32_t> Tokenizer::namedId(std::string_view name) const {
  for (const NamedToken &token : state->named)
    if (token.name == name)
      return token.id;
  return std::nullopt;
}

uint64_t Tokenizer::maxLength() const { return state->maxLength; }
bool Tokenizer::truncatesLeft() const { return state->truncatesLeft; }
bool Tokenizer::givesTypes() const { return state->givesTypes; }

struct TextStream::State {
  const TokenizerState *tokenizer;
  bool skipSpecial;
  Decoder::Run run;
};

TextStream::TextStream(std::unique_ptr<State> state)
    : state(std::move(state)) {}
TextStream::TextStream(TextStream &&) noexcept = default;
TextStream &TextStream::operator=(TextStream &&) noexcept = default;
TextStream::~TextStream() = default;

TextStream Tokenizer::stream(bool skipSpecial) const {
  return TextStream(std::make_unique<TextStream::State>(TextStream::State{
      state.get(), skipSpecial, Decoder::Run(state->decoder)}));
}

std::string TextStream::push(uint32_t id) {
  std::optional<std::string_view> token = state->tokenizer->token(id);
  if (!token ||
      (state->skipSpecial && state->tokenizer->added.isSpecial(*token)))
    return "";
  return state->run.push(*token);
}

std::string TextStream::finish() { return state->run.finish(); }

} // namespace lora_rt
