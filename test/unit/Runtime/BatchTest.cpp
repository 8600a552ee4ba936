//===- BatchTest.cpp - Whole rows: encoders, heads, rotary ----------------===//
//
// Batches of rows on the tiny executables, compared with what the definition
// gives for each row alone.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Session.h"

#include <algorithm>

using namespace lora_rt;

namespace {

using Ids = std::vector<int32_t>;
using Values = std::vector<float>;
using Output = Session::Output;

std::unique_ptr<Session> session(const TestFolder &folder,
                                 const tiny::Model &model,
                                 int64_t context = 0) {
  std::string path = folder.path("model");
  tiny::write(path, "", "plain", "\"sse2\"", "", model);
  ExecutableOptions options;
  options.threads = 2;
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(path, options);
  EXPECT_TRUE(executable) << executable.message();
  if (!executable)
    return nullptr;
  Expected<std::unique_ptr<Session>> result =
      Session::create(*executable, context);
  EXPECT_TRUE(result) << result.message();
  return result ? std::move(*result) : nullptr;
}

/// The results that `run` hands out, by row. The pieces of a row come in order.
std::vector<Values> results(Session &session,
                            const std::vector<TokenRow> &batch,
                            Output output = Output::Logits) {
  std::vector<Values> all(batch.size());
  Error error = session.run(
      batch,
      [&](size_t row, const ResultSpan &part) {
        EXPECT_EQ(int64_t(part.width), session.rowSize(output));
        EXPECT_EQ(size_t(part.first) * part.width, all[row].size());
        all[row].insert(all[row].end(), part.values.begin(), part.values.end());
        return Error::success();
      },
      output);
  EXPECT_FALSE(error) << error.message();
  return all;
}

void expectMessage(const Error &error, const std::string &part) {
  EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
}

const Ids a = {3, 10, 7}, b = {9, 2, 5, 4, 6, 1, 8}, c = {10}, d = {7, 1, 1, 6},
          e = {6, 5};
const Ids typesA = {0, 1, 1}, typesB = {1, 0, 0, 0, 1, 0, 0}, typesC = {1},
          typesD = {0, 0, 1, 0}, typesE = {0, 0};
const std::vector<TokenRow> batch = {
    {a, typesA}, {b, typesB}, {c, typesC}, {d, typesD}, {e}};

/// The hidden states of the batch, computed from the definition.
std::vector<Values> encodedBatch(bool skipsPadding) {
  Ids d0 = skipsPadding ? Ids{0, -1, -1, 1} : Ids{0, 1, 2, 3};
  Ids b0 = skipsPadding ? Ids{0, 1, 2, 3, 4, -1, 5} : Ids{0, 1, 2, 3, 4, 5, 6};
  return {tiny::encoded(a, typesA, {0, 1, 2}), tiny::encoded(b, typesB, b0),
          tiny::encoded(c, typesC, {0}), tiny::encoded(d, typesD, d0),
          tiny::encoded(e, typesE, {0, 1})};
}

tiny::Model encoder(const std::string &head) {
  tiny::Model model;
  model.isEncoder = true;
  model.head = head;
  return model;
}

TEST(Encoder, PacksRowsThatDoNotSeeEachOther) {
  TestFolder folder;
  tiny::Model model = encoder("none");
  std::unique_ptr<Session> s = session(folder, model);
  EXPECT_EQ(s->context(), 8);
  EXPECT_EQ(s->rowSize(), tiny::width);
  EXPECT_EQ(s->memory().states, 0u);
  EXPECT_EQ(results(*s, batch), encodedBatch(false));
  // The order of the rows and the other rows change nothing.
  std::vector<TokenRow> reversed(batch.rbegin(), batch.rend());
  std::vector<Values> expected = encodedBatch(false);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(results(*s, reversed), expected);
  model.positions = "skip_padding";
  model.padTokenId = 1;
  EXPECT_EQ(results(*session(folder, model), batch), encodedBatch(true));
}

TEST(Encoder, ClassifiesTokensAndSequences) {
  TestFolder folder;
  std::vector<Values> hidden = encodedBatch(false), tokens, rows;
  for (const Values &row : hidden) {
    tokens.push_back(tiny::products(row, tiny::labels));
    rows.emplace_back(tokens.back().begin(),
                      tokens.back().begin() + tiny::labels);
  }
  std::unique_ptr<Session> s = session(folder, encoder("token_classification"));
  EXPECT_EQ(s->rowSize(), tiny::labels);
  EXPECT_FALSE(s->isPooled());
  EXPECT_EQ(results(*s, batch), tokens);
  s = session(folder, encoder("sequence_classification"));
  EXPECT_TRUE(s->isPooled());
  EXPECT_FALSE(s->isPooled(Output::Hidden));
  EXPECT_EQ(results(*s, batch), rows);
  EXPECT_EQ(results(*s, batch, Output::Hidden), hidden);
}

TEST(Encoder, RefusesWhatIsNotForIt) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, encoder("language_model"));
  expectMessage(s->feed({a}), "has bidirectional attention");
  expectMessage(s->checkGenerative(), "head: language_model");
  EXPECT_FALSE(s->greedy());
  Ids nine(9, 4), bad = {2, 11}, badTypes = {0, 2};
  Session::BatchRows none = [](size_t, const ResultSpan &) {
    ADD_FAILURE();
    return Error::success();
  };
  // Nothing runs if one row is wrong.
  expectMessage(s->run(std::vector<TokenRow>{{a}, {nine}}, none),
                "row 2 of 2: 9 tokens do not fit one call of at most 8");
  expectMessage(s->run(std::vector<TokenRow>{{a}, {bad}, {c}}, none),
                "row 2 of 3: token id 11");
  expectMessage(s->run(std::vector<TokenRow>{{e, badTypes}}, none),
                "token type 2 ");
  expectMessage(s->run(std::vector<TokenRow>{{a}}, none, Output::Pooled),
                "head: language_model) has no output of a pooler");
  tiny::Model small = encoder("none");
  small.maxPositions = 6;
  s = session(folder, small);
  EXPECT_EQ(s->context(), 6);
  expectMessage(s->run(std::vector<TokenRow>{{b}}, none), "positions for (6)");
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(folder.path("model"), {});
  ASSERT_TRUE(executable);
  EXPECT_NE(Session::create(*executable, 5).message().find("no cache"),
            std::string::npos);
}

