//===- PostProcessors.cpp - The post-processors of the library ------------===//
//
// Implements PostProcessor.h: reads the components, and refuses by name what is
// not supported.
//
//===----------------------------------------------------------------------===//

#include "PostProcessor.h"

#include <algorithm>
#include <map>

namespace lora_rt::text {

namespace {

using Spaces = Encodings::Spaces;
using Made = Expected<std::unique_ptr<PostProcessor>>;

void add(TextEncoding &out, std::vector<Spaces> *spaces, uint32_t id,
         uint32_t type, uint8_t text, bool hasOffsets) {
  out.ids.push_back(id);
  out.typeIds.push_back(type);
  out.isAdded.push_back(1);
  out.textOf.push_back(text);
  if (hasOffsets)
    out.offsets.push_back({});
  if (spaces)
    spaces->push_back({});
}

void append(TextEncoding &out, const TextEncoding &from) {
  out.ids.insert(out.ids.end(), from.ids.begin(), from.ids.end());
  out.typeIds.insert(out.typeIds.end(), from.typeIds.begin(),
                     from.typeIds.end());
  out.isAdded.insert(out.isAdded.end(), from.isAdded.begin(),
                     from.isAdded.end());
  out.textOf.insert(out.textOf.end(), from.textOf.begin(), from.textOf.end());
  out.offsets.insert(out.offsets.end(), from.offsets.begin(),
                     from.offsets.end());
}

/// Moves the ends of offsets by characters of their text.
void trim(Encodings &encodings, bool addsPrefixSpace) {
  for (size_t t = 0; t < encodings.texts.size(); ++t) {
    TextEncoding &encoding = encodings.texts[t];
    if (encoding.offsets.empty() || t >= encodings.spaces.size())
      continue;
    for (size_t i = 0; i < encoding.offsets.size(); ++i) {
      std::string_view source = encodings.sources[encoding.textOf[i]];
      TextRange &range = encoding.offsets[i];
      Spaces spaces = encodings.spaces[t][i];
      if (spaces.front) {
        bool isFirst = i == 0 || range.begin == 0;
        uint32_t front =
            isFirst && addsPrefixSpace && spaces.front == 1 ? 0 : spaces.front;
        size_t at = range.begin;
        for (; front && at < range.end; --front)
          at += characterBytes(static_cast<unsigned char>(source[at]));
        range.begin = uint32_t(std::min<size_t>(at, range.end));
      }
      uint32_t behind = spaces.behind;
      size_t end = range.end;
      // The library trims only if the whole text has enough characters before
      // the end.
      size_t at = end;
      uint32_t count = 0;
      while (count < behind && at > 0) {
        --at;
        while (at > 0 && isContinuation(static_cast<unsigned char>(source[at])))
          --at;
        ++count;
      }
      if (behind && count == behind)
        range.end = uint32_t(std::max<size_t>(at, range.begin));
    }
  }
}

class Trimming final : public PostProcessor {
public:
  Trimming(bool isTrimmed, bool addsPrefixSpace)
      : isTrimmed(isTrimmed), addsPrefixSpace(addsPrefixSpace) {}
  bool needsSpaces() const override { return isTrimmed; }
  Error process(Encodings &encodings, bool) const override {
    if (isTrimmed)
      trim(encodings, addsPrefixSpace);
    return Error::success();
  }

private:
  bool isTrimmed, addsPrefixSpace;
};

/// BERT's and RoBERTa's: [CLS] a [SEP] b [SEP], <s> a </s></s> b </s>.
class Framing final : public PostProcessor {
public:
  uint32_t cls = 0, sep = 0;
  bool isRoberta = false, isTrimmed = false, addsPrefixSpace = false;

  bool needsSpaces() const override { return isTrimmed; }

