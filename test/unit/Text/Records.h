//===- Records.h - What Python's tokenizers made of texts -------*- C++ -*-===//

#ifndef LORA_TEST_UNIT_TEXT_RECORDS_H
#define LORA_TEST_UNIT_TEXT_RECORDS_H

#include "lora-runtime/Tokenizer.h"

#include <gtest/gtest.h>
#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace records {

using Json = nlohmann::json;

inline Json read(const std::string &name) {
  std::string path = std::string(LORA_TEST_INPUTS) + "/" + name + ".json.gz";
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_TRUE(file) << path;
  std::string text(size_t(4) << 20, '\0');
  int size = file ? gzread(file, text.data(), unsigned(text.size())) : 0;
  if (file)
    gzclose(file);
  text.resize(size_t(std::max(size, 0)));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(json.is_object()) << name;
  return json.is_object() ? json : Json::object();
}

/// All records that tools/dev/record_tokenizers.py wrote.
inline std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto &entry :
       std::filesystem::directory_iterator(LORA_TEST_INPUTS))
    if (std::string name = entry.path().stem().stem().string();
        entry.path().extension() == ".gz" && name != "texts")
      result.push_back(name);
  std::sort(result.begin(), result.end());
  return result;
}

/// The output of `store`, at a multiple of 8.
class Stored {
public:
  explicit Stored(const std::string &bytes)
      : words((bytes.size() + 7) / 8), size(bytes.size()) {
    if (size)
      std::memcpy(words.data(), bytes.data(), size);
  }
  std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte *>(words.data()), size};
  }

private:
  std::vector<uint64_t> words;
  size_t size;
};

} // namespace records

#endif // LORA_TEST_UNIT_TEXT_RECORDS_H
