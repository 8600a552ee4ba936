//===- Generator.cpp - A prompt to a text ---------------------------------===//
//
// Implements Generator. A token is chosen, then shown, then fed; the last one
// is not fed. With lookup, proposed tokens are fed behind a chosen one in the
// same call, and those after the first that the sampler would not have chosen
// are taken back.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Generator.h"
#include "lora-runtime/PromptLookup.h"
#include "lora-runtime/StopTexts.h"

#include <algorithm>

namespace lora_rt {

namespace {

/// The new text, token by token.
class Answer {
public:
  Answer(const TextModel &text, std::span<const int32_t> ends, StopTexts stops,
         int64_t count, bool wantsLogprobs, const Generator::Piece &piece,
         GeneratedText &result)
      : ends(ends), stops(std::move(stops)), count(count),
        wantsLogprobs(wantsLogprobs), piece(piece),
        stream(text.tokenizer().stream(/*skipSpecial=*/true)), result(result) {}

  /// Takes a new token. Returns whether another one is wanted.
  bool take(const Choice &choice) {
    result.ids.push_back(choice.id);
    if (wantsLogprobs)
      result.logprobs.emplace_back(choice.top.begin(), choice.top.end());
    if (std::find(ends.begin(), ends.end(), choice.id) != ends.end())
      return end(FinishReason::Stop);
    pass(stream.push(uint32_t(choice.id)));
    if (isEnded)
      return end(FinishReason::Stop);
    if (isStopped)
      return end(FinishReason::Stopped);
    if (int64_t(result.ids.size()) == count)
      return end(FinishReason::Length);
    return true;
  }

  /// Shows what was held back.
  void finish() {
    if (!isEnded)
      pass(stream.finish());
    if (isEnded)
      result.finish = FinishReason::Stop;
    else
      show(stops.finish());
  }

  /// How many more tokens there may be.
  int64_t room() const { return count - int64_t(result.ids.size()); }

private:
  bool end(FinishReason reason) {
    result.finish = reason;
    return false;
  }

  void pass(const std::string &part) {
    StopTexts::Step step = stops.add(part);
    show(step.text);
    isEnded = step.stop.has_value();
  }

  void show(std::string_view part) {
    if (part.empty())
      return;
    result.text += part;
    if (piece && !isStopped)
      isStopped = !piece(part);
  }

  std::span<const int32_t> ends;
  StopTexts stops;
  int64_t count;
  bool wantsLogprobs;
  const Generator::Piece &piece;
  TextStream stream;
  GeneratedText &result;
  /// A stop text was found; the caller wants no more.
  bool isEnded = false, isStopped = false;
};

/// Chooses, shows and feeds tokens until the answer has ended.
class Decoding {
public:
  Decoding(Session &session, Sampler &sampler, PromptLookup *lookup,
           Answer &answer, GeneratedText &result)
      : session(session), sampler(sampler), lookup(lookup), answer(answer),
        result(result) {}

  Error run();

private:
  Expected<bool> choose(std::span<const float> logits);
  Error verify(std::span<const int32_t> proposal, bool &goesOn);

