//===- PackingTest.cpp - Rows of a batch and their calls ------------------===//
//
// How rows are packed into calls of the compiled sizes, and which position and
// which label each token gets.
//
//===----------------------------------------------------------------------===//

#include "session/CallPlan.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

using Ids = std::vector<int32_t>;

Ids numbers(std::span<const int32_t> values) {
  return {values.begin(), values.end()};
}

Manifest::Model encoder() {
  Manifest::Model model;
  model.family = "tiny";
  model.vocabSize = 20;
  model.maxPositions = 12;
  model.isBidirectional = true;
  model.poolsLast = false;
  model.tokenTypes = 3;
  return model;
}

Manifest::Model roberta() {
  Manifest::Model model = encoder();
  model.skipsPadding = true;
  model.padTokenId = 1;
  return model;
}

void expectMessage(const Error &error, const std::string &part) {
  EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
}

/// "size:rows" for each call.
std::string packing(std::vector<int64_t> sizes, std::vector<int64_t> lengths) {
  std::string text;
  size_t next = 0;
  for (const PackedCall &call : planPacking(sizes, lengths)) {
    EXPECT_EQ(call.firstRow, next);
    next += call.rows;
    int64_t tokens = 0;
    for (size_t row = call.firstRow; row < next; ++row)
      tokens += lengths[row];
    EXPECT_LE(tokens, call.size);
    text += std::to_string(call.size) + ":" + std::to_string(call.rows) + " ";
  }
  EXPECT_EQ(next, lengths.size());
  return text;
}

TEST(Packing, CostsLeast) {
  std::vector<int64_t> sizes = {1, 16, 128};
  EXPECT_EQ(packing(sizes, {}), "");
  EXPECT_EQ(packing(sizes, {5}), "16:1 ");
  EXPECT_EQ(packing(sizes, {1}), "1:1 ");
  EXPECT_EQ(packing(sizes, {5, 11}), "16:2 ");
  // Padding costs less than reading the weights again.
  EXPECT_EQ(packing(sizes, {9, 9, 9}), "128:3 ");
  EXPECT_EQ(packing(sizes, {9, 9, 9, 9, 9, 9}), "128:6 ");
  // A row is never split.
  EXPECT_EQ(packing(sizes, {100, 30, 98, 1}), "128:1 128:2 1:1 ");
  EXPECT_EQ(packing(sizes, {128, 128}), "128:1 128:1 ");
  EXPECT_EQ(packing(sizes, {120, 9, 7}), "128:1 16:2 ");
}

