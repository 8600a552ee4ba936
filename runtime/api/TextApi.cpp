//===- TextApi.cpp - The C interface: texts -------------------------------===//
//
// Implements the functions of lora_runtime.h that convert and generate text,
// and those that keep a session in a file, over TextModel and Generator.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "CApi.h"
#include "lora-runtime/Payload.h"

#include <cstdlib>

using namespace lora_rt;
using namespace lora_rt::api;

/// The text side of an object, or the error that says why it has none.
static Expected<const TextSide *> need(const TextSide *text,
                                       const Executable &loaded) {
  if (text)
    return text;
  return TextModel::open(*loaded.payload()).takeError();
}

Expected<const TextSide *> lora_rt::api::textOf(const lora_module *module) {
  if (!module)
    return makeError(ErrorCode::InvalidArgument, "module is NULL");
  return need(module->text.get(), *module->executable);
}

Expected<const TextSide *> lora_rt::api::textOf(lora_session *session) {
  if (Error failure = checkFree(session))
    return failure;
  return need(session->text.get(), session->session->instance().loaded());
}

namespace {

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

/// JSON that is not valid is an error of the caller, not of a file.
Error checkJson(const char *text, const char *name) {
  if (Expected<Json> json = parseJson(text, name); !json)
    return makeError(ErrorCode::InvalidArgument, json.message());
  return Error::success();
}

constexpr const char *conversationName = "the conversation";

/// The ids of what the options give as a prompt.
Expected<std::vector<int32_t>> promptOf(const lora_text_options &options,
                                        const Generator &generator) {
  if (!options.prompt + !options.conversation + !options.prompt_ids != 2)
    return makeError(ErrorCode::InvalidArgument,
                     "lora_text_options: set exactly one of prompt, "
                     "conversation and prompt_ids");
  if (options.prompt)
    return generator.encodePrompt({options.prompt, options.prompt_size});
  if (options.conversation) {
    if (Error failure = checkJson(options.conversation, conversationName))
      return failure;
    return generator.encodeMessages(options.conversation, conversationName);
  }
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

} // namespace

Expected<std::shared_ptr<const TextSide>>
lora_rt::api::openText(const Executable &loaded) {
  const Payload *payload = loaded.payload();
  if (!payload || !TextModel::isPresent(*payload))
    return std::shared_ptr<const TextSide>();
  const Manifest::Model &facts = loaded.manifest().model;
  Expected<TextModel> model = TextModel::open(*payload, facts.vocabSize);
  if (!model)
    return model.takeError();
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
  return give(*decoded, text, size, error);
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
  if (Error failure = checkJson(conversation, conversationName))
    return report(failure, error);
  Expected<std::string> rendered =
      (*side)->model.render(conversation, conversationName);
  if (!rendered)
    return report(rendered.takeError(), error);
  return give(*rendered, text, size, error);
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
  if (options.generation) {
    Error failure = checkJson(options.generation, "generation");
    if (!failure)
      failure = request.read(options.generation, {}, "generation");
    if (failure)
      return report(failure, error);
  }
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
  return give(whole, text, size, error);
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
