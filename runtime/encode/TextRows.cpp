//===- TextRows.cpp - Texts as rows of tokens, window by window -----------===//
//
// Tokenizes a window of texts, checks and cuts them, runs them, and passes the
// results on in the order of the texts.
//
//===----------------------------------------------------------------------===//

#include "TextRows.h"

#include <algorithm>
#include <cmath>

namespace lora_rt {

namespace {

/// A window has at most so many texts, bytes of text, and values of results.
constexpr size_t windowTexts = 8192;
constexpr size_t windowBytes = size_t(16) << 20;
constexpr size_t windowValues = size_t(8) << 20;

/// The lengths of two texts that together have at most `limit` tokens.
std::pair<int64_t, int64_t> longestFirst(int64_t first, int64_t second,
                                         int64_t limit) {
  if (first + second <= limit)
    return {first, second};
  bool isSwapped = first > second;
  if (isSwapped)
    std::swap(first, second);
  second = first > limit ? first : std::max(first, limit - first);
  if (first + second > limit) {
    first = limit / 2;
    second = first + limit % 2;
  }
  if (isSwapped)
    std::swap(first, second);
  return {first, second};
}

/// Removes the elements whose flag is not set.
template <typename T>
void keepOnly(std::vector<T> &values, const std::vector<bool> &kept) {
  if (values.empty())
    return;
  size_t count = 0;
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i])
      values[count++] = values[i];
  values.resize(count);
}

} // namespace

Error truncate(TextEncoding &encoding, int64_t limit, bool fromLeft) {
  if (int64_t(encoding.ids.size()) <= limit)
    return Error::success();
  int64_t lengths[2] = {0, 0}, added = 0;
  for (size_t i = 0; i < encoding.ids.size(); ++i)
    ++(encoding.isAdded[i] ? added : lengths[encoding.textOf[i] != 0]);
  if (limit < added)
    return makeError(ErrorCode::InvalidArgument, "the ", added,
                     " special tokens of the text do not fit ", limit,
                     " tokens");
  auto [first, second] = longestFirst(lengths[0], lengths[1], limit - added);
  int64_t keep[2] = {first, second}, seen[2] = {0, 0};
  std::vector<bool> kept(encoding.ids.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    bool text = encoding.textOf[i] != 0;
    if (encoding.isAdded[i]) {
      kept[i] = true;
      continue;
    }
    int64_t place = seen[text]++;
    kept[i] =
        fromLeft ? place >= lengths[text] - keep[text] : place < keep[text];
  }
  keepOnly(encoding.ids, kept);
  keepOnly(encoding.typeIds, kept);
  keepOnly(encoding.isAdded, kept);
  keepOnly(encoding.textOf, kept);
  keepOnly(encoding.offsets, kept);
  return Error::success();
}

Error checkNumbers(std::span<const float> values) {
  for (float value : values)
    if (std::isnan(value))
      return makeError(ErrorCode::System, "the model computed NaN");
  return Error::success();
}

void softmax(std::span<const float> logits, std::vector<double> &result) {
  result.resize(logits.size());
  float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i)
    sum += result[i] = std::exp(double(logits[i]) - double(largest));
  for (double &value : result)
    value /= sum;
}

TextEncoder::TextEncoder(Session &session, const Tokenizer &tokenizer,
                         PoolingSettings pooling, LabelSettings labels)
    : session(session), tokenizer(tokenizer), pooling(std::move(pooling)),
      labelNames(labels.namesOf(session.model().outputs)),
      problem(labels.problem) {}

Expected<EncoderSettings> EncoderSettings::of(const TextSettings &text,
                                              const std::string &where) {
  Expected<PoolingSettings> pooling = PoolingSettings();
  if (!text.pooling.empty())
    pooling = PoolingSettings::parse(text.pooling, where + ": pooling");
  if (!pooling)
    return pooling.takeError();
  Expected<LabelSettings> labels =
      LabelSettings::make(text.labels, text.problemType, where);
  if (!labels)
    return labels.takeError();
  return EncoderSettings{std::move(*pooling), std::move(*labels)};
}

Expected<TextEncoder> TextEncoder::create(Session &session,
                                          const TextModel &text) {
  Expected<EncoderSettings> settings =
      EncoderSettings::of(text.settings(), "part 'text'");
  if (!settings)
    return settings.takeError();
  return TextEncoder(session, text.tokenizer(), std::move(settings->pooling),
                     std::move(settings->labels));
}

Error TextEncoder::checkHead(const char *task, const char *classes,
                             bool fits) const {
  if (fits)
    return Error::success();
  const Manifest::Model &model = session.model();
  const char *others = "";
  if (model.head == ModelHead::SequenceClassification)
    others = ", --classify its classes";
  else if (model.head == ModelHead::TokenClassification)
    others = ", --tag the labels of its tokens";
  else if (model.head == ModelHead::LanguageModel && model.isBidirectional)
    others = ", --fill-mask its masked places";
  return makeError(
      ErrorCode::Unsupported, "the model (", model.family,
      model.isBidirectional ? ", bidirectional attention" : "",
      ", head: ", headName(model.head), ") has no head for ", task,
      "; compile a checkpoint or an adapter of a class *For", classes,
      ". Of this model, --embed gives the vector of a text", others);
}

