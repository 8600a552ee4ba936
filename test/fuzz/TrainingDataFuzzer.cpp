//===- TrainingDataFuzzer.cpp - Any lines as training rows ----------------===//
//
// Reads the input as a file of training rows. Rows that are accepted must have
// ids and labels of the same length, within the vocabulary.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/TrainingData.h"

static constexpr const char *words[] = {"input_ids", "labels",
                                        "attention_mask"};

/// Changes one line as JSON.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  if (seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string text(reinterpret_cast<const char *>(data), size);
  fuzz::JsonMutator mutator(seed, words);
  size_t begin = text.rfind('\n', mutator.pick(size));
  begin = begin == std::string::npos ? 0 : begin + 1;
  size_t end = std::min(text.find('\n', begin), text.size());
  size_t rest = text.size() - (end - begin);
  std::string line =
      mutator.mutate(text.substr(begin, end - begin), maxSize - rest);
  text.replace(begin, end - begin, line);
  text.resize(std::min(text.size(), maxSize));
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  constexpr int64_t vocabulary = 100, longest = 16;
  std::string path = file.set({reinterpret_cast<const char *>(data), size});
  auto rows = lora_rt::readTrainingRows(path, vocabulary, longest);
  if (!rows) {
    CHECK(rows.message().starts_with(path));
    return 0;
  }
  std::vector<const lora_rt::TrainingRow *> all;
  for (const lora_rt::TrainingRow &row : *rows) {
    CHECK(!row.ids.empty() && row.ids.size() <= size_t(longest) &&
          row.labels.size() == row.ids.size());
    for (int32_t id : row.ids)
      CHECK(id >= 0 && id < vocabulary);
    for (int32_t label : row.labels)
      CHECK(label == -100 || (label >= 0 && label < vocabulary));
    all.push_back(&row);
  }
  lora_rt::TrainingBatch batch =
      lora_rt::makeBatch(all, lora_rt::paddedLength(longest));
  bool hasLoss = std::any_of(batch.labels.begin(), batch.labels.end(),
                             [](int32_t label) { return label != -100; });
  lora_rt::Error error =
      lora_rt::checkSteps(*rows, 1, int64_t(rows->size()), path);
  CHECK(hasLoss != bool(error) && batch.tokens > 0);
  return 0;
}