  Error process(Encodings &encodings, bool addsSpecial) const override {
    if (isTrimmed)
      trim(encodings, addsPrefixSpace);
    if (isRoberta)
      for (TextEncoding &text : encodings.texts)
        std::fill(text.typeIds.begin(), text.typeIds.end(), 0);
    if (!addsSpecial)
      return Error::success();
    for (size_t t = 0; t < encodings.texts.size(); ++t) {
      TextEncoding &text = encodings.texts[t];
      TextEncoding framed;
      std::vector<Spaces> spaces,
          *added = t < encodings.spaces.size() ? &spaces : nullptr;
      bool hasOffsets = encodings.hasOffsets;
      uint32_t type = isRoberta || t == 0 ? 0 : 1;
      uint8_t which = text.textOf.empty() ? uint8_t(t > 0) : text.textOf[0];
      if (t == 0 || isRoberta)
        add(framed, added, t == 0 ? cls : sep, type, which, hasOffsets);
      append(framed, text);
      if (added)
        spaces.insert(spaces.end(), encodings.spaces[t].begin(),
                      encodings.spaces[t].end());
      add(framed, added, sep, type, which, hasOffsets);
      text = std::move(framed);
      if (added)
        encodings.spaces[t] = std::move(spaces);
    }
    return Error::success();
  }
};

class Template final : public PostProcessor {
public:
  struct Part {
    bool isText;
    uint32_t text; ///< which
    std::vector<uint32_t> ids;
    uint32_t type;
  };
  std::vector<Part> single, pair;

  std::string place;