TEST(Causal, RunsABatchRowByRow) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, {});
  std::vector<TokenRow> rows = {{a}, {b}, {c}};
  ASSERT_FALSE(s->feed({d}));
  EXPECT_EQ(
      results(*s, rows),
      (std::vector<Values>{tiny::logits(a), tiny::logits(b), tiny::logits(c)}));
  EXPECT_EQ(results(*s, rows, Output::Hidden)[1], tiny::causalHidden(b));
  EXPECT_EQ(s->position(), 0);
  expectMessage(s->checkBatch(std::vector<TokenRow>{{a}, {b}}, 27),
                "row 2 of 2: a prompt of 7 tokens and 27 more do not fit the "
                "context of 32");
  EXPECT_FALSE(s->checkBatch(std::vector<TokenRow>{{a}, {b}}, 26));
  expectMessage(s->checkBatch(batch), "row 1 of 5: the model (tiny) has no "
                                      "token types");
}

TEST(Causal, ClassifiesTheLastTokenThatIsNoPadding) {
  TestFolder folder;
  tiny::Model model;
  model.head = "sequence_classification";
  std::unique_ptr<Session> s = session(folder, model);
  auto labels = [](const Ids &ids, size_t token) {
    Values all = tiny::products(tiny::causalHidden(ids), tiny::labels);
    return Values(all.begin() + ptrdiff_t(token * tiny::labels),
                  all.begin() + ptrdiff_t((token + 1) * tiny::labels));
  };
  // 7 tokens are two calls. The label is that of the last token of the row, or
  // of one before it.
  Ids padded = {9, 2, 5, 6, 6, 6, 6};
  EXPECT_EQ(results(*s, {{b}})[0], labels(b, 6));
  expectMessage(s->run(std::vector<TokenRow>{{a}, {b}}, nullptr),
                "cannot handle batch sizes > 1 if no padding token");
  expectMessage(s->checkGenerative(), "head: sequence_classification");
  model.padTokenId = 6;
  s = session(folder, model);
  EXPECT_EQ(
      results(*s, {{a}, {padded}, {b}}),
      (std::vector<Values>{labels(a, 2), labels(padded, 2), labels(b, 6)}));
}