TEST(Packing, EachRowSeesItself) {
  Manifest::Model model = encoder();
  Ids first = {7, 3, 9}, second = {4, 8}, types = {2, 1};
  std::vector<TokenRow> rows = {{first}, {second, types}};
  CallInput input(9, /*hasTypes=*/true);
  input.setPacked(model, 7, rows);
  EXPECT_EQ(numbers(input.ids()), (Ids{7, 3, 9, 4, 8, 0, 0}));
  EXPECT_EQ(numbers(input.types()), (Ids{0, 0, 0, 2, 1, 0, 0}));
  EXPECT_EQ(numbers(input.sequence()), (Ids{0, 1, 2, 0, 1, 0, 0, // positions
                                            0, 0, 0, 3, 3, 0, 0, // first keys
                                            3, 3, 3, 5, 5, 0, 0, // ends of keys
                                            0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(input.tokens(), 5);
}

TEST(Packing, CausalPiecesWriteTheirRows) {
  Ids ids = {7, 3, 9}, types = {1, 0, 2};
  CallInput input(20, /*hasTypes=*/true);
  // The values of an earlier, larger call are overwritten.
  input.setCausal(20, {Ids(20, 19), Ids(20, 2)}, 8, 31);
  input.setCausal(4, {ids, types}, 5, 30);
  EXPECT_EQ(numbers(input.ids()), (Ids{7, 3, 9, 0}));
  EXPECT_EQ(numbers(input.types()), (Ids{1, 0, 2, 0}));
  EXPECT_EQ(numbers(input.sequence()), (Ids{5, 6, 7, 0, //
                                            0, 0, 0, 0, //
                                            6, 7, 8, 0, //
                                            5, 6, 7, 30}));
  EXPECT_EQ(input.tokens(), 3);
}

TEST(Packing, InputsOfACallAreOneBlock) {
  Ids ids = {7, 3, 9}, types = {1, 0, 2};
  CallInput input(20, /*hasTypes=*/true);
  EXPECT_EQ(input.mostBytes(), 4u * (32 + 80 + 32));
  input.setCausal(3, {ids, types}, 5, 30);
  std::span<const std::byte> block = input.block();
  EXPECT_EQ(block.size(), 3u * 64);
  // Each input is aligned like allocated memory.
  EXPECT_EQ(input.sequenceOffset(), 64u);
  EXPECT_EQ(input.typesOffset(), 128u);
  auto at = [&](uint64_t offset) {
    int32_t number;
    std::memcpy(&number, block.data() + offset, sizeof(number));
    return number;
  };
  EXPECT_EQ(at(8), 9);
  EXPECT_EQ(at(12), 0);
  EXPECT_EQ(at(64 + 4), 6);
  EXPECT_EQ(at(128 + 8), 2);
  CallInput typeless(20, /*hasTypes=*/false);
  typeless.setCausal(17, {ids}, 5, 30);
  EXPECT_EQ(typeless.block().size(), 128u + 320);
  EXPECT_EQ(typeless.types().size(), 0u);
}

TEST(RowRules, PositionsSkipPadding) {
  Ids ids = {5, 1, 7, 1, 1, 9};
  Ids positions(6);
  setPositions(encoder(), ids, positions);
  EXPECT_EQ(positions, (Ids{0, 1, 2, 3, 4, 5}));
  // create_position_ids_from_input_ids of transformers gives 2, 1, 3, 1, 1, 4
  // with padding_idx 1; our positions are 2 less.
  setPositions(roberta(), ids, positions);
  EXPECT_EQ(positions, (Ids{0, -1, 1, -1, -1, 2}));
}

TEST(RowRules, PooledToken) {
  Manifest::Model causal;
  Ids ids = {4, 6, 9, 6, 6};
  EXPECT_EQ(pooledToken(causal, ids), 4u);
  causal.padTokenId = 6;
  EXPECT_EQ(pooledToken(causal, ids), 2u);
  causal.padTokenId = 4;
  EXPECT_EQ(pooledToken(causal, ids), 4u);
  // transformers then takes the argmax of zeros.
  causal.padTokenId = 6;
  EXPECT_EQ(pooledToken(causal, Ids{6, 6, 6}), 0u);
  EXPECT_EQ(pooledToken(encoder(), ids), 0u);
  // A decoder with bidirectional attention is classified like any decoder.
  Manifest::Model decoder = encoder();
  decoder.poolsLast = true;
  EXPECT_EQ(pooledToken(decoder, ids), 4u);
}

TEST(RowRules, TokensOutOfRangeAreNamed) {
  Manifest::Model model = encoder(), typeless = encoder();
  typeless.tokenTypes = 0;
  Ids ids = {4, 19}, high = {4, 20}, negative = {-1}, types = {2, 0},
      highTypes = {0, 3}, negativeTypes = {0, -1}, few = {1};
  EXPECT_FALSE(checkTokens(model, {ids}));
  EXPECT_FALSE(checkTokens(model, {ids, types}));
  EXPECT_FALSE(checkTokens(typeless, {ids}));
  expectMessage(checkTokens(model, {}), "at least one");
  expectMessage(checkTokens(model, {high}),
                "token id 20 is outside the vocabulary (0 to 19)");
  expectMessage(checkTokens(model, {negative}), "token id -1");
  expectMessage(checkTokens(model, {ids, highTypes}), "token type 3");
  expectMessage(checkTokens(model, {ids, negativeTypes}), "token type -1");
  expectMessage(checkTokens(model, {ids, few}), "each of the 2 ids, but got 1");
  expectMessage(checkTokens(typeless, {ids, types}), "has no token types");
  Error named = inRow(checkTokens(model, {high}), 1, 3);
  expectMessage(named, "row 2 of 3: token id 20");
  EXPECT_EQ(named.code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(inRow(checkTokens(model, {high}), 0, 1).message().find("row"),
            std::string::npos);
}

TEST(RowRules, TheLimitThatBindsIsNamed) {
  Ids nine(9, 5), thirteen(13, 5), padded(13, 1);
  EXPECT_FALSE(checkLength(encoder(), {nine}, 9));
  expectMessage(checkLength(encoder(), {nine}, 8),
                "from 9 up in lora-compile --tokens");
  expectMessage(checkLength(encoder(), {thirteen}, 8), "positions for (12)");
  expectMessage(checkLength(encoder(), {thirteen}, 16), "positions for (12)");
  // Padding does not use up a position.
  padded[3] = 7;
  EXPECT_FALSE(checkLength(roberta(), {padded}, 16));
  expectMessage(checkLength(roberta(), {padded}, 8), "lora-compile --tokens");
}

} // namespace