  Session &session;
  Sampler &sampler;
  /// May be null.
  PromptLookup *lookup;
  Answer &answer;
  GeneratedText &result;
  /// Chosen and shown, but not fed.
  int32_t next = 0;
};

} // namespace

/// Chooses a token and shows it. Returns whether another one is wanted.
Expected<bool> Decoding::choose(std::span<const float> logits) {
  Expected<Choice> choice = sampler.next(logits);
  if (!choice)
    return choice.takeError();
  next = choice->id;
  bool goesOn = answer.take(*choice);
  sampler.take(next);
  if (lookup)
    lookup->take(next);
  return goesOn;
}

/// Feeds `next` and a proposal for what follows it in one call.
Error Decoding::verify(std::span<const int32_t> proposal, bool &goesOn) {
  std::vector<int32_t> ids = {next};
  ids.insert(ids.end(), proposal.begin(), proposal.end());
  int64_t start = session.position();
  size_t right = 0;
  bool isOpen = true;
  Error error = session.feed({ids, {}}, [&](const ResultSpan &rows) -> Error {
    for (size_t row = 0; row < rows.size() && isOpen; ++row) {
      Expected<bool> chosen = choose(rows[row]);
      if (!chosen)
        return chosen.takeError();
      goesOn = *chosen;
      bool isRight = right + 1 < ids.size() && next == ids[right + 1];
      right += isRight;
      isOpen = isRight && goesOn;
    }
    return Error::success();
  });
  if (error)
    return error;
  result.proposed += int64_t(ids.size()) - 1;
  result.accepted += int64_t(right);
  // What follows the right tokens is taken back.
  return session.rewind(start + 1 + int64_t(right));
}

Error Decoding::run() {
  Expected<std::span<const float>> logits = session.last();
  if (!logits)
    return logits.takeError();
  Expected<bool> goesOn = choose(*logits);
  if (!goesOn)
    return goesOn.takeError();
  while (*goesOn) {
    // All fed tokens must fit the context. The model chooses one token more
    // than are proposed.
    std::span<const int32_t> proposal;
    if (lookup)
      proposal = lookup->propose(
          std::min(session.context() - session.position(), answer.room()) - 1);
    if (proposal.empty()) {
      if (Error error = session.advance(next))
        return error;
      logits = session.last();
      if (!logits)
        return logits.takeError();
      goesOn = choose(*logits);
      if (!goesOn)
        return goesOn.takeError();
      continue;
    }
    if (Error error = verify(proposal, *goesOn))
      return error;
  }
  return Error::success();
}

Expected<Generator> Generator::create(Session &session, const TextModel &text) {
  if (Error error = session.checkGenerative())
    return error;
  const std::string &stored = text.settings().generation;
  Expected<GenerationConfig> config = GenerationConfig::parse(
      stored.empty() ? "{}" : stored, "the file's defaults of generation");
  if (!config)
    return config.takeError();
  if (config->endOfSequence.empty())
    for (int64_t id : session.model().eosTokenIds)
      config->endOfSequence.push_back(int32_t(id));
  return Generator(session, text, std::move(*config));
}

Expected<std::vector<int32_t>>
Generator::encodePrompt(std::string_view prompt) const {
  return text.encode(prompt);
}

Expected<std::vector<int32_t>>
Generator::encodeRendered(std::string_view prompt) const {
  return text.encode(prompt, /*addSpecial=*/false);
}

Expected<std::vector<int32_t>>
Generator::encodeMessages(std::string_view json,
                          const std::string &where) const {
  Expected<std::string> rendered =
      text.render(json, where, /*addGenerationPrompt=*/true);
  if (!rendered)
    return rendered.takeError();
  return encodeRendered(*rendered);
}

/// The prompt, or its end if it may be truncated. `room` is the number of new
/// tokens for which there should be room then.
Expected<std::vector<int32_t>> Generator::fit(std::span<const int32_t> prompt,
                                              int64_t room,
                                              bool truncate) const {
  std::vector<int32_t> ids(prompt.begin(), prompt.end());
  int64_t context = session.context();
  if (ids.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "the prompt is empty; give a text to start with");
  if (!truncate || int64_t(ids.size()) + room - 1 <= context) {
    if (int64_t(ids.size()) <= context)
      return ids;
    return makeError(ErrorCode::InvalidArgument, "the prompt has ", ids.size(),
                     " tokens, but the context holds ", context,
                     context < session.model().maxPositions
                         ? "; --context takes up to " +
                               std::to_string(session.model().maxPositions) +
                               ", and --truncate leaves off the beginning"
                         : "; --truncate leaves off the beginning");
  }
  Expected<std::vector<int32_t>> added = text.encode("");
  if (!added)
    return added.takeError();
  auto kept =
      std::mismatch(added->begin(), added->end(), ids.begin(), ids.end())
          .second -
      ids.begin();
  int64_t most = std::max<int64_t>(context - std::max<int64_t>(room, 1) + 1,
                                   int64_t(kept) + 1);
  if (int64_t(ids.size()) > most)
    ids.erase(ids.begin() + kept,
              ids.begin() + kept + (int64_t(ids.size()) - most));
  return ids;
}

/// What it costs to verify proposals. A call with several tokens starts a
/// primitive for each matrix. For a small model, this takes longer than to read
/// the weights, which is what a call with one token mostly does.
static LookupOptions lookupOptions(Session &session) {
  constexpr double secondsPerMatrix = 3.5e-6, bytesPerSecond = 25e9;
  LookupOptions options;
  double matrices = 0, bytes = 0;
  for (const Manifest::Param &param : session.instance().manifest().params)
    if (param.layout != plainLayout) {
      ++matrices;
      bytes += double(param.bytes);
    }
  if (bytes > 0)
    options.costPerCall += matrices * secondsPerMatrix * bytesPerSecond / bytes;
  return options;
}

Expected<GeneratedText> Generator::run(std::span<const int32_t> prompt,
                                       const GenerationRequest &request,
                                       const Options &options,
                                       const Piece &piece) {
  GeneratedText result;
  if (request.maxTokens && *request.maxTokens < 0)
    return makeError(ErrorCode::InvalidArgument,
                     "--max-tokens: expected a number from 0 up, but got ",
                     *request.maxTokens);
  std::optional<int64_t> wanted =
      request.maxTokens ? request.maxTokens : config.maxNewTokens;
  int64_t quarter = session.context() / 4;
  Expected<std::vector<int32_t>> ids =
      fit(prompt,
          request.maxTokens ? *request.maxTokens
                            : std::min(wanted.value_or(quarter), quarter),
          options.truncate);
  if (!ids)
    return ids.takeError();
  auto promptTokens = int64_t(ids->size());
  result.promptTokens = promptTokens;
  if (!wanted && config.maxLength)
    wanted = std::max<int64_t>(*config.maxLength - promptTokens, 1);
  // The last token is not fed.
  int64_t count = session.context() - promptTokens + 1;
  count = std::min(count, wanted.value_or(count));

  SamplingOptions sampling = request.sampling(config.sampling);
  Expected<Sampler> sampler = Sampler::create(
      sampling, session.model().vocabSize, config.endOfSequence);
  if (!sampler)
    return sampler.takeError();
  std::vector<std::string> stop = config.stopTexts;
  stop.insert(stop.end(), request.stop.begin(), request.stop.end());
  Expected<StopTexts> stops = StopTexts::create(stop);
  if (!stops)
    return stops.takeError();

  std::span<const int32_t> fed = session.fed();
  auto common = int64_t(
      std::mismatch(fed.begin(), fed.end(), ids->begin(), ids->end()).first -
      fed.begin());
  // A call of another length would have other frequencies.
  if (!session.rewindsFreely() &&
      promptTokens > session.model().rope->switchLength)
    common = 0;
  if (Error error = session.rewind(common))
    return error;
  result.reusedTokens = common;
  if (common < promptTokens)
    if (Error error =
            session.feed({std::span(*ids).subspan(size_t(common)), {}}))
      return error;
  if (options.promptRead)
    options.promptRead(promptTokens - common);
  if (count == 0)
    return result;

  sampler->prompt(*ids, {options.stream, count});
  Answer answer(text, config.endOfSequence, std::move(*stops), count,
                sampling.logprobs > 0, piece, result);
  std::optional<PromptLookup> lookup;
  if (options.lookup && session.rewindsFreely()) {
    Expected<PromptLookup> made =
        PromptLookup::create(lookupOptions(session), config.endOfSequence);
    if (!made)
      return made.takeError();
    lookup.emplace(std::move(*made));
    lookup->addPrompt(*ids);
  }
  if (Error error = Decoding(session, *sampler, lookup ? &*lookup : nullptr,
                             answer, result)
                        .run())
    return error;
  answer.finish();
  return result;
}

} // namespace lora_rt
