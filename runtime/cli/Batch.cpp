//===- Batch.cpp - Rows of tokens from the command line -------------------===//
//
// Parses --ids, --ids-file and --token-types into rows, which must agree in
// number and in length. Errors name the option and the text.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"

#include <algorithm>
#include <charconv>

namespace lora_rt::cli {

namespace {

/// Parses "5,7,9"; `option` is the option for messages.
Expected<std::vector<int32_t>> parseNumbers(const char *option,
                                            const std::string &text) {
  std::vector<int32_t> numbers;
  const char *at = text.data(), *end = at + text.size();
  auto skipSpaces = [&] {
    while (at != end && *at == ' ')
      ++at;
  };
  for (;;) {
    skipSpaces();
    int32_t number = 0;
    auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc())
      break;
    numbers.push_back(number);
    at = next;
    skipSpaces();
    if (at == end)
      return numbers;
    if (*at++ != ',')
      break;
  }
  return makeError(ErrorCode::InvalidArgument, option,
                   ": expected numbers separated by commas, but got '",
                   readableMessage(text.substr(0, 200)), "'");
}

/// Reads a file with a row of numbers on each line. Empty lines at the end are
/// skipped.
Error readRows(const std::string &path,
               std::vector<std::vector<int32_t>> &rows) {
  constexpr uint64_t limit = uint64_t(1) << 30;
  Expected<std::string> text = readInput(path, limit);
  if (!text)
    return text.takeError();
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r'))
    text->pop_back();
  for (size_t at = 0, line = 1; at <= text->size(); ++line) {
    size_t end = std::min(text->find('\n', at), text->size());
    std::string row = text->substr(at, end - at);
    if (row.ends_with('\r'))
      row.pop_back();
    at = end + 1;
    Expected<std::vector<int32_t>> numbers = parseNumbers(
        ("--ids-file " + path + ": line " + std::to_string(line)).c_str(), row);
    if (!numbers)
      return numbers.takeError();
    rows.push_back(std::move(*numbers));
  }
  return Error::success();
}

Error parseAll(const char *option, const std::vector<std::string> &texts,
               std::vector<std::vector<int32_t>> &rows) {
  for (const std::string &text : texts) {
    Expected<std::vector<int32_t>> row = parseNumbers(option, text);
    if (!row)
      return row.takeError();
    rows.push_back(std::move(*row));
  }
  return Error::success();
}

} // namespace

Expected<Batch> parseBatch(const Options &options) {
  Batch batch;
  if (!options.idsFile.empty()) {
    if (!options.ids.empty())
      return makeError(ErrorCode::InvalidArgument,
                       "--ids and --ids-file: give one of them");
    if (Error error = readRows(options.idsFile, batch.ids))
      return error;
  }
  if (Error error = parseAll("--ids", options.ids, batch.ids))
    return error;
  if (Error error = parseAll("--token-types", options.tokenTypes, batch.types))
    return error;
  if (!batch.types.empty() && batch.types.size() != batch.ids.size())
    return makeError(ErrorCode::InvalidArgument, "--token-types is given ",
                     batch.types.size(), " times, but --ids ", batch.ids.size(),
                     " times; each row has both");
  return batch;
}

std::vector<TokenRow> Batch::rows() const {
  std::vector<TokenRow> rows;
  for (size_t row = 0; row < ids.size(); ++row) {
    rows.push_back({ids[row]});
    if (!types.empty())
      rows.back().types = types[row];
  }
  return rows;
}

int64_t Batch::longest() const {
  size_t longest = 0;
  for (const std::vector<int32_t> &row : ids)
    longest = std::max(longest, row.size());
  return int64_t(longest);
}

int64_t Batch::tokens() const {
  size_t sum = 0;
  for (const std::vector<int32_t> &row : ids)
    sum += row.size();
  return int64_t(sum);
}

} // namespace lora_rt::cli
