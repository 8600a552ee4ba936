//===- Embed.cpp - Vectors of texts ---------------------------------------===//
//
// Pools hidden states as the modules Pooling and Normalize of
// sentence-transformers do. Sums are in double precision.
//
//===----------------------------------------------------------------------===//

#include "TextRows.h"

#include <algorithm>
#include <cmath>

namespace lora_rt {

namespace {

/// Pools the hidden states of one text after the other.
class Pooler {
public:
  Pooler(const PoolingSettings &settings, int64_t width, int64_t skipped)
      : settings(settings), width(size_t(width)), skipped(skipped) {}

  /// The first tokens of a text with `tokens` tokens come next.
  void begin(int64_t tokens) {
    length = tokens;
    sum.assign(width, 0);
    weighted.assign(width, 0);
    largest.assign(width, -INFINITY);
    first.clear();
  }

  void take(const ResultSpan &results) {
    for (size_t i = 0; i < results.size(); ++i) {
      int64_t place = results.first + int64_t(i);
      if (place < skipped)
        continue;
      std::span<const float> token = results[i];
      if (first.empty())
        first.assign(token.begin(), token.end());
      if (place + 1 == length)
        last.assign(token.begin(), token.end());
      for (size_t j = 0; j < width; ++j) {
        sum[j] += double(token[j]);
        weighted[j] += double(token[j]) * double(place + 1);
        // A NaN stays.
        if (!(token[j] <= largest[j]) && !std::isnan(largest[j]))
          largest[j] = token[j];
      }
    }
  }

  std::vector<float> finish() {
    auto count = double(length - skipped);
    double weights = double(length) * double(length + 1) / 2 -
                     double(skipped) * double(skipped + 1) / 2;
    std::vector<float> result;
    auto divided = [&](const std::vector<double> &values, double divisor) {
      for (double value : values)
        result.push_back(float(value / divisor));
    };
    for (Pooling pooling : settings.poolings)
      switch (pooling) {
      case Pooling::First:
        result.insert(result.end(), first.begin(), first.end());
        break;
      case Pooling::Max:
        result.insert(result.end(), largest.begin(), largest.end());
        break;
      case Pooling::Mean:
        divided(sum, count);
        break;
      case Pooling::MeanSqrtLength:
        divided(sum, std::sqrt(count));
        break;
      case Pooling::WeightedMean:
        divided(weighted, weights);
        break;
      case Pooling::Last:
        result.insert(result.end(), last.begin(), last.end());
        break;
      }
    if (settings.normalizes)
      normalize(result);
    if (settings.keptWidth && size_t(settings.keptWidth) < result.size())
      result.resize(size_t(settings.keptWidth));
    return result;
  }

private:
  static void normalize(std::vector<float> &values) {
    double squares = 0;
    for (float value : values)
      squares += double(value) * double(value);
    double norm = std::max(std::sqrt(squares), 1e-12);
    for (float &value : values)
      value = float(double(value) / norm);
  }

  const PoolingSettings &settings;
  size_t width;
  /// The tokens of a prompt that does not take part.
  int64_t skipped, length = 0;
  std::vector<double> sum, weighted;
  std::vector<float> largest, first, last;
};

/// The number of tokens that a prompt has at the beginning of a text.
Expected<int64_t> promptTokens(const Tokenizer &tokenizer,
                               std::string_view prompt, bool lowersCase) {
  EncodeOptions options;
  options.lowersCase = lowersCase;
  Expected<TextEncoding> encoded = tokenizer.encode(prompt, options);
  if (!encoded)
    return encoded.takeError();
  auto count = int64_t(encoded->ids.size());
  // The special token at the end comes after the text.
  return count && tokenizer.isSpecial(encoded->ids.back()) ? count - 1 : count;
}

} // namespace

Expected<int64_t> TextEncoder::vectorWidth() const {
  return pooling.width(session.model().hiddenSize);
}

Error TextEncoder::embed(std::span<const TextInput> texts,
                         const VectorSink &take, const EmbedOptions &options) {
  Expected<int64_t> width = vectorWidth();
  if (!width)
    return width.takeError();
  Task task;
  task.limit = limitOf(/*embeds=*/true);
  task.truncates = options.truncates;
  task.lowersCase = pooling.lowersCase;
  task.output = Session::Output::Hidden;
  task.width = *width;
  std::string name = options.prompt.value_or(pooling.defaultPrompt);
  if (options.prompt && !pooling.prompts.count(name)) {
    std::string known;
    for (const auto &[prompt, text] : pooling.prompts)
      known += (known.empty() ? "" : ", ") + prompt;
    return makeError(ErrorCode::InvalidArgument, "the model has no prompt '",
                     name, "'; it has ", known.empty() ? "none" : known);
  }
  int64_t skipped = 0;
  if (auto found = pooling.prompts.find(name);
      found != pooling.prompts.end() && !found->second.empty()) {
    task.prompt = found->second;
    if (!pooling.poolsPrompt) {
      Expected<int64_t> count =
          promptTokens(tokenizer, task.prompt, pooling.lowersCase);
      if (!count)
        return count.takeError();
      skipped = *count;
    }
  }
  Pooler pooler(pooling, session.model().hiddenSize, skipped);
  task.check = [&](const Row &row) {
    return int64_t(row.ids.size()) > skipped
               ? Error::success()
               : makeError(ErrorCode::InvalidArgument, "the text has ",
                           row.ids.size(), " tokens, and the ", skipped,
                           " of the prompt take no part in the vector");
  };
  task.take = [&](Row &row, const ResultSpan &results) {
    auto length = int64_t(row.ids.size());
    if (results.first == 0)
      pooler.begin(length);
    pooler.take(results);
    if (results.first + int64_t(results.size()) == length)
      row.values = pooler.finish();
    return checkNumbers(row.values);
  };
  task.finish = [&](Row &row) { return take(row.index, row.values); };
  return run(texts, task, options);
}

} // namespace lora_rt
