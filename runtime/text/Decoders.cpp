//===- Decoders.cpp - The decoders of the tokenizers library --------------===//
//
// Implements the components of `decoder` in tokenizer.json. Each is a stage
// that gets pieces one by one, so that a text can be decoded while it is
// generated. A stage delays what may still change.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"
#include "Pattern.h"

namespace lora_rt::text {

namespace {

/// A stage that is a function of a piece and of whether it is the first.
template <typename Function> class EachPiece final : public PieceStage {
public:
  explicit EachPiece(Function function) : function(std::move(function)) {}

private:
  void piece(std::string text, DecodeSink &next) override {
    next.take(function(std::move(text), isFirst), true);
    isFirst = false;
  }
  Function function;
  bool isFirst = true;
};

template <typename Function> StageMaker eachPiece(Function function) {
  return [function] { return std::make_unique<EachPiece<Function>>(function); };
}

std::string replaceAll(std::string_view text, std::string_view from,
                       std::string_view to) {
  std::string out;
  if (from.empty()) {
    // Inserted between any two characters, as in Rust.
    out += to;
    for (size_t at = 0; at < text.size();) {
      appendCharacter(out, nextCharacter(text, at));
      out += to;
    }
    return out;
  }
  size_t last = 0;
  for (size_t at; (at = text.find(from, last)) != std::string_view::npos;
       last = at + from.size()) {
    out += text.substr(last, at - last);
    out += to;
  }
  out += text.substr(last);
  return out;
}

/// Joins all pieces.
class FuseStage final : public DecodeStage {
public:
  void push(std::string_view text, bool, DecodeSink &next) override {
    next.take(text, !hasBegun);
    hasBegun = true;
  }
  void finish(DecodeSink &next) override {
    if (!hasBegun)
      next.take("", true);
  }

  bool inParts(bool) override { return true; }

private:
  bool hasBegun = false;
};

/// Removes a character at both ends of a piece, up to given numbers. It works
/// on parts: text that may be at the end is delayed.
class StripStage final : public DecodeStage {
public:
  StripStage(char32_t content, uint64_t start, uint64_t stop)
      : start(start), stop(stop) {
    appendCharacter(this->content, content);
  }
  void push(std::string_view text, bool startsPiece,
            DecodeSink &next) override {
    if (startsPiece) {
      finishPiece(next);
      isOpen = true;
      isStart = true;
      hasGiven = false;
      left = start;
    }
    while (isStart && left && text.starts_with(content)) {
      text.remove_prefix(content.size());
      --left;
    }
    if (!text.empty() || !left)
      isStart = false;
    held += text;
    // Only the last characters can still be removed.
    size_t keep = held.size();
    for (uint64_t i = 0;
         i < stop && keep >= content.size() &&
         std::string_view(held).substr(0, keep).ends_with(content);
         ++i)
      keep -= content.size();
    if (keep)
      give(held.substr(0, keep), next);
    held.erase(0, keep);
  }
  void finish(DecodeSink &next) override { finishPiece(next); }

private:
  std::string content, held;
  uint64_t start, stop, left = 0;
  bool isOpen = false, isStart = false, hasGiven = false;

  void give(std::string_view text, DecodeSink &next) {
    next.take(text, !hasGiven);
    hasGiven = true;
  }
  void finishPiece(DecodeSink &next) {
    if (!isOpen)
      return;
    uint64_t count = held.size() / content.size();
    uint64_t kept = count > stop ? count - stop : 0;
    if (kept || !hasGiven)
      give(held.substr(0, kept * content.size()), next);
    held.clear();
    isOpen = false;
  }
};

/// A suffix becomes a space, except at the end; so the last piece is delayed.
class BpeStage final : public PieceStage {
public:
  explicit BpeStage(std::string suffix) : suffix(std::move(suffix)) {}

private:
  void piece(std::string text, DecodeSink &next) override {
    if (isWaiting)
      next.take(replaceAll(waiting, suffix, " "), true);
    waiting = std::move(text);
    isWaiting = true;
  }
  void end(DecodeSink &next) override {
    if (isWaiting)
      next.take(replaceAll(waiting, suffix, ""), true);
    isWaiting = false;
  }
  std::string suffix, waiting;
  bool isWaiting = false;
};

class CtcStage final : public PieceStage {
public:
  CtcStage(std::string pad, std::string delimiter, bool cleansUp)
      : pad(std::move(pad)), delimiter(std::move(delimiter)),
        cleansUp(cleansUp) {}

private:
  void piece(std::string text, DecodeSink &next) override {
    if (last && *last == text)
      return;
    last = text;
    std::string changed = replaceAll(text, pad, "");
    if (cleansUp)
      changed =
          replaceAll(withoutSpaces(std::move(changed), true), delimiter, " ");
    if (!changed.empty())
      next.take(changed, true);
  }
  std::string pad, delimiter;
  bool cleansUp;
  std::optional<std::string> last;
};

/// Joins pieces with spaces.
class JoinStage final : public DecodeStage {
public:
  void push(std::string_view text, bool startsPiece,
            DecodeSink &next) override {
    if (startsPiece && hasBegun)
      next.take(" ", false);
    next.take(text, !hasBegun);
    hasBegun = true;
  }
  void finish(DecodeSink &) override {}

