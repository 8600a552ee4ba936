//===- PromptLookupTest.cpp - Proposals from the text itself --------------===//

#include "lora-runtime/PromptLookup.h"
#include "core/Json.h"
#include "generation/Draw.h"
#include "lora-runtime/File.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

using Ids = std::vector<int32_t>;

Ids propose(const PromptLookup &lookup, int64_t atMost) {
  std::span<const int32_t> ids = lookup.propose(atMost);
  return {ids.begin(), ids.end()};
}

PromptLookup make(const LookupOptions &options, Ids ends = {}) {
  auto lookup = PromptLookup::create(options, ends);
  EXPECT_TRUE(lookup) << lookup.message();
  return std::move(*lookup);
}

/// What transformers' PromptLookupCandidateGenerator proposes.
TEST(PromptLookup, ProposesAsTransformers) {
  auto text = readTextFile(std::string(LORA_TEST_INPUTS) + "/sampling.json");
  ASSERT_TRUE(text) << text.message();
  auto record = parseJson(*text, "sampling.json");
  ASSERT_TRUE(record) << record.message();
  Ids ends = (*record)["eos"].get<Ids>();
  size_t proposals = 0;
  ASSERT_GE((*record)["lookups"].size(), 150u);
  for (const Json &item : (*record)["lookups"]) {
    SCOPED_TRACE(item.dump());
    LookupOptions options;
    options.adapts = false;
    options.maxTokens = item[1].get<int64_t>();
    options.maxNgram = item[2].get<int64_t>();
    PromptLookup lookup = make(options, ends);
    lookup.addPrompt(item[0].get<Ids>());
    EXPECT_EQ(propose(lookup, 1000), item[3].get<Ids>());
    proposals += !item[3].empty();
    // The same if the text comes token by token, after another one.
    lookup.reset();
    EXPECT_EQ(propose(lookup, 1000), Ids());
    for (const Json &id : item[0])
      lookup.take(id.get<int32_t>());
    EXPECT_EQ(propose(lookup, 1000), item[3].get<Ids>());
  }
  EXPECT_GT(proposals, 60u);
}

/// After tokens were taken back, the index is as if they had never been.
TEST(PromptLookup, Rewinds) {
  LookupOptions options;
  options.adapts = false;
  options.maxNgram = 4;
  PromptLookup rewound = make(options);
  Ids text;
  uint64_t number = 0;
  auto random = [&](uint64_t below) {
    return uint64_t(generation::uniform(3, 0, number++) * double(below));
  };
  for (int round = 0; round < 300; ++round) {
    for (uint64_t count = random(9); count; --count) {
      text.push_back(int32_t(random(4)));
      rewound.take(text.back());
    }
    size_t back = std::min<size_t>(random(8), text.size());
    ASSERT_FALSE(rewound.rewind(int64_t(back)));
    text.resize(text.size() - back);
    PromptLookup fresh = make(options);
    fresh.addPrompt(text);
    ASSERT_EQ(propose(rewound, 16), propose(fresh, 16));
  }
  ASSERT_GT(text.size(), 100u);
  Error error = rewound.rewind(int64_t(text.size()) + 1);
  ASSERT_TRUE(error);
  EXPECT_NE(error.message().find("the text has"), std::string::npos);
}

struct Cost {
  size_t calls = 0;
  size_t callsWithProposals = 0;
  size_t proposed = 0;

  /// In relation to a call with one token.
  double time(const LookupOptions &options) const {
    return double(calls) + double(callsWithProposals) * options.costPerCall +
           double(proposed) * options.costPerToken;
  }
};

/// Generates `answer` after `prompt`, with proposals checked as a model does.
Cost generate(PromptLookup &lookup, const Ids &prompt, const Ids &answer) {
  Cost cost;
  lookup.addPrompt(prompt);
  for (size_t at = 0; at < answer.size(); ++cost.calls) {
    Ids proposal = propose(lookup, int64_t(answer.size() - at) - 1);
    cost.proposed += proposal.size();
    cost.callsWithProposals += !proposal.empty();
    size_t accepted = 0;
    while (accepted < proposal.size() &&
           proposal[accepted] == answer[at + accepted])
      ++accepted;
    // The accepted tokens, and the one that the model chose after them.
    for (size_t end = at + accepted + 1; at < end; ++at)
      lookup.take(answer[at]);
  }
  return cost;
}

