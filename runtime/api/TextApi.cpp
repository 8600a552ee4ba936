//===- TextApi.cpp - The C interface: texts -------------------------------===//
//
// Implements the functions of lora_runtime.h that take or give text, and those
// that keep a session in a file, over TextModel, Generator and TextEncoder.
//
//===----------------------------------------------------------------------===//

#include "CApi.h"
#include "lora-runtime/Payload.h"

#include <cstdlib>
#include <limits>

using namespace lora_rt;
using namespace lora_rt::api;

namespace {

/// The text side of an object, or the error that says why it has none.
Expected<const TextSide *> need(const TextSide *text,
                                const Executable &loaded) {
  if (text)
    return text;
  const Payload *payload = loaded.payload();
  return TextModel::open(*payload).takeError();
}

Expected<const TextSide *> textOf(const lora_module *module) {
  if (!module)
    return makeError(ErrorCode::InvalidArgument, "module is NULL");
  return need(module->text.get(), *module->executable);
}

/// The same for a session, which no callback uses.
Expected<const TextSide *> textOf(lora_session *session) {
  if (Error failure = checkFree(session))
    return failure;
  return need(session->text.get(), session->session->instance().loaded());
}

Expected<Generator *> generatorOf(lora_session *session) {
  Expected<const TextSide *> text = textOf(session);
  if (!text)
    return text.takeError();
  if (!session->generator) {
    Expected<Generator> made =
        Generator::create(*session->session, (*text)->model);
    if (!made)
      return made.takeError();
    session->generator.emplace(std::move(*made));
  }
  return &*session->generator;
}

Expected<TextEncoder *> encoderOf(lora_session *session) {
  Expected<const TextSide *> text = textOf(session);
  if (!text)
    return text.takeError();
  if (!session->encoder)
    session->encoder.emplace(*session->session, (*text)->model.tokenizer(),
                             (*text)->settings.pooling,
                             (*text)->settings.labels);
  return &*session->encoder;
}

/// Gives values to the caller, who frees them. A zero follows them.
template <typename T>
lora_status give(std::span<const T> values, T **result, size_t *count,
                 lora_error *error) {
  T *memory = nullptr;
  if (values.size() < std::numeric_limits<size_t>::max() / sizeof(T))
    memory = static_cast<T *>(std::malloc((values.size() + 1) * sizeof(T)));
  if (!memory)
    return report(makeError(ErrorCode::System, "there is no memory for ",
                            values.size_bytes(), " bytes of results"),
                  error);
  std::copy(values.begin(), values.end(), memory);
  memory[values.size()] = 0;
  *result = memory;
  if (count)
    *count = values.size();
  return LORA_OK;
}

/// The ids of what the options give as a prompt.
Expected<std::vector<int32_t>> promptOf(const lora_text_options &options,
                                        const Generator &generator) {
  if (!options.prompt + !options.conversation + !options.prompt_ids != 2)
    return makeError(ErrorCode::InvalidArgument,
                     "lora_text_options: set exactly one of prompt, "
                     "conversation and prompt_ids");
  if (options.prompt)
    return generator.encodePrompt({options.prompt, options.prompt_size});
  if (options.conversation)
    return generator.encodeMessages(options.conversation, "the conversation");
  return std::vector<int32_t>(options.prompt_ids,
                              options.prompt_ids + options.prompt_id_count);
}

/// Generates a text for generate_text, and keeps the session from its
/// callbacks meanwhile.
Expected<GeneratedText> run(lora_session &session, Generator &generator,
                            std::span<const int32_t> ids,
                            const GenerationRequest &request,
                            const lora_text_options &options) {
  Generator::Options settings;
  settings.lookup = options.lookup != 0;
  settings.truncate = options.truncate != 0;
  Generator::Piece piece;
  if (options.piece)
    piece = [&](std::string_view part) {
      std::string text(part);
      return options.piece(text.c_str(), text.size(), options.user) != 0;
    };
  GeneratedText stopped;
  stopped.finish = FinishReason::Stopped;
  bool isStopped = false;
  if (options.progress) {
    session.session->onChunk([&](int64_t position, int64_t end) {
      stopped.promptTokens = end;
      isStopped =
          options.progress(size_t(position), size_t(end), options.user) == 0;
      return !isStopped;
    });
    // Later calls feed new tokens.
    settings.promptRead = [&](int64_t) { session.session->onChunk(nullptr); };
  }
  session.use = lora_session::Use::Text;
  Expected<GeneratedText> answer = generator.run(ids, request, settings, piece);
  session.use = lora_session::Use::Free;
  session.session->onChunk(nullptr);
  if (!answer && isStopped)
    return stopped;
  return answer;
}

/// A text of an array, whose size is known or which ends with a NUL.
std::string_view textAt(const char *const *texts, const size_t *sizes,
                        size_t index) {
  return sizes ? std::string_view(texts[index], sizes[index])
               : std::string_view(texts[index]);
}

Expected<std::vector<TextInput>> readTexts(const lora_texts *given,
                                           lora_texts &texts) {
  if (!given)
    return makeError(ErrorCode::InvalidArgument, "texts is NULL");
  if (Error failure = readOptions(given, "lora_texts", texts))
    return failure;
  if (texts.count && !texts.texts)
    return makeError(ErrorCode::InvalidArgument, "the list of texts is NULL");
  std::vector<TextInput> inputs;
  for (size_t i = 0; i < texts.count; ++i) {
    if (!texts.texts[i])
      return makeError(ErrorCode::InvalidArgument, "text ", i + 1, " of ",
                       texts.count, " is NULL");
    inputs.push_back({textAt(texts.texts, texts.sizes, i)});
    if (texts.pairs && texts.pairs[i])
      inputs.back().pair = textAt(texts.pairs, texts.pair_sizes, i);
  }
  return inputs;
}

/// Fails if there is no space for `count` rows of `width` values.
Error checkSpace(size_t count, size_t width, const float *buffer,
                 size_t capacity) {
  if (count && !buffer)
    return makeError(ErrorCode::InvalidArgument, "the buffer is NULL");
  if (capacity / width < count)
    return makeError(ErrorCode::InvalidArgument, count, " texts have ", width,
                     " values each, but there is space for ", capacity);
  return Error::success();
}

} // namespace