TextEncoder::Limit TextEncoder::limitOf(bool embeds) const {
  const Manifest::Model &model = session.model();
  Limit limit;
  limit.most = session.context();
  if (limit.most == model.maxPositions)
    limit.reason = "all that it has positions for";
  else if (model.isBidirectional)
    limit.reason = "its largest call; lora-compile --tokens makes larger ones";
  else
    limit.reason = "its context; --context takes up to " +
                   std::to_string(model.maxPositions);
  auto most = int64_t(std::min<uint64_t>(tokenizer.maxLength(), INT32_MAX));
  bool isSet = embeds && pooling.maxTokens;
  int64_t own = isSet ? pooling.maxTokens : most;
  limit.cut = own ? std::min(own, limit.most) : limit.most;
  if (embeds && limit.cut < limit.most) {
    limit.most = limit.cut;
    limit.reason =
        isSet ? "its max_seq_length" : "the model_max_length of its tokenizer";
  }
  return limit;
}

Error TextEncoder::prepare(const Task &task, size_t index, Row &row) const {
  EncodeOptions options;
  options.wantsOffsets = task.keepsEncoding;
  options.lowersCase = task.lowersCase;
  std::string prompted;
  std::string_view first = row.text.text;
  if (!task.prompt.empty()) {
    prompted.append(task.prompt).append(first);
    first = prompted;
  }
  Expected<TextEncoding> encoded =
      row.text.pair ? tokenizer.encode(first, *row.text.pair, options)
                    : tokenizer.encode(first, options);
  if (!encoded)
    return encoded.takeError();
  auto tokens = int64_t(encoded->ids.size());
  if (task.truncates) {
    if (Error error =
            truncate(*encoded, task.limit.cut, tokenizer.truncatesLeft()))
      return error;
  } else if (tokens > task.limit.most) {
    return makeError(ErrorCode::InvalidArgument, "the text has ", tokens,
                     " tokens, but the model takes at most ", task.limit.most,
                     " (", task.limit.reason,
                     "); shorten it, or let it be cut with --truncate");
  }
  if (encoded->ids.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "the text has no tokens, and the tokenizer adds none");
  const Manifest::Model &model = session.model();
  for (uint32_t id : encoded->ids)
    if (int64_t(id) >= model.vocabSize)
      return makeError(ErrorCode::InvalidFile, "the tokenizer makes the id ",
                       id, ", but the model's vocabulary ends at ",
                       model.vocabSize - 1,
                       "; compile the model with its own tokenizer");
  row.index = index;
  row.ids.assign(encoded->ids.begin(), encoded->ids.end());
  if (model.tokenTypes && tokenizer.givesTypes())
    row.types.assign(encoded->typeIds.begin(), encoded->typeIds.end());
  TokenRow checked = row.tokens();
  if (Error error = session.checkBatch({&checked, 1}))
    return error;
  if (task.keepsEncoding)
    row.encoding = std::move(*encoded);
  return task.check ? task.check(row) : Error::success();
}

Error TextEncoder::runRows(const Task &task, std::span<Row *const> rows,
                           const std::function<void()> &finished) {
  std::vector<TokenRow> tokens;
  for (const Row *row : rows) {
    tokens.push_back(row->tokens());
    tokensRun += int64_t(row->ids.size());
  }
  bool isPooled = session.isPooled(task.output);
  return session.run(
      tokens,
      [&](size_t row, const ResultSpan &results) {
        if (Error error = task.take(*rows[row], results))
          return error;
        if (isPooled ||
            size_t(results.first) + results.size() == rows[row]->ids.size())
          finished();
        return Error::success();
      },
      task.output);
}

Error TextEncoder::run(std::span<const TextInput> texts, const Task &task,
                       const TextRunOptions &options) {
  auto named = [&](size_t index, Error error) {
    std::string name;
    if (options.nameOf)
      name = options.nameOf(index);
    else if (texts.size() > 1)
      name = "text " + std::to_string(index + 1) + " of " +
             std::to_string(texts.size());
    return name.empty() ? std::move(error)
                        : makeError(error.code(), name, ": ", error.message());
  };
  const Manifest::Model &model = session.model();
  // A text has the same result in any company: rows of a causal model, and
  // frequencies that depend on the longest row of a call, run by themselves.
  bool isPacked = model.isBidirectional && !model.rope;
  size_t most =
      std::clamp<size_t>(windowValues / size_t(task.width), 1, windowTexts);
  size_t done = 0;
  auto finished = [&] {
    ++done;
    if (options.progress)
      options.progress(done);
  };
  std::vector<Row> rows;
  for (size_t begin = 0; begin < texts.size();) {
    rows.clear();
    size_t bytes = 0;
    for (; begin < texts.size() && rows.size() < most && bytes < windowBytes;
         ++begin) {
      const TextInput &text = texts[begin];
      bytes += text.text.size() + (text.pair ? text.pair->size() : 0);
      Row row;
      row.text = text;
      Error error = prepare(task, begin, row);
      if (!error) {
        rows.push_back(std::move(row));
        continue;
      }
      error = named(begin, std::move(error));
      if (options.failed)
        error = options.failed(begin, std::move(error));
      if (error)
        return error;
    }
    std::vector<Row *> sorted;
    for (Row &row : rows)
      sorted.push_back(&row);
    std::sort(sorted.begin(), sorted.end(), [](const Row *a, const Row *b) {
      return a->ids.size() != b->ids.size() ? a->ids.size() > b->ids.size()
                                            : a->index < b->index;
    });
    for (size_t first = 0; first < sorted.size();) {
      size_t count = isPacked ? sorted.size() : 1;
      if (Error error =
              runRows(task, std::span(sorted).subspan(first, count), finished))
        return error;
      first += count;
    }
    for (Row &row : rows)
      if (Error error = task.finish(row))
        return error;
  }
  return Error::success();
}

} // namespace lora_rt
