//===- TrainingData.cpp - Rows of token ids and their batches -------------===//
//
// Parses each line strictly, as lines of JSON objects. The whole file is
// checked before the first batch is made.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/TrainingData.h"
#include "../core/Json.h"
#include "lora-runtime/File.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <numeric>

using namespace lora_rt;

namespace {

constexpr int32_t ignoredLabel = -100;

/// Reads the ids of one list of a row. With `allowIgnored`, -100 is permitted
/// in addition to [0, vocabulary).
Error readIds(const Json &list, const char *key, int64_t vocabulary,
              bool allowIgnored, const std::string &where,
              std::vector<int32_t> &ids) {
  if (!list.is_array())
    return makeError(ErrorCode::InvalidFile, where, ": expected '", key,
                     "' to be a list of token ids, but it is ", list.dump());
  ids.reserve(list.size());
  for (const Json &value : list) {
    bool whole = value.is_number_integer();
    int64_t id =
        !whole ? -1
        : value.is_number_unsigned() && value.get<uint64_t>() > INT32_MAX
            ? -1
            : value.get<int64_t>();
    if (whole && allowIgnored && id == ignoredLabel) {
      ids.push_back(ignoredLabel);
      continue;
    }
    if (!whole)
      return makeError(ErrorCode::InvalidFile, where, ": ", key, "[",
                       ids.size(), "] is ", value.dump(),
                       ", but a token id is a whole number");
    if (id < 0 || id >= vocabulary)
      return makeError(
          ErrorCode::InvalidFile, where, ": ", key, "[", ids.size(), "] is ",
          value.dump(), ", but the model's vocabulary has the ids 0 to ",
          vocabulary - 1, "; was the file tokenised for another model?");
    ids.push_back(int32_t(id));
  }
  return Error::success();
}

/// A mask is permitted but has no effect, because rows have no padding.
Error checkMask(const Json &mask, size_t tokens, const std::string &where) {
  if (!mask.is_array())
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected 'attention_mask' to be a list, but it is ",
                     mask.dump());
  if (mask.size() != tokens)
    return makeError(ErrorCode::InvalidFile, where, ": 'attention_mask' has ",
                     mask.size(), " values, but 'input_ids' has ", tokens);
  for (size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i].is_number_integer())
      return makeError(ErrorCode::InvalidFile, where, ": attention_mask[", i,
                       "] is ", mask[i].dump(),
                       ", but expected the whole number 1");
    if (mask[i] != 1)
      return makeError(ErrorCode::InvalidFile, where, ": attention_mask[", i,
                       "] is ", mask[i].dump(),
                       ", but rows are given without padding; remove the "
                       "padded tokens from all lists");
  }
  return Error::success();
}

/// The number of labels that a token before them should predict.
int64_t countLabels(const TrainingRow &row) {
  return std::count_if(row.labels.begin() + 1, row.labels.end(),
                       [](int32_t label) { return label != ignoredLabel; });
}

/// Lines as text: "line 7", "lines 7, 8 and 9", "lines 7, 8, 9, 10 and 3 more".
std::string linesText(const std::vector<const TrainingRow *> &rows) {
  std::vector<int64_t> lines;
  for (const TrainingRow *row : rows)
    lines.push_back(row->line);
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  size_t shown = lines.size() <= 5 ? lines.size() : 4;
  std::string text = lines.size() == 1 ? "line " : "lines ";
  for (size_t i = 0; i < shown; ++i)
    text += (i == 0                                           ? ""
             : i + 1 == lines.size() && shown == lines.size() ? " and "
                                                              : ", ") +
            std::to_string(lines[i]);
  if (shown < lines.size())
    text += " and " + std::to_string(lines.size() - shown) + " more";
  return text;
}

Expected<TrainingRow> readRow(std::string_view line, const std::string &where,
                              int64_t vocabulary, int64_t longest) {
  Expected<Json> json = parseJson(line, where);
  if (!json)
    return makeError(ErrorCode::InvalidFile, json.message(),
                     "; a row is one line, as {\"input_ids\": [5, 7]}");
  if (!json->is_object() || !json->contains("input_ids"))
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected an object with 'input_ids', as in "
                     "{\"input_ids\": [5, 7], \"labels\": [5, 7]}");
  for (const auto &[key, value] : json->items())
    if (key != "input_ids" && key != "labels" && key != "attention_mask")
      return makeError(ErrorCode::InvalidFile, where, ": unknown key '", key,
                       "'; a row has 'input_ids' and, if wanted, 'labels'");

  TrainingRow row;
  if (Error error = readIds((*json)["input_ids"], "input_ids", vocabulary,
                            /*allowIgnored=*/false, where, row.ids))
    return error;
  if (row.ids.empty())
    return makeError(ErrorCode::InvalidFile, where,
                     ": 'input_ids' is empty; remove the row");
  if (int64_t(row.ids.size()) > longest)
    return makeError(ErrorCode::InvalidFile, where, ": the row has ",
                     row.ids.size(), " tokens, but the model's context is ",
                     longest, "; split it");
  if (json->contains("attention_mask"))
    if (Error error =
            checkMask((*json)["attention_mask"], row.ids.size(), where))
      return error;
  if (!json->contains("labels")) {
    row.labels = row.ids;
    return row;
  }
  if (Error error = readIds((*json)["labels"], "labels", vocabulary,
                            /*allowIgnored=*/true, where, row.labels))
    return error;
  if (row.labels.size() != row.ids.size())
    return makeError(ErrorCode::InvalidFile, where, ": 'labels' has ",
                     row.labels.size(), " values, but 'input_ids' has ",
                     row.ids.size());
  return row;
}

} // namespace