Expected<std::shared_ptr<const TextSide>>
lora_rt::api::openText(const Executable &loaded) {
  const Payload *payload = loaded.payload();
  if (!payload || !TextModel::isPresent(*payload))
    return std::shared_ptr<const TextSide>();
  Expected<TextModel> model = TextModel::open(*payload);
  if (!model)
    return model.takeError();
  const Manifest::Model &facts = loaded.manifest().model;
  std::string where = payload->path() + ": part 'text'";
  Expected<EncoderSettings> settings =
      EncoderSettings::of(model->settings(), where);
  if (!settings)
    return settings.takeError();
  auto text = std::make_shared<TextSide>(
      TextSide{std::move(*model), std::move(*settings)});
  if (Expected<int64_t> width = text->settings.pooling.width(facts.hiddenSize))
    text->embeddingWidth = *width;
  text->hasChatTemplate =
      bool(chooseChatTemplate(text->model.settings(), false, where));
  if (facts.head == ModelHead::SequenceClassification ||
      facts.head == ModelHead::TokenClassification)
    text->labelNames = text->settings.labels.namesOf(facts.outputs);
  for (const std::string &name : text->labelNames)
    text->labels.push_back(name.c_str());
  return std::shared_ptr<const TextSide>(std::move(text));
}

void lora_free(void *result) { std::free(result); }

lora_status lora_module_tokenize(const lora_module *module, const char *text,
                                 size_t size, int32_t addSpecial, int32_t **ids,
                                 size_t *count, lora_error *error) {
  if (!ids)
    return missing("ids", error);
  *ids = nullptr;
  if (!count)
    return missing("count", error);
  *count = 0;
  if (!text)
    return missing("text", error);
  Expected<const TextSide *> side = textOf(module);
  if (!side)
    return report(side.takeError(), error);
  Expected<std::vector<int32_t>> encoded =
      (*side)->model.encode({text, size}, addSpecial != 0);
  if (!encoded)
    return report(encoded.takeError(), error);
  return give(std::span<const int32_t>(*encoded), ids, count, error);
}

lora_status lora_module_detokenize(const lora_module *module,
                                   const int32_t *ids, size_t count,
                                   int32_t skipSpecial, char **text,
                                   size_t *size, lora_error *error) {
  if (!text)
    return missing("text", error);
  *text = nullptr;
  if (!ids && count)
    return missing("ids", error);
  Expected<const TextSide *> side = textOf(module);
  if (!side)
    return report(side.takeError(), error);
  Expected<std::string> decoded =
      (*side)->model.decode({ids, count}, skipSpecial != 0);
  if (!decoded)
    return report(decoded.takeError(), error);
  return give(std::span<const char>(*decoded), text, size, error);
}

lora_status lora_module_render(const lora_module *module,
                               const char *conversation, char **text,
                               size_t *size, lora_error *error) {
  if (!text)
    return missing("text", error);
  *text = nullptr;
  if (!conversation)
    return missing("conversation", error);
  Expected<const TextSide *> side = textOf(module);
  if (!side)
    return report(side.takeError(), error);
  Expected<std::string> rendered =
      (*side)->model.render(conversation, "the conversation");
  if (!rendered)
    return report(rendered.takeError(), error);
  return give(std::span<const char>(*rendered), text, size, error);
}

