//===- EncodeTask.cpp - Vectors, classes, masked places and tags ----------===//
//
// What --embed, --classify, --fill-mask and --tag print: for a person, or as
// JSON.
//
//===----------------------------------------------------------------------===//

#include "EncodeTask.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace lora_rt::cli {

namespace {

/// A line for a person: a score and a text.
std::string scoreLine(double score, const std::string &text) {
  char number[32];
  std::snprintf(number, sizeof(number), "%8.4f  ", score);
  return number + readableMessage(text);
}

class EmbedTask final : public EncodeTask {
public:
  EmbedTask(const Options &options, TextEncoder &encoder)
      : EncodeTask(options, encoder) {}

  Error check() override {
    Expected<int64_t> width = encoder.vectorWidth();
    if (!width)
      return width.takeError();
    vectorWidth = *width;
    return Error::success();
  }

  size_t resultSize() const override { return size_t(vectorWidth); }

  bool isTensor() const override {
    return !options.output.empty() && !options.output.ends_with(".jsonl");
  }
  Error begin(size_t texts) override {
    Expected<SafetensorsWriter> made = SafetensorsWriter::create(
        options.output, {{tensor, DType::F32, {int64_t(texts), vectorWidth}}});
    if (!made)
      return made.takeError();
    writer.emplace(std::move(*made));
    return Error::success();
  }
  Error commit() override { return writer->commit(); }

  Error run(std::span<const TextInput> texts, const TextRunOptions &run,
            std::vector<std::string> &lines) override {
    EmbedOptions embed;
    static_cast<TextRunOptions &>(embed) = run;
    embed.prompt = options.promptName;
    return encoder.embed(
        texts,
        [&](size_t index, std::span<const float> vector) -> Error {
          if (writer) {
            auto bytes = std::as_bytes(vector);
            return writer->write(tensor, bytes, written++ * bytes.size());
          }
          lines[index] = lineOf(vector);
          return Error::success();
        },
        embed);
  }

private:
  static constexpr const char *tensor = "embeddings";

  /// Numbers are printed directly: JSON values would take ten times the memory.
  std::string lineOf(std::span<const float> vector) const {
    bool asJson = options.json || options.output.ends_with(".jsonl");
    std::string line = asJson ? "{\"embedding\":[" : "";
    for (size_t i = 0; i < vector.size(); ++i) {
      if (i)
        line += asJson ? ',' : ' ';
      line += numberText(vector[i]);
    }
    return asJson ? line + "]}" : line;
  }

  int64_t vectorWidth = 1;
  std::optional<SafetensorsWriter> writer;
  uint64_t written = 0;
};

class ClassifyTask final : public EncodeTask {
public:
  ClassifyTask(const Options &options, TextEncoder &encoder)
      : EncodeTask(options, encoder) {}

  Error check() override {
    Expected<std::vector<std::string>> names = encoder.classLabels();
    if (!names)
      return names.takeError();
    labels = std::move(*names);
    return Error::success();
  }

  size_t resultSize() const override { return labels.size(); }

  Error run(std::span<const TextInput> texts, const TextRunOptions &run,
            std::vector<std::string> &lines) override {
    return encoder.classify(
        texts,
        [&](size_t index, const Classification &result) {
          lines[index] =
              isJson() ? classesJson(result, labels) : textOf(result);
          return Error::success();
        },
        run);
  }

private:
  /// The best labels, one on each line.
  std::string textOf(const Classification &result) const {
    std::vector<size_t> order(labels.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return result.scores[a] != result.scores[b]
                 ? result.scores[a] > result.scores[b]
                 : a < b;
    });
    order.resize(std::min(order.size(), top(10)));
    std::string text;
    for (size_t label : order) {
      text += (text.empty() ? "" : "\n") +
              scoreLine(result.scores[label], labels[label]);
    }
    return text;
  }

  std::vector<std::string> labels;
};

class FillMaskTask final : public EncodeTask {
public:
  FillMaskTask(const Options &options, TextEncoder &encoder)
      : EncodeTask(options, encoder) {}

  Error check() override {
    return encoder.fillMask(
        {}, top(5), [](size_t, const auto &) { return Error::success(); });
  }

  Error run(std::span<const TextInput> texts, const TextRunOptions &run,
            std::vector<std::string> &lines) override {
    return encoder.fillMask(
        texts, top(5),
        [&](size_t index, const Places &places) {
          lines[index] = isJson() ? fillingsJson(places) : textOf(places);
          return Error::success();
        },
        run);
  }

private:
  using Places = std::vector<std::vector<MaskFilling>>;

  static std::string textOf(const Places &places) {
    std::string text;
    for (size_t i = 0; i < places.size(); ++i) {
      if (places.size() > 1)
        text += "mask " + std::to_string(i + 1) + "\n";
      for (const MaskFilling &filling : places[i]) {
        text += scoreLine(filling.score, filling.token) + "\n";
      }
    }
    text.pop_back();
    return text;
  }
};

class TagTask final : public EncodeTask {
public:
  TagTask(const Options &options, TextEncoder &encoder)
      : EncodeTask(options, encoder) {}

  Error check() override {
    return tagAll({}, {},
                  [](size_t, const auto &) { return Error::success(); });
  }

  Error run(std::span<const TextInput> texts, const TextRunOptions &run,
            std::vector<std::string> &lines) override {
    return tagAll(texts, run,
                  [&](size_t index, const std::vector<TextTag> &tags) {
                    lines[index] = isJson() ? tagsJson(texts[index].text, tags)
                                            : textOf(tags);
                    return Error::success();
                  });
  }

private:
  Error tagAll(std::span<const TextInput> texts, const TextRunOptions &run,
               const TextEncoder::Sink<std::vector<TextTag>> &take) {
    return encoder.tag(
        texts, options.groupsTags ? TagGrouping::Simple : TagGrouping::None,
        options.keepsOutside, take, run);
  }

  static std::string textOf(const std::vector<TextTag> &tags) {
    std::string text;
    for (const TextTag &tag : tags) {
      text += (text.empty() ? "" : "\n") +
              scoreLine(tag.score, tag.label + "  " + tag.word);
    }
    return text.empty() ? "no tags" : text;
  }
};

} // namespace

std::unique_ptr<EncodeTask> EncodeTask::create(const Options &options,
                                               TextEncoder &encoder) {
  switch (options.task) {
  case Task::Embed:
    return std::make_unique<EmbedTask>(options, encoder);
  case Task::Classify:
    return std::make_unique<ClassifyTask>(options, encoder);
  case Task::FillMask:
    return std::make_unique<FillMaskTask>(options, encoder);
  default:
    return std::make_unique<TagTask>(options, encoder);
  }
}

} // namespace lora_rt::cli