Ids randomText(size_t length, int32_t vocabulary, uint64_t seed) {
  Ids result;
  for (size_t i = 0; i < length; ++i)
    result.push_back(
        int32_t(generation::uniform(seed, 1, i) * double(vocabulary)));
  return result;
}

/// A large model, and one for which a call with several tokens is slow.
const std::vector<LookupOptions> &models() {
  static const std::vector<LookupOptions> result = [] {
    LookupOptions slow;
    slow.costPerCall = 4;
    return std::vector<LookupOptions>{{}, slow};
  }();
  return result;
}

TEST(PromptLookup, AnswersThatRepeatThePromptAreFast) {
  for (const LookupOptions &options : models()) {
    PromptLookup lookup = make(options);
    Ids prompt = randomText(500, 200, 1);
    Ids answer(prompt.begin() + 100, prompt.begin() + 300);
    Cost cost = generate(lookup, prompt, answer);
    EXPECT_LT(cost.time(options) * 1.5, double(answer.size()))
        << options.costPerCall;
  }
}

TEST(PromptLookup, AnswersThatDoNotRepeatCostNothing) {
  // Tokens that occurred before, in an order that says nothing about the next.
  for (const LookupOptions &options : models())
    for (int32_t vocabulary : {4, 10, 50, 1000}) {
      PromptLookup lookup = make(options);
      Ids prompt = randomText(500, vocabulary, 2);
      Ids answer = randomText(1000, vocabulary, 3);
      Cost cost = generate(lookup, prompt, answer);
      EXPECT_LT(cost.time(options), double(answer.size()) * 1.03) << vocabulary;
    }
}

TEST(PromptLookup, LearnsWhenAnAnswerBeginsToRepeat) {
  for (const LookupOptions &options : models()) {
    PromptLookup lookup = make(options);
    Ids prompt = randomText(500, 50, 4);
    Ids answer = randomText(300, 50, 5);
    answer.insert(answer.end(), prompt.begin() + 50, prompt.begin() + 450);
    Cost cost = generate(lookup, prompt, answer);
    EXPECT_LT(cost.time(options), double(300 + 400 / 1.5))
        << options.costPerCall;
  }
}

TEST(PromptLookup, ProposesWhatPays) {
  LookupOptions options;
  options.maxTokens = 8;
  Ids prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1};
  auto length = [&] {
    PromptLookup lookup = make(options);
    lookup.addPrompt(prompt);
    return propose(lookup, 100).size();
  };
  // At first, a quarter of the tokens is expected to be right.
  options.costPerCall = 0;
  options.costPerToken = 0.3;
  EXPECT_EQ(length(), 0u);
  options.costPerToken = 0.2;
  EXPECT_EQ(length(), 1u);
  options.costPerToken = 0.05;
  EXPECT_EQ(length(), 2u);
  options.costPerToken = 0;
  EXPECT_EQ(length(), 8u);
  options.costPerCall = 0.33;
  EXPECT_EQ(length(), 8u);
  options.costPerCall = 0.34;
  EXPECT_EQ(length(), 0u);
}

TEST(PromptLookup, LimitsAndErrors) {
  LookupOptions options;
  options.adapts = false;
  PromptLookup lookup = make(options);
  EXPECT_EQ(propose(lookup, 5), Ids());
  lookup.addPrompt(Ids{7, 8, 9, 7});
  EXPECT_EQ(propose(lookup, 5), (Ids{8, 9, 7}));
  EXPECT_EQ(propose(lookup, 2), (Ids{8, 9}));
  EXPECT_EQ(propose(lookup, 0), Ids());
  EXPECT_EQ(propose(lookup, -1), Ids());
  auto message = [](LookupOptions options) {
    return PromptLookup::create(options).message();
  };
  EXPECT_NE(message({.maxNgram = 2, .minNgram = 3}), "");
  EXPECT_NE(message({.maxNgram = 17}), "");
  EXPECT_NE(message({.minNgram = 0}), "");
  EXPECT_NE(message({.maxTokens = 0}), "");
  EXPECT_NE(message({.costPerToken = -1}), "");
}

} // namespace