lora_status lora_session_generate_text(lora_session *session,
                                       const lora_text_options *given,
                                       lora_text_result *result, char **text,
                                       size_t *size, lora_error *error) {
  if (text)
    *text = nullptr;
  Expected<Generator *> generator = generatorOf(session);
  if (!generator)
    return report(generator.takeError(), error);
  if (!given)
    return missing("options", error);
  lora_text_options options;
  if (Error failure = readOptions(given, "lora_text_options", options))
    return report(failure, error);
  if (result)
    if (Error failure = checkSize(result->struct_size, "lora_text_result"))
      return report(failure, error);
  GenerationRequest request;
  if (options.generation)
    if (Error failure = request.read(options.generation, {}, "generation"))
      return report(failure, error);
  Expected<std::vector<int32_t>> ids = promptOf(options, **generator);
  if (!ids)
    return report(ids.takeError(), error);
  Expected<GeneratedText> answer =
      run(*session, **generator, *ids, request, options);
  if (!answer)
    return report(answer.takeError(), error);
  if (result) {
    lora_text_result value = {};
    value.finish = answer->finish == FinishReason::Stop ? LORA_FINISH_STOP
                   : answer->finish == FinishReason::Length
                       ? LORA_FINISH_LENGTH
                       : LORA_FINISH_STOPPED;
    value.prompt_tokens = size_t(answer->promptTokens);
    value.reused_tokens = size_t(answer->reusedTokens);
    value.new_tokens = answer->ids.size();
    value.proposed_tokens = size_t(answer->proposed);
    value.accepted_tokens = size_t(answer->accepted);
    fill(result, value);
  }
  if (!text)
    return LORA_OK;
  std::string whole =
      options.json ? answerJson(*answer, request.logprobs.value_or(0) > 0)
                   : std::move(answer->text);
  return give(std::span<const char>(whole), text, size, error);
}

lora_status lora_session_embed(lora_session *session, const lora_texts *given,
                               float *vectors, size_t capacity,
                               lora_error *error) {
  Expected<TextEncoder *> encoder = encoderOf(session);
  if (!encoder)
    return report(encoder.takeError(), error);
  lora_texts texts;
  Expected<std::vector<TextInput>> inputs = readTexts(given, texts);
  if (!inputs)
    return report(inputs.takeError(), error);
  Expected<int64_t> width = (*encoder)->vectorWidth();
  if (!width)
    return report(width.takeError(), error);
  if (Error failure =
          checkSpace(inputs->size(), size_t(*width), vectors, capacity))
    return report(failure, error);
  EmbedOptions options;
  options.truncates = texts.truncate != 0;
  if (texts.prompt)
    options.prompt = texts.prompt;
  return report((*encoder)->embed(
                    *inputs,
                    [&](size_t index, std::span<const float> vector) {
                      std::copy(vector.begin(), vector.end(),
                                vectors + index * size_t(*width));
                      return Error::success();
                    },
                    options),
                error);
}

lora_status lora_session_classify(lora_session *session,
                                  const lora_texts *given, float *scores,
                                  size_t capacity, lora_error *error) {
  Expected<TextEncoder *> encoder = encoderOf(session);
  if (!encoder)
    return report(encoder.takeError(), error);
  lora_texts texts;
  Expected<std::vector<TextInput>> inputs = readTexts(given, texts);
  if (!inputs)
    return report(inputs.takeError(), error);
  Expected<std::vector<std::string>> labels = (*encoder)->classLabels();
  if (!labels)
    return report(labels.takeError(), error);
  if (Error failure =
          checkSpace(inputs->size(), labels->size(), scores, capacity))
    return report(failure, error);
  if (texts.prompt)
    return report(makeError(ErrorCode::InvalidArgument,
                            "lora_texts: prompt is for lora_session_embed"),
                  error);
  TextRunOptions options;
  options.truncates = texts.truncate != 0;
  return report((*encoder)->classify(
                    *inputs,
                    [&](size_t index, const Classification &result) {
                      std::copy(result.scores.begin(), result.scores.end(),
                                scores + index * labels->size());
                      return Error::success();
                    },
                    options),
                error);
}

lora_status lora_session_save(lora_session *session, const char *path,
                              lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  if (!path)
    return missing("path", error);
  return report(session->session->save(path), error);
}

lora_status lora_session_load(lora_session *session, const char *path,
                              lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  if (!path)
    return missing("path", error);
  return report(session->session->load(path), error);
}
