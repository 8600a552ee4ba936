//===- EncodeApi.cpp - The C interface: what a model says about texts -----===//
//
// Implements the functions of lora_runtime.h over TextEncoder.
//
//===----------------------------------------------------------------------===//

#include "CApi.h"

using namespace lora_rt;
using namespace lora_rt::api;

namespace {

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

/// A call that runs texts.
struct Call {
  TextEncoder &encoder;
  lora_texts texts;
  std::vector<TextInput> inputs;
  TextRunOptions options;
};

Expected<Call> begin(lora_session *session, const lora_texts *given,
                     bool takesPrompt = false) {
  Expected<TextEncoder *> encoder = encoderOf(session);
  if (!encoder)
    return encoder.takeError();
  lora_texts texts;
  Expected<std::vector<TextInput>> inputs = readTexts(given, texts);
  if (!inputs)
    return inputs.takeError();
  if (texts.prompt && !takesPrompt)
    return makeError(ErrorCode::InvalidArgument,
                     "lora_texts: prompt is for lora_session_embed");
  TextRunOptions options;
  options.truncates = texts.truncate != 0;
  return Call{**encoder, texts, std::move(*inputs), std::move(options)};
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

/// Gives a list of JSON objects, one for each text. `run` runs the texts, and
/// adds an object for each.
template <typename Run>
lora_status giveObjects(lora_session *session, const lora_texts *given,
                        char **json, size_t *size, lora_error *error,
                        const Run &run) {
  if (!json)
    return missing("json", error);
  *json = nullptr;
  Expected<Call> call = begin(session, given);
  if (!call)
    return report(call.takeError(), error);
  std::string list = "[";
  auto add = [&](const std::string &object) {
    list += (list.size() > 1 ? "," : "") + object;
    return Error::success();
  };
  if (Error failure = run(*call, add))
    return report(failure, error);
  return give(list + "]", json, size, error);
}

} // namespace

lora_status lora_session_embed(lora_session *session, const lora_texts *given,
                               float *vectors, size_t capacity,
                               lora_error *error) {
  Expected<Call> call = begin(session, given, /*takesPrompt=*/true);
  if (!call)
    return report(call.takeError(), error);
  Expected<int64_t> width = call->encoder.vectorWidth();
  if (!width)
    return report(width.takeError(), error);
  if (Error failure =
          checkSpace(call->inputs.size(), size_t(*width), vectors, capacity))
    return report(failure, error);
  EmbedOptions options;
  static_cast<TextRunOptions &>(options) = call->options;
  if (call->texts.prompt)
    options.prompt = call->texts.prompt;
  return report(call->encoder.embed(
                    call->inputs,
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
  Expected<Call> call = begin(session, given);
  if (!call)
    return report(call.takeError(), error);
  Expected<std::vector<std::string>> labels = call->encoder.classLabels();
  if (!labels)
    return report(labels.takeError(), error);
  if (Error failure =
          checkSpace(call->inputs.size(), labels->size(), scores, capacity))
    return report(failure, error);
  return report(call->encoder.classify(
                    call->inputs,
                    [&](size_t index, const Classification &result) {
                      std::copy(result.scores.begin(), result.scores.end(),
                                scores + index * labels->size());
                      return Error::success();
                    },
                    call->options),
                error);
}

lora_status lora_session_fill_mask(lora_session *session,
                                   const lora_texts *given, size_t top,
                                   char **json, size_t *size,
                                   lora_error *error) {
  return giveObjects(
      session, given, json, size, error,
      [&](const Call &call, const auto &add) {
        return call.encoder.fillMask(
            call.inputs, top,
            [&](size_t, const std::vector<std::vector<MaskFilling>> &places) {
              return add(fillingsJson(places));
            },
            call.options);
      });
}

lora_status lora_session_tag(lora_session *session, const lora_texts *given,
                             int32_t group, int32_t keepOutside, char **json,
                             size_t *size, lora_error *error) {
  return giveObjects(
      session, given, json, size, error,
      [&](const Call &call, const auto &add) {
        return call.encoder.tag(
            call.inputs, group ? TagGrouping::Simple : TagGrouping::None,
            keepOutside != 0,
            [&](size_t index, const std::vector<TextTag> &tags) {
              return add(tagsJson(call.inputs[index].text, tags));
            },
            call.options);
      });
}
