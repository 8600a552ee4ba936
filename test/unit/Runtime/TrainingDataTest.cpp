//===- TrainingDataTest.cpp - Rows and batches ----------------------------===//
//
// Reading training rows from JSON lines, their errors with line numbers, and
// the batches and orders that are made of them.
//
//===----------------------------------------------------------------------===//

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
        Case{"{\"input_ids\": [1], \"attention_mask\": 1}",
             "rows.jsonl:1: expected 'attention_mask' to be a list, but it is "
             "1"},
        Case{"{\"input_ids\": [1], \"attention_mask\": null}", "it is null"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [1, 1]}",
             "'attention_mask' has 2 values, but 'input_ids' has 1"},
        Case{"{\"input_ids\": [1], \"attention_mask\": []}", "has 0 values"},
        Case{"\n{\"input_ids\": [1, 2], \"attention_mask\": [1, true]}",
             "rows.jsonl:2: attention_mask[1] is true, but expected the whole "
             "number 1"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [false]}", "is false"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [1.0]}", "is 1.0"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [\"1\"]}", "is \"1\""},
        Case{"{\"input_ids\": [1], \"attention_mask\": [[1]]}", "is [1]"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [null]}", "is null"},
        Case{"{\"input_ids\": [1], \"attention_mask\": [2]}", "is 2"},
        Case{"{\"input_ids\": [true]}", "input_ids[0] is true"},
        Case{"{\"input_ids\": [[1]]}", "input_ids[0] is [1]"},
        Case{"{\"input_ids\": [1], \"labels\": [false]}", "labels[0] is false"},
        Case{"{\"input_ids\": [1], \"labels\": null}", "but it is null"},
        Case{"{\"input_ids\": [1], \"labels\": [-1]}", "labels[0] is -1"},
        Case{"{\"input_ids\": [1], \"labels\": []}", "0 values"},
        Case{"{\"input_ids\": [1]} {\"input_ids\": [2]}", "rows.jsonl:1"},
        Case{"[1]", "expected an object"},
        Case{"{", "rows.jsonl:1"},
        Case{"\n\n", "has no rows"}}) {
    auto rows = read(c.text);
    ASSERT_FALSE(rows) << c.text;
    EXPECT_NE(rows.message().find(c.message), std::string::npos)
        << rows.message();
  }
}

TEST(TrainingData, EndsOfLinesAndMarks) {
  for (const char *text :
       {"{\"input_ids\": [5, 7], \"attention_mask\": [1, 1]}\r\n\r\n"
        "{\"input_ids\": [9]}\r\n",
        "\xef\xbb\xbf{\"input_ids\": [5, 7]}\n\n{\"input_ids\": [9]}",
        " {\"input_ids\":[5,7]}\t\n \n\t{\"input_ids\":[9]}\n\n"}) {
    auto rows = read(text);
    ASSERT_TRUE(rows) << rows.message();
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ((*rows)[0].ids, (std::vector<int32_t>{5, 7}));
    EXPECT_EQ((*rows)[0].line, 1);
    EXPECT_EQ((*rows)[1].ids, (std::vector<int32_t>{9}));
    EXPECT_EQ((*rows)[1].line, 3);
  }
}

TEST(TrainingData, OnlyFiles) {
  TestFolder folder;
  EXPECT_EQ(readTrainingRows(folder.root(), 100, 4).message(),
            folder.root() +
                ": is a folder, but rows are read from a JSON Lines file");
  EXPECT_NE(readTrainingRows("/dev/null", 100, 4).message().find("device"),
            std::string::npos);
  EXPECT_NE(readTrainingRows(folder.path("none"), 100, 4)
                .message()
                .find("No such file"),
            std::string::npos);
  folder.write("empty", "");
  EXPECT_NE(
      readTrainingRows(folder.path("empty"), 100, 4).message().find("empty"),
      std::string::npos);
}

TEST(TrainingData, StepsTakeRowsInOrder) {
  std::vector<TrainingRow> rows(6);
  auto firstOf = [&](int64_t step, int64_t batch) {
    auto selected = selectRows(rows, step, batch);
    EXPECT_EQ(int64_t(selected.size()), batch);
    for (size_t i = 0; i + 1 < selected.size(); ++i)
      EXPECT_EQ((selected[i] - &rows[0] + 1) % 6, selected[i + 1] - &rows[0]);
    return selected[0] - &rows[0];
  };
  EXPECT_EQ(firstOf(0, 4), 0);
  EXPECT_EQ(firstOf(1, 4), 4);
  EXPECT_EQ(firstOf(2, 4), 2);
  EXPECT_EQ(firstOf(3, 4), 0);
  EXPECT_EQ(firstOf(5, 15), 3);
  EXPECT_EQ(firstOf(INT64_MAX, 4), 4); // 2^63 - 1 is 1 modulo 3.
  EXPECT_EQ(stepsPerCycle(rows, 4), 3);
  EXPECT_EQ(stepsPerCycle(rows, 6), 1);
  EXPECT_EQ(stepsPerCycle(rows, 5), 6);
  EXPECT_EQ(stepsPerCycle(rows, 1), 6);
}

TEST(TrainingData, StepsWithoutALossAreFoundBeforeTheFirst) {
  auto rows = read("{\"input_ids\": [5, 7]}\n"
                   "{\"input_ids\": [5]}\n\n"
                   "{\"input_ids\": [5, 7], \"labels\": [5, -100]}\n"
                   "{\"input_ids\": [5, 7, 8], \"labels\": [-100, -100, 8]}");
  ASSERT_TRUE(rows) << rows.message();
  auto check = [&](int64_t steps, int64_t batch) {
    return checkSteps(*rows, steps, batch, "rows.jsonl").message();
  };
  EXPECT_EQ(check(1, 1), "");
  EXPECT_EQ(check(100, 4), "");
  EXPECT_EQ(check(2, 2), "");
  EXPECT_EQ(check(100, 3), "");
  EXPECT_NE(
      check(2, 1).find("rows.jsonl:2: step 2 has no token to predict: in its "
                       "rows (line 2) all"),
      std::string::npos)
      << check(2, 1);
  rows->erase(rows->begin());
  EXPECT_NE(
      check(2, 2).find("rows.jsonl:2: step 1 has no token to predict: in its "
                       "rows (lines 2 and 4) all"),
      std::string::npos)
      << check(2, 2);
  rows->pop_back();
  EXPECT_NE(check(1, 700).find("(lines 2 and 4)"), std::string::npos);
  std::vector<TrainingRow> many(9, {{5}, {5}});
  for (size_t i = 0; i < many.size(); ++i)
    many[i].line = int64_t(10 + i);
  EXPECT_NE(checkSteps(many, INT64_MAX, 5, "f")
                .message()
                .find("(lines 10, 11, 12, 13 and 14)"),
            std::string::npos);
  EXPECT_NE(checkSteps(many, INT64_MAX, 7, "f")
                .message()
                .find("(lines 10, 11, 12, 13 and 3 more)"),
            std::string::npos);
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
