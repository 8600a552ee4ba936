//===- TrainingDataTest.cpp - Rows and batches ----------------------------===//

#include "lora-runtime/TrainingData.h"
#include "TestFiles.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

Expected<std::vector<TrainingRow>> read(const std::string &text) {
  TestFolder folder;
  folder.write("rows.jsonl", text);
  return readTrainingRows(folder.path("rows.jsonl"), /*vocabulary=*/100,
                          /*longest=*/4);
}

TEST(TrainingData, LabelsDefaultToTheIds) {
  auto rows = read("{\"input_ids\": [5, 7]}\n\n"
                   "{\"input_ids\": [1, 2, 3], \"labels\": [-100, 2, 99]}");
  ASSERT_TRUE(rows) << rows.message();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].labels, (std::vector<int32_t>{5, 7}));
  EXPECT_EQ((*rows)[1].labels, (std::vector<int32_t>{-100, 2, 99}));
}

TEST(TrainingData, ErrorsNameTheLine) {
  struct Case {
    const char *text, *message;
  };
  for (Case c :
       {Case{"{\"input_ids\": [5]}\n{\"input_ids\": [100]}",
             "rows.jsonl:2: input_ids[0] is 100"},
        Case{"{\"input_ids\": [-1]}", "input_ids[0] is -1"},
        Case{"{\"input_ids\": [1.5]}",
             "is 1.5, but a token id is a whole number"},
        Case{"{\"input_ids\": [-100]}", "input_ids[0] is -100"},
        Case{"{\"input_ids\": [18446744073709551615]}", "vocabulary"},
        Case{"{\"input_ids\": []}", "is empty"},
        Case{"{\"input_ids\": 5}", "expected 'input_ids' to be a list"},
        Case{"{\"input_ids\": [1,2,3,4,5]}", "has 5 tokens"},
        Case{"{\"input_ids\": [1], \"labels\": [1, 2]}", "2 values"},
        Case{"{\"input_ids\": [1], \"text\": \"x\"}", "key 'text'"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [0]}",
             "without padding"},
        Case{"{\"input_ids\": [1], \"attention_mask\": 1}", "to be a list"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [1, 1]}",
             "as long as 'input_ids'"},
        Case{"[1]", "expected an object"}, Case{"{", "rows.jsonl:1"},
        Case{"\n\n", "has no rows"}}) {
    auto rows = read(c.text);
    ASSERT_FALSE(rows) << c.text;
    EXPECT_NE(rows.message().find(c.message), std::string::npos)
        << rows.message();
  }
}

TEST(TrainingData, BatchShiftsAndPads) {
  TrainingRow a{{5, 6, 7}, {5, -100, 7}}, b{{8}, {8}};
  const TrainingRow *rows[] = {&a, &b};
  TrainingBatch batch = makeBatch(rows, 4);
  EXPECT_EQ(batch.ids, (std::vector<int32_t>{5, 6, 7, 0, 8, 0, 0, 0}));
  EXPECT_EQ(batch.labels, (std::vector<int32_t>{-100, 7, -100, -100, -100, -100,
                                                -100, -100}));
  EXPECT_EQ(batch.sequence,
            (std::vector<int32_t>{0, 1, 2, 3, 0, 1, 2, 3, // positions
                                  0, 0, 0, 0, 4, 4, 4, 4, // first keys
                                  1, 2, 3, 4, 5, 6, 7, 8, // ends of keys
                                  0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(batch.tokens, 4);
  EXPECT_EQ(batch.counted, 1);
}

TEST(TrainingData, PaddedLengthWastesLittle) {
  EXPECT_EQ(paddedLength(1), 8);
  EXPECT_EQ(paddedLength(8), 8);
  EXPECT_EQ(paddedLength(9), 16);
  EXPECT_EQ(paddedLength(65), 80);
  EXPECT_EQ(paddedLength(512), 512);
  EXPECT_EQ(paddedLength(513), 640);
  for (int64_t longest = 64; longest < 5000; ++longest) {
    EXPECT_GE(paddedLength(longest), longest);
    EXPECT_LT(double(paddedLength(longest) - longest), 0.25 * double(longest));
  }
}

} // namespace