/// Short frequencies for up to 5 tokens, long ones for more.
tiny::Model longRope(bool restartsCache = false) {
  tiny::Model model;
  model.rope = "{\"kind\":\"longrope\",\"switch_length\":5,"
               "\"short\":[1,2,3],\"long\":[10,20,40]" +
               std::string(restartsCache ? ",\"restarts_cache\":true}" : "}");
  return model;
}

float frequency(bool isLong, int64_t j) {
  const float values[2][3] = {{1, 2, 3}, {10, 20, 40}};
  return values[isLong][j % 3];
}

TEST(Rotary, FrequenciesAreThoseOfTheCall) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, longRope());
  auto always = [](bool isLong) {
    return [=](size_t, int64_t j) { return frequency(isLong, j); };
  };
  // A call of 7 tokens uses the long frequencies from its first chunk on.
  EXPECT_EQ(results(*s, {{b}}, Output::Hidden)[0],
            tiny::causalHidden(b, always(true)));
  EXPECT_EQ(results(*s, {{a}}, Output::Hidden)[0],
            tiny::causalHidden(a, always(false)));
  // A batch counts as one call as long as its longest row.
  EXPECT_EQ(results(*s, {{a}, {b}}, Output::Hidden)[0],
            tiny::causalHidden(a, always(true)));
  // If tokens are fed in pieces, the cache keeps the frequencies with which it
  // was written.
  std::span<const int32_t> ids(b);
  Values all;
  Session::Rows collect = [&](const ResultSpan &rows) {
    all.insert(all.end(), rows.values.begin(), rows.values.end());
    return Error::success();
  };
  ASSERT_FALSE(s->feed({ids.first(4)}, collect, Output::Hidden));
  ASSERT_FALSE(s->feed({ids.subspan(4)}, collect, Output::Hidden));
  EXPECT_EQ(all, tiny::causalHidden(b, [](size_t p, int64_t j) {
              return frequency(p >= 4, j);
            }));
}

TEST(Rotary, TheCacheIsComputedAgainWhereTheModelSaysSo) {
  TestFolder folder;
  for (bool restartsCache : {false, true}) {
    std::unique_ptr<Session> s = session(folder, longRope(restartsCache));
    ASSERT_FALSE(s->feed({a}));
    Ids ids = a;
    Error error = s->generate(5, [&](int32_t id) {
      ids.push_back(id);
      return true;
    });
    ASSERT_FALSE(error) << error.message();
    EXPECT_EQ(s->position(), 7);
    ids.pop_back();
    // The token at position 5 is the first that makes more than 5 tokens.
    Values expected = tiny::products(
        tiny::causalHidden(ids,
                           [&](size_t p, int64_t j) {
                             return frequency(restartsCache || p >= 5, j);
                           }),
        tiny::vocabulary);
    Expected<std::span<const float>> last = s->last();
    ASSERT_TRUE(last);
    EXPECT_EQ(Values(last->begin(), last->end()),
              Values(expected.end() - tiny::vocabulary, expected.end()))
        << restartsCache;
  }
}

} // namespace