  /// Makes an encoding of each part: what follows in a sequence of
  /// post-processors changes them one by one, as in the library.
  Error process(Encodings &encodings, bool addsSpecial) const override {
    if (encodings.texts.size() > 2)
      return makeError(ErrorCode::InvalidFile, place,
                       ": it follows a TemplateProcessing, which the "
                       "tokenizers library does not define; make one template "
                       "of the two");
    std::vector<TextEncoding> texts = std::move(encodings.texts);
    std::vector<std::vector<Spaces>> spaces = std::move(encodings.spaces);
    encodings.texts.clear();
    encodings.spaces.clear();
    for (const Part &part : texts.size() > 1 ? pair : single) {
      TextEncoding made;
      std::vector<Spaces> madeSpaces;
      if (part.isText && part.text < texts.size()) {
        made = texts[part.text];
        std::fill(made.typeIds.begin(), made.typeIds.end(), part.type);
        if (!spaces.empty())
          madeSpaces = spaces[part.text];
      } else if (part.isText || !addsSpecial) {
        continue;
      }
      for (uint32_t id : part.ids)
        add(made, spaces.empty() ? nullptr : &madeSpaces, id, part.type, 0,
            encodings.hasOffsets);
      encodings.texts.push_back(std::move(made));
      if (!spaces.empty())
        encodings.spaces.push_back(std::move(madeSpaces));
    }
    return Error::success();
  }
};

class Sequence final : public PostProcessor {
public:
  std::vector<std::unique_ptr<PostProcessor>> parts;
  bool needsSpaces() const override {
    return std::any_of(parts.begin(), parts.end(),
                       [](const auto &part) { return part->needsSpaces(); });
  }
  Error process(Encodings &encodings, bool addsSpecial) const override {
    for (const auto &part : parts)
      if (Error error = part->process(encodings, addsSpecial))
        return error;
    return Error::success();
  }
};

bool isId(const Json &value) {
  return isIndex(value) && value.get<uint64_t>() < UINT32_MAX;
}

/// ["[SEP]", 102].
uint32_t tokenAndId(Component &component, const char *key) {
  const Json *value = component.find(key);
  if (value && value->is_array() && value->size() == 2 &&
      (*value)[0].is_string() && isId((*value)[1]))
    return (*value)[1].get<uint32_t>();
  component.fail("expected a token and its id for '", key, "'");
  return 0;
}

Made makeFraming(Component &component, bool isRoberta) {
  auto framing = std::make_unique<Framing>();
  framing->isRoberta = isRoberta;
  framing->cls = tokenAndId(component, "cls");
  framing->sep = tokenAndId(component, "sep");
  if (isRoberta) {
    framing->isTrimmed = component.flag("trim_offsets");
    framing->addsPrefixSpace = component.flag("add_prefix_space");
  }
  if (component)
    return component.take();
  return std::unique_ptr<PostProcessor>(std::move(framing));
}

Error readParts(Component &component, const char *key,
                const std::map<std::string, std::vector<uint32_t>> &specials,
                std::vector<Template::Part> &out) {
  std::vector<bool> hasText(2);
  for (const Json &part : component.list(key)) {
    const Json *body =
        part.is_object() && part.size() == 1 ? &part.begin().value() : nullptr;
    if (!body || !body->is_object() || !body->contains("id") ||
        !(*body)["id"].is_string() || !body->contains("type_id") ||
        !isId((*body)["type_id"])) {
      component.fail("expected parts with 'id' and 'type_id' in '", key, "'");
      break;
    }
    std::string kind = part.begin().key();
    std::string id = (*body)["id"].get<std::string>();
    Template::Part made = {
        kind == "Sequence", 0, {}, (*body)["type_id"].get<uint32_t>()};
    if (kind == "Sequence") {
      if (id != "A" && id != "B")
        component.fail("unknown sequence '", id, "' in '", key, "'");
      made.text = id == "B";
      hasText[made.text] = true;
    } else if (kind == "SpecialToken") {
      auto found = specials.find(id);
      if (found == specials.end())
        component.fail("'", id, "' is not in 'special_tokens'");
      else
        made.ids = found->second;
    } else {
      component.fail("unknown part '", kind, "' in '", key, "'");
    }
    out.push_back(std::move(made));
  }
  if (key == std::string_view("pair") && !component &&
      !(hasText[0] && hasText[1]))
    component.fail("expected both sequences, A and B, in 'pair'");
  return component ? component.take() : Error::success();
}

Made makeTemplate(Component &component) {
  std::map<std::string, std::vector<uint32_t>> specials;
  const Json *tokens = component.find("special_tokens");
  if (tokens && tokens->is_object()) {
    for (const auto &[name, token] : tokens->items()) {
      std::vector<uint32_t> ids;
      bool isSound = token.is_object() && token.contains("ids") &&
                     token["ids"].is_array() && token["ids"].size() <= 1000;
      if (isSound)
        for (const Json &id : token["ids"]) {
          isSound &= isId(id);
          if (isSound)
            ids.push_back(id.get<uint32_t>());
        }
      if (!isSound)
        component.fail("expected 'ids' for the special token '", name, "'");
      specials[name] = std::move(ids);
    }
  } else if (!tokens || !tokens->is_array() || !tokens->empty()) {
    component.fail("expected an object for 'special_tokens'");
  }
  auto result = std::make_unique<Template>();
  result->place = component.place();
  if (Error error = readParts(component, "single", specials, result->single))
    return error;
  if (Error error = readParts(component, "pair", specials, result->pair))
    return error;
  return std::unique_ptr<PostProcessor>(std::move(result));
}

} // namespace

Made makePostProcessor(const Json &json, const std::string &where) {
  Component component(json, where);
  if (component)
    return component.take();
  const std::string &type = component.type();
  if (type == "TemplateProcessing")
    return makeTemplate(component);
  if (type == "BertProcessing")
    return makeFraming(component, false);
  if (type == "RobertaProcessing")
    return makeFraming(component, true);
  if (type == "ByteLevel") {
    bool isTrimmed = component.flag("trim_offsets");
    bool addsPrefixSpace = component.flag("add_prefix_space");
    if (component)
      return component.take();
    return std::unique_ptr<PostProcessor>(
        std::make_unique<Trimming>(isTrimmed, addsPrefixSpace));
  }
  if (type == "Sequence") {
    auto sequence = std::make_unique<Sequence>();
    for (const Json &part : component.list("processors")) {
      Made one = makePostProcessor(part, where);
      if (!one)
        return one.takeError();
      sequence->parts.push_back(std::move(*one));
    }
    if (component)
      return component.take();
    return std::unique_ptr<PostProcessor>(std::move(sequence));
  }
  return component.unknown();
}

} // namespace lora_rt::text