  bool inParts(bool) override { return true; }

private:
  bool hasBegun = false;
};

Expected<StageMaker> makeMetaspace(Component &component) {
  char32_t replacement = component.character("replacement");
  bool addsSpace = component.flag("add_prefix_space", true);
  std::string scheme =
      component.text("prepend_scheme", addsSpace ? "always" : "never");
  if (component)
    return component.take();
  bool isPrepended = scheme != "never";
  return eachPiece([=](std::string text, bool isFirst) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      char32_t character = nextCharacter(text, at);
      if (character != replacement)
        appendCharacter(out, character);
      else if (!isFirst || !isPrepended)
        out += ' ';
    }
    return out;
  });
}

Expected<StageMaker> makeReplace(Component &component) {
  Expected<Replacement> read = Replacement::read(component);
  if (!read)
    return read.takeError();
  return eachPiece([replacement = std::move(*read)](std::string text, bool) {
    std::vector<Range> matches;
    // If a pattern takes too long on a piece, the piece is unchanged.
    if (replacement.pattern.findAll(text, matches) || matches.empty())
      return text;
    std::string out;
    size_t last = 0;
    for (Range match : matches) {
      out.append(text, last, match.begin - last);
      out += replacement.content;
      last = match.end;
    }
    out.append(text, last);
    return out;
  });
}

Expected<StageMaker> makeStage(Component &component) {
  const std::string &type = component.type();
  if (type == "ByteLevel")
    return StageMaker(makeByteLevelStage);
  if (type == "ByteFallback")
    return StageMaker(makeByteFallbackStage);
  if (type == "Fuse")
    return StageMaker([] { return std::make_unique<FuseStage>(); });
  if (type == "Metaspace")
    return makeMetaspace(component);
  if (type == "Replace")
    return makeReplace(component);
  if (type == "Strip") {
    char32_t content = component.character("content");
    uint64_t start = component.number("start"), stop = component.number("stop");
    if (component)
      return component.take();
    return StageMaker(
        [=] { return std::make_unique<StripStage>(content, start, stop); });
  }
  if (type == "WordPiece") {
    std::string prefix = component.text("prefix");
    bool cleansUp = component.flag("cleanup");
    if (component)
      return component.take();
    return eachPiece([=](std::string text, bool isFirst) {
      if (!isFirst)
        text =
            text.starts_with(prefix) ? text.substr(prefix.size()) : " " + text;
      return cleansUp ? withoutSpaces(std::move(text), true) : text;
    });
  }
  if (type == "BPEDecoder") {
    std::string suffix = component.text("suffix");
    if (component)
      return component.take();
    return StageMaker([=] { return std::make_unique<BpeStage>(suffix); });
  }
  if (type == "CTC") {
    std::string pad = component.text("pad_token");
    std::string delimiter = component.text("word_delimiter_token");
    bool cleansUp = component.flag("cleanup");
    if (component)
      return component.take();
    return StageMaker(
        [=] { return std::make_unique<CtcStage>(pad, delimiter, cleansUp); });
  }
  return component.unknown();
}

Error addStages(const Json &json, const std::string &where,
                std::vector<StageMaker> &makers) {
  Component component(json, where);
  if (component)
    return component.take();
  if (component.type() == "Sequence") {
    for (const Json &part : component.list("decoders"))
      if (Error error = addStages(part, where, makers))
        return error;
    return component ? component.take() : Error::success();
  }
  Expected<StageMaker> maker = makeStage(component);
  if (!maker)
    return maker.takeError();
  makers.push_back(std::move(*maker));
  return Error::success();
}

} // namespace

Decoder::Decoder() {
  makers.push_back([] { return std::make_unique<JoinStage>(); });
}

Expected<Decoder> Decoder::make(const Json &json, const std::string &where) {
  Decoder decoder;
  decoder.makers.clear();
  if (Error error = addStages(json, where, decoder.makers))
    return error;
  return decoder;
}

void Decoder::addCleanUp() { makers.push_back(makeCleanUpStage); }

Decoder::Run::Run(const Decoder &decoder) {
  bool isInParts = false;
  for (const StageMaker &make : decoder.makers) {
    stages.push_back(make());
    isInParts = stages.back()->inParts(isInParts);
  }
}

/// Passes the output of a stage to the next one, or appends it to the text.
class RunSink final : public DecodeSink {
public:
  RunSink(Decoder::Run &run, size_t stage, std::string &out)
      : run(run), stage(stage), out(out) {}
  void take(std::string_view text, bool startsPiece) override {
    run.pushTo(stage, text, startsPiece, out);
  }

private:
  Decoder::Run &run;
  size_t stage;
  std::string &out;
};

void Decoder::Run::pushTo(size_t stage, std::string_view text, bool startsPiece,
                          std::string &out) {
  if (stage == stages.size()) {
    out += text;
    return;
  }
  RunSink sink(*this, stage + 1, out);
  stages[stage]->push(text, startsPiece, sink);
}

std::string Decoder::Run::push(std::string_view piece) {
  std::string out;
  pushTo(0, piece, true, out);
  return out;
}

std::string Decoder::Run::finish() {
  std::string out;
  for (size_t i = 0; i < stages.size(); ++i) {
    RunSink sink(*this, i + 1, out);
    stages[i]->finish(sink);
  }
  return out;
}

} // namespace lora_rt::text
