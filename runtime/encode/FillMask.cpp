//===- FillMask.cpp - Tokens for masked places ----------------------------===//
//
// As the pipeline fill-mask of transformers.
//
//===----------------------------------------------------------------------===//

#include "TextRows.h"

#include <algorithm>
#include <numeric>

namespace lora_rt {

namespace {

/// The `count` tokens with the largest logits; among equal ones the first.
std::vector<Candidate> bestOf(std::span<const float> logits, size_t count,
                              std::vector<double> &probabilities) {
  softmax(logits, probabilities);
  std::vector<uint32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0u);
  std::partial_sort(ids.begin(), ids.begin() + ptrdiff_t(count), ids.end(),
                    [&](uint32_t a, uint32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b]
                                                    : a < b;
                    });
  std::vector<Candidate> best;
  for (size_t i = 0; i < count; ++i)
    best.push_back({ids[i], probabilities[ids[i]]});
  return best;
}

} // namespace

Error TextEncoder::fillMask(
    std::span<const TextInput> texts, size_t count,
    const Sink<std::vector<std::vector<MaskFilling>>> &take,
    const TextRunOptions &options) {
  const Manifest::Model &model = session.model();
  if (Error error = checkHead("filling masks", "MaskedLM",
                              model.isBidirectional &&
                                  model.head == ModelHead::LanguageModel))
    return error;
  std::optional<uint32_t> mask = tokenizer.namedId("mask_token");
  if (!mask)
    return makeError(ErrorCode::Unsupported,
                     "the tokenizer has no mask_token, so no place of a text "
                     "can be masked");
  if (count == 0 || count > size_t(model.outputs))
    return makeError(ErrorCode::InvalidArgument, "expected 1 to ",
                     model.outputs, " tokens for a masked place, but got ",
                     count);
  auto isMask = [&](int32_t id) { return uint32_t(id) == *mask; };
  std::optional<uint32_t> padding = tokenizer.namedId("pad_token");
  std::vector<double> probabilities;
  Task task;
  task.limit = limitOf(/*embeds=*/false);
  task.truncates = options.truncates;
  task.width = int64_t(count);
  task.check = [&](const Row &row) {
    if (std::any_of(row.ids.begin(), row.ids.end(), isMask))
      return Error::success();
    return makeError(ErrorCode::InvalidArgument, "the text has no ",
                     tokenizer.token(*mask).value_or(""),
                     ", the mask token of the model");
  };
  task.take = [&](Row &row, const ResultSpan &results) {
    for (size_t i = 0; i < results.size(); ++i) {
      if (!isMask(row.ids[size_t(results.first) + i]))
        continue;
      if (Error error = checkNumbers(results[i]))
        return error;
      row.candidates.push_back(bestOf(results[i], count, probabilities));
    }
    return Error::success();
  };
  task.finish = [&](Row &row) -> Error {
    std::vector<std::vector<MaskFilling>> places;
    bool isSingle = row.candidates.size() == 1;
    size_t token = 0;
    for (const std::vector<Candidate> &candidates : row.candidates) {
      while (!isMask(row.ids[token]))
        ++token;
      std::vector<MaskFilling> &fillings = places.emplace_back();
      for (const Candidate &candidate : candidates) {
        std::vector<uint32_t> ids(row.ids.begin(), row.ids.end());
        ids[token] = candidate.id;
        if (padding)
          std::erase(ids, *padding);
        Expected<std::string> text = tokenizer.decode(ids, isSingle),
                              word = tokenizer.decode({&candidate.id, 1});
        if (!text)
          return text.takeError();
        if (!word)
          return word.takeError();
        fillings.push_back({candidate.id, candidate.score, std::move(*word),
                            std::move(*text)});
      }
      ++token;
    }
    return take(row.index, places);
  };
  return run(texts, task, options);
}

} // namespace lora_rt