Expected<std::vector<TrainingRow>>
lora_rt::readTrainingRows(const std::string &path, int64_t vocabulary,
                          int64_t longest) {
  std::error_code code;
  auto status = std::filesystem::status(path, code);
  if (std::filesystem::exists(status) &&
      !std::filesystem::is_regular_file(status))
    return makeError(ErrorCode::InvalidFile, path,
                     std::filesystem::is_directory(status)
                         ? ": is a folder"
                         : ": is a pipe or a device",
                     ", but rows are read from a JSON Lines file");
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  std::string_view text(reinterpret_cast<const char *>(file->bytes().data()),
                        file->bytes().size());
  std::vector<TrainingRow> rows;
  for (size_t number = 1; !text.empty(); ++number) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    Expected<TrainingRow> row =
        readRow(line, path + ":" + std::to_string(number), vocabulary, longest);
    if (!row)
      return row.takeError();
    row->line = int64_t(number);
    rows.push_back(std::move(*row));
  }
  if (rows.empty())
    return makeError(ErrorCode::InvalidFile, path, ": has no rows");
  return rows;
}

std::vector<const TrainingRow *>
lora_rt::selectRows(const std::vector<TrainingRow> &rows, int64_t step,
                    int64_t batchSize) {
  std::vector<const TrainingRow *> selected;
  size_t count = rows.size();
  size_t next = size_t(step) % count * (size_t(batchSize) % count) % count;
  for (int64_t i = 0; i < batchSize; ++i) {
    selected.push_back(&rows[next]);
    next = next + 1 == count ? 0 : next + 1;
  }
  return selected;
}

int64_t lora_rt::stepsPerCycle(const std::vector<TrainingRow> &rows,
                               int64_t batchSize) {
  return int64_t(rows.size()) / std::gcd(int64_t(rows.size()), batchSize);
}

Error lora_rt::checkSteps(const std::vector<TrainingRow> &rows, int64_t steps,
                          int64_t batchSize, const std::string &path) {
  steps = std::min(steps, stepsPerCycle(rows, batchSize));
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<const TrainingRow *> selected =
        selectRows(rows, step, batchSize);
    if (std::any_of(
            selected.begin(), selected.end(),
            [](const TrainingRow *row) { return countLabels(*row) != 0; }))
      continue;
    return makeError(
        ErrorCode::InvalidFile, path, ":", selected.front()->line, ": step ",
        step + 1, " has no token to predict: in its rows (",
        linesText(selected),
        ") all labels behind the first token are -100, or there is no other "
        "token; remove them, or take more rows into a step");
  }
  return Error::success();
}

int64_t lora_rt::paddedLength(int64_t longest) {
  int64_t step =
      std::max<int64_t>(8, int64_t(std::bit_ceil(uint64_t(longest))) / 8);
  return (longest + step - 1) / step * step;
}

TrainingBatch lora_rt::makeBatch(std::span<const TrainingRow *const> rows,
                                 int64_t length) {
  TrainingBatch batch;
  batch.rows = int64_t(rows.size());
  batch.length = length;
  size_t total = size_t(batch.rows * length);
  batch.ids.assign(total, 0);
  batch.labels.assign(total, ignoredLabel);
  batch.sequence.assign(4 * total, 0);
  for (int64_t row = 0; row < batch.rows; ++row) {
    const TrainingRow &source = *rows[size_t(row)];
    batch.tokens += int64_t(source.ids.size());
    for (int64_t position = 0; position < length; ++position) {
      size_t token = size_t(row * length + position);
      batch.sequence[token] = int32_t(position);
      batch.sequence[total + token] = int32_t(row * length);
      batch.sequence[2 * total + token] = int32_t(token + 1);
      if (size_t(position) < source.ids.size())
        batch.ids[token] = source.ids[size_t(position)];
      if (size_t(position) + 1 < source.ids.size())
        batch.labels[token] = source.labels[size_t(position) + 1];
    }
  }
  return batch;
}
