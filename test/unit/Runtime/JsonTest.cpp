//===- JsonTest.cpp - What no JSON text may contain -----------------------===//
//
// Zero bytes, too much depth, too many values, too many bytes, duplicate keys:
// each is an error that says what is wrong.
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

std::string failure(const std::string &text) {
  return parseJson(text, "x").message();
}

TEST(Json, StopsAtWhatItDoesNotTake) {
  EXPECT_EQ(failure("{\"a\":[1,{\"b\":null}]}"), "");
  EXPECT_EQ(failure("{\"a\":1,\"b\":{\"a\":2}}"), "");
  EXPECT_EQ(failure("{\"a\":1,\"a\":1}"),
            "x: the key 'a' stands twice in one JSON object");
  // Some parsers take this as the end, and ignore what follows.
  EXPECT_EQ(failure(std::string("{}\0{\"a\":1}", 10)),
            "x: not valid JSON at line 1, column 3; the file is damaged or "
            "incomplete");
  EXPECT_NE(failure("{} {}"), "");
  EXPECT_NE(failure("1e999"), "");
  std::string deep(64, '['), deeper(65, '[');
  EXPECT_EQ(failure(deep + std::string(64, ']')), "");
  EXPECT_EQ(failure(deeper + std::string(65, ']')),
            "x: JSON nested deeper than 64 levels");
  EXPECT_NE(failure(std::string(1'000'000, '[')), "");
  std::string many = "[0";
  for (size_t i = 1; i < maxJsonValues; ++i)
    many += ",0";
  EXPECT_EQ(failure(many + "]"),
            "x: more than 2000000 values in one JSON text");
  EXPECT_EQ(failure(std::string(maxJsonBytes + 1, ' ')),
            "x: more than 268435456 bytes in one JSON text");
}

} // namespace
