//===- Classify.cpp - Classes and tags of texts ---------------------------===//
//
// Scores as the pipelines text-classification and token-classification of
// transformers compute them from logits.
//
//===----------------------------------------------------------------------===//

#include "TextRows.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace lora_rt {

namespace {

std::vector<float> scoresOf(std::span<const float> logits,
                            ProblemType problem) {
  std::vector<float> scores(logits.begin(), logits.end());
  if (problem == ProblemType::Regression)
    return scores;
  if (problem == ProblemType::MultiLabel || logits.size() == 1) {
    for (float &score : scores)
      score = float(1 / (1 + std::exp(-double(score))));
    return scores;
  }
  std::vector<double> probabilities;
  softmax(logits, probabilities);
  std::copy(probabilities.begin(), probabilities.end(), scores.begin());
  return scores;
}

/// A label without its B- or I-, and whether a run of tokens goes on with it.
struct Tag {
  explicit Tag(std::string_view label) : name(label) {
    bool isBegin = label.starts_with("B-");
    if (isBegin || label.starts_with("I-"))
      name.remove_prefix(2);
    continues = !isBegin;
  }
  std::string_view name;
  bool continues;
};

/// The label without what is before its first hyphen.
std::string groupName(const std::string &label) {
  size_t hyphen = label.find('-');
  return hyphen == std::string::npos ? label : label.substr(hyphen + 1);
}

} // namespace

Expected<std::vector<std::string>> TextEncoder::classLabels() const {
  if (Error error =
          checkHead("sequence classification", "SequenceClassification",
                    session.model().head == ModelHead::SequenceClassification))
    return error;
  std::set<std::string> known;
  for (const std::string &name : labelNames)
    if (!known.insert(name).second)
      return makeError(ErrorCode::InvalidFile, "two labels have the name '",
                       name,
                       "'; give each one its own in id2label of the "
                       "model's config.json, and compile it again");
  return labelNames;
}

Error TextEncoder::classify(std::span<const TextInput> texts,
                            const Sink<Classification> &take,
                            const TextRunOptions &options) {
  Expected<std::vector<std::string>> labels = classLabels();
  if (!labels)
    return labels.takeError();
  Task task;
  task.limit = limitOf(/*embeds=*/false);
  task.truncates = options.truncates;
  task.width = session.model().outputs;
  task.take = [](Row &row, const ResultSpan &results) {
    row.values.assign(results.values.begin(), results.values.end());
    return checkNumbers(results.values);
  };
  task.finish = [&](Row &row) {
    Classification result;
    result.scores = scoresOf(row.values, problem);
    result.label =
        size_t(std::max_element(result.scores.begin(), result.scores.end()) -
               result.scores.begin());
    return take(row.index, result);
  };
  return run(texts, task, options);
}

std::vector<TextTag> TextEncoder::tagsOf(const Row &row, TagGrouping grouping,
                                         bool keepsOutside) const {
  size_t width = labelNames.size();
  std::optional<uint32_t> unknown = tokenizer.namedId("unk_token");
  std::vector<TextTag> tokens;
  std::vector<double> scores;
  for (size_t i = 0; i < row.ids.size(); ++i) {
    if (row.encoding.isAdded[i])
      continue;
    softmax(std::span(row.values).subspan(i * width, width), scores);
    auto best = std::max_element(scores.begin(), scores.end());
    TextRange range = row.encoding.offsets[i];
    auto id = uint32_t(row.ids[i]);
    std::string word = tokenizer.token(id).value_or("");
    if (unknown == id)
      word = row.text.text.substr(range.begin, range.end - range.begin);
    tokens.push_back({labelNames[size_t(best - scores.begin())], *best,
                      std::move(word), range, i});
  }
  std::vector<TextTag> tags;
  if (grouping == TagGrouping::None)
    tags = std::move(tokens);
  for (size_t begin = 0; begin < tokens.size();) {
    size_t end = begin + 1;
    while (end < tokens.size() && Tag(tokens[end].label).continues &&
           Tag(tokens[end].label).name == Tag(tokens[end - 1].label).name)
      ++end;
    TextTag run = tokens[begin];
    run.label = groupName(run.label);
    run.range.end = tokens[end - 1].range.end;
    run.score = 0;
    std::vector<std::string> words;
    for (size_t i = begin; i < end; ++i) {
      run.score += tokens[i].score / double(end - begin);
      words.push_back(tokens[i].word);
    }
    run.word = tokenizer.join(words);
    tags.push_back(std::move(run));
    begin = end;
  }
  if (!keepsOutside)
    std::erase_if(tags, [](const TextTag &tag) { return tag.label == "O"; });
  return tags;
}

Error TextEncoder::tag(std::span<const TextInput> texts, TagGrouping grouping,
                       bool keepsOutside,
                       const Sink<std::vector<TextTag>> &take,
                       const TextRunOptions &options) {
  if (Error error =
          checkHead("token classification", "TokenClassification",
                    session.model().head == ModelHead::TokenClassification))
    return error;
  Task task;
  task.limit = limitOf(/*embeds=*/false);
  task.truncates = options.truncates;
  task.keepsEncoding = true;
  task.width = session.model().outputs * task.limit.most;
  task.check = [](const Row &row) {
    return row.text.pair ? makeError(ErrorCode::InvalidArgument,
                                     "tokens are classified in one text, not "
                                     "in a pair of texts")
                         : Error::success();
  };
  task.take = [](Row &row, const ResultSpan &results) {
    row.values.insert(row.values.end(), results.values.begin(),
                      results.values.end());
    return checkNumbers(results.values);
  };
  task.finish = [&](Row &row) {
    return take(row.index, tagsOf(row, grouping, keepsOutside));
  };
  return run(texts, task, options);
}

} // namespace lora_rt
