//===- TextSource.cpp - The texts that an encoder works on ----------------===//
//
// Implements TextSource. A line is a text, even if it is empty. In a .jsonl
// file, blank lines are skipped. An object that is not valid is the error of
// one text: the other lines are still read. A file is mapped, and standard
// input is read up to 4 GiB.
//
//===----------------------------------------------------------------------===//

#include "TextSource.h"
#include "../core/Json.h"
#include "TextLines.h"

#include <algorithm>
#include <filesystem>

namespace lora_rt::cli {

namespace {

constexpr uint64_t maxInputBytes = uint64_t(4) << 30;

} // namespace

Error TextSource::open(const Options &options, const char *task) {
  pair = options.pair;
  if (options.input.empty()) {
    Expected<std::string> text = needPrompt(options, task);
    if (!text)
      return text.takeError();
    own = std::move(*text);
    total = 1;
    return Error::success();
  }
  if (options.prompt || !options.promptFile.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "--input and a text: give one of them");
  path = options.input;
  isFile = true;
  isJson = path.ends_with(".jsonl");
  if (path == "-") {
    Expected<std::string> text = readInput(path, maxInputBytes);
    if (!text)
      return text.takeError();
    own = std::move(*text);
    rest = own;
    path = "standard input";
  } else if (std::error_code code;
             std::filesystem::file_size(path, code) != 0 || code) {
    Expected<MappedFile> mapped = MappedFile::open(path);
    if (!mapped)
      return mapped.takeError();
    file = std::move(*mapped);
    rest = {reinterpret_cast<const char *>(file.bytes().data()),
            file.bytes().size()};
  }
  std::string_view all = rest;
  while (!rest.empty())
    if (std::string_view text = takeLine(rest); !isJson || !isBlank(text))
      ++total;
  rest = all;
  return Error::success();
}

void TextSource::readObject(std::string_view text, Item &item) {
  Expected<Json> json = parseJson(text, item.name);
  if (!json) {
    item.error = json.takeError();
    return;
  }
  auto fail = [&](const auto &...parts) {
    item.error = makeError(ErrorCode::InvalidFile, item.name, ": ", parts...);
  };
  if (!json->is_object() || !json->contains("text"))
    return fail("expected a JSON object with a 'text', and maybe a 'pair'");
  for (const auto &[key, value] : json->items()) {
    if (key == "id")
      continue;
    if (key != "text" && key != "pair")
      return fail("'", key, "' is not known; expected 'text', 'pair' and 'id'");
    if (key == "pair" && value.is_null())
      continue;
    if (!value.is_string())
      return fail("expected a text for '", key, "'");
    decoded.push_back(value.get<std::string>());
    if (key == "text")
      item.text.text = decoded.back();
    else
      item.text.pair = decoded.back();
  }
  if (item.text.pair && pair)
    fail("'pair' and --pair: give one of them");
}

void TextSource::next(size_t most, std::vector<Item> &items) {
  items.clear();
  decoded.clear();
  auto add = [&]() -> Item & {
    Item &item = items.emplace_back();
    if (pair)
      item.text.pair = *pair;
    return item;
  };
  if (!isFile) {
    if (!isDone)
      add().text.text = own;
    isDone = true;
    return;
  }
  while (!rest.empty() && items.size() < most) {
    std::string_view text = takeLine(rest);
    ++line;
    if (isJson && isBlank(text))
      continue;
    Item &item = add();
    item.name = path + ": line " + std::to_string(line);
    if (!isJson) {
      item.text.text = text;
      continue;
    }
    item.text.pair.reset();
    readObject(text, item);
    if (!item.text.pair && pair)
      item.text.pair = *pair;
  }
}

} // namespace lora_rt::cli
