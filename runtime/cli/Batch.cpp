//===- Batch.cpp - Rows of tokens from the command line -------------------===//
//
// Parses --ids and --token-types into rows, which must agree in number and in
// length. Errors name the option and the text.
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
                   ": expected numbers separated by commas, but got '", text,
                   "'");
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
