//===- SamplerTest.cpp - Draws, reports and errors ------------------------===//

#include "generation/Draw.h"
#include "lora-runtime/Sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <thread>

using namespace lora_rt;

static thread_local size_t allocations = 0;
void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Logits of `size` tokens, all different.
std::vector<float> makeLogits(size_t size, uint64_t seed = 3) {
  std::vector<float> result;
  for (size_t i = 0; i < size; ++i)
    result.push_back(float(8 * generation::uniform(seed, 99, i)));
  return result;
}

Sampler make(const SamplingOptions &options, size_t size,
             std::vector<int32_t> ends = {1}) {
  auto sampler = Sampler::create(options, int64_t(size), ends);
  EXPECT_TRUE(sampler) << sampler.message();
  return std::move(*sampler);
}

/// A text of `length` tokens from logits that depend on the position.
std::vector<int32_t> generate(const SamplingOptions &options, uint64_t stream,
                              size_t length) {
  Sampler sampler = make(options, 331);
  TextStart start;
  start.stream = stream;
  std::vector<int32_t> prompt = {5, 6, 7};
  sampler.prompt(prompt, start);
  for (size_t i = 0; i < length; ++i) {
    auto choice = sampler.next(makeLogits(331, i));
    EXPECT_TRUE(choice) << choice.message();
    sampler.take(choice->id);
  }
  return {sampler.text().begin() + 3, sampler.text().end()};
}

SamplingOptions drawing(uint64_t seed) {
  SamplingOptions options;
  options.doSample = true;
  options.seed = seed;
  return options;
}

/// The known answers of Random123's philox4x32-10.
TEST(Draw, IsPhilox) {
  auto expected = [](uint32_t low, uint32_t high) {
    return double((uint64_t(high) << 32 | low) >> 11) / double(1ull << 53);
  };
  EXPECT_EQ(generation::uniform(0, 0, 0), expected(0x6627e8d5, 0xe169c58d));
  EXPECT_EQ(generation::uniform(~0ull, ~0ull, ~0ull),
            expected(0x408f276d, 0x41c83b0e));
  EXPECT_EQ(generation::uniform(0x299f31d0a4093822, 0x0370734413198a2e,
                                0x85a308d3243f6a88),
            expected(0xd16cfe09, 0x94fdcceb));
}

TEST(Draw, TakesTheRangeOfTheNumber) {
  std::vector<float> probabilities = {0, 0.25f, 0, 0.5f, 0.25f, 0};
  EXPECT_EQ(generation::drawIndex(probabilities, 0), 1u);
  EXPECT_EQ(generation::drawIndex(probabilities, 0.2499), 1u);
  EXPECT_EQ(generation::drawIndex(probabilities, 0.25), 3u);
  EXPECT_EQ(generation::drawIndex(probabilities, 0.7499), 3u);
  EXPECT_EQ(generation::drawIndex(probabilities, 0.75), 4u);
  EXPECT_EQ(generation::drawIndex(probabilities, 1 - 0x1p-53), 4u);
}

/// 40000 draws against the probabilities, by Pearson's test: 10 degrees of
/// freedom; 29.6 has a probability of 0.001.
TEST(Sampler, DrawsFollowTheProbabilities) {
  SamplingOptions options = drawing(12345);
  options.temperature = 3;
  Sampler sampler = make(options, 11);
  std::vector<float> logits = makeLogits(11);
  std::vector<int32_t> prompt = {4};
  sampler.prompt(prompt);
  auto found = sampler.probabilities(logits);
  ASSERT_TRUE(found);
  std::vector<float> probabilities(found->begin(), found->end());
  std::vector<double> counts(11);
  constexpr int draws = 40000;
  for (int i = 0; i < draws; ++i) {
    int32_t id = sampler.next(logits)->id;
    ++counts[size_t(id)];
    sampler.take(id);
  }
  double statistic = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    double expected = draws * double(probabilities[i]);
    ASSERT_GT(expected, 50);
    statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(statistic, 29.6);
  // And not all the same, as a broken generator would give.
  EXPECT_GT(statistic, 0.5);
}

TEST(Sampler, SameSeedSameText) {
  std::vector<std::vector<int32_t>> alone;
  for (uint64_t stream = 0; stream < 4; ++stream)
    alone.push_back(generate(drawing(7), stream, 40));
  std::vector<std::vector<int32_t>> together(4);
  std::vector<std::thread> threads;
  for (uint64_t stream = 0; stream < 4; ++stream)
    threads.emplace_back(
        [&, stream] { together[stream] = generate(drawing(7), stream, 40); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(alone, together);
  EXPECT_NE(alone[0], alone[1]);
  EXPECT_NE(alone[0], generate(drawing(8), 0, 40));
  EXPECT_NE(alone[0], generate(drawing(7 + (1ull << 32)), 0, 40));
}

TEST(Sampler, TakesASeedFromTheSystem) {
  SamplingOptions options;
  options.doSample = true;
  Sampler first = make(options, 331), second = make(options, 331);
  EXPECT_NE(first.seed(), second.seed());
  options.seed = first.seed();
  EXPECT_EQ(make(options, 331).seed(), first.seed());
}

/// A text is the same if tokens were taken and taken back in between.
TEST(Sampler, Rewinds) {
  SamplingOptions options = drawing(5);
  options.repetitionPenalty = 1.5;
  options.frequencyPenalty = 0.3;
  options.noRepeatNgram = 2;
  Sampler plain = make(options, 31), other = make(options, 31);
  std::vector<int32_t> prompt = {5, 6, 5, 30};
  plain.prompt(prompt);
  other.prompt(prompt);
  for (size_t i = 0; i < 30; ++i) {
    for (int32_t id : {6, 5, 29, 6, 400})
      other.take(id);
    ASSERT_FALSE(other.rewind(3));
    ASSERT_FALSE(other.rewind(2));
    std::vector<float> logits = makeLogits(31, i);
    auto expected = plain.next(logits), found = other.next(logits);
    ASSERT_TRUE(expected && found);
    ASSERT_EQ(expected->id, found->id);
    auto before = plain.probabilities(logits),
         after = other.probabilities(logits);
    ASSERT_TRUE(std::equal(before->begin(), before->end(), after->begin()));
    plain.take(expected->id);
    other.take(found->id);
  }
  Error error = other.rewind(31);
  ASSERT_TRUE(error);
  EXPECT_EQ(error.message(), "cannot take 31 tokens back; 30 were generated");
  ASSERT_FALSE(other.rewind(30));
  EXPECT_EQ(other.text().size(), 4u);
}

TEST(Sampler, ReportsLogarithmsOfTheModelsProbabilities) {
  SamplingOptions options;
  options.logprobs = 4;
  // The report is of the model, so options do not change it.
  options.suppressTokens = {2};
  Sampler sampler = make(options, 7);
  std::vector<float> logits = {1, 4, 6, 4, -infinity, 2, 3.5f};
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit));
  auto choice = sampler.next(logits);
  ASSERT_TRUE(choice) << choice.message();
  EXPECT_EQ(choice->id, 1);
  EXPECT_NEAR(choice->logprob, 4 - std::log(sum), 1e-6);
  ASSERT_EQ(choice->top.size(), 4u);
  int32_t ids[] = {2, 1, 3, 6};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(choice->top[i].id, ids[i]);
    EXPECT_NEAR(choice->top[i].logprob, logits[size_t(ids[i])] - std::log(sum),
                1e-6);
  }
  // Tokens that cannot be are left out.
  options.logprobs = 7;
  auto all = make(options, 7).next(logits);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->top.size(), 6u);
}

TEST(Sampler, GreedyTakesTheFirstOfEqualOnes) {
  Sampler sampler = make({}, 5);
  EXPECT_EQ(sampler.next(std::vector<float>{1, 3, 2, 3, 0})->id, 1);
  SamplingOptions options = drawing(1);
  options.temperature = 0;
  EXPECT_EQ(make(options, 5).next(std::vector<float>{1, 3, 2, 3, 0})->id, 1);
}

std::string failure(const SamplingOptions &options, std::vector<float> logits) {
  Sampler sampler = make(options, 5);
  std::vector<int32_t> prompt = {3, 4, 3};
  sampler.prompt(prompt);
  auto choice = sampler.next(logits);
  return choice ? "token " + std::to_string(choice->id) : choice.message();
}

TEST(Sampler, Errors) {
  SamplingOptions greedy, suppressed, draw = drawing(1), all = drawing(1);
  suppressed.suppressTokens = {0, 1, 2, 3, 4};
  all.topK = 0;
  for (const SamplingOptions &options : {greedy, suppressed, draw, all}) {
    EXPECT_EQ(failure(options, {1, 2, 3, nan, 4}),
              "the model computed NaN for token 3 at position 2");
    EXPECT_EQ(failure(options, {1, 2, 3, 4}),
              "expected 5 logits, one for each token of the vocabulary, but "
              "got 4");
    EXPECT_EQ(failure(options, std::vector<float>(5, -infinity)),
              "no token is left to choose from: the options exclude all tokens "
              "that the model finds possible");
  }
  EXPECT_EQ(failure(suppressed, {1, 2, 3, 4, 5}),
            "no token is left to choose from: the options exclude all tokens "
            "that the model finds possible");
  EXPECT_EQ(failure(greedy, {1, 2, 3, infinity, 4}), "token 3");
  EXPECT_EQ(failure(draw, {1, 2, 3, infinity, 4}),
            "the score of token 3 is inf after biases and penalties, at "
            "temperature 1; set options that change the logits less");
  draw.temperature = 2e-38;
  EXPECT_EQ(failure(draw, {1, 90, 3, 4, 2}),
            "the score of token 1 is inf after biases and penalties, at "
            "temperature 2e-38; set options that change the logits less");
  // Infinity less infinity.
  draw.temperature = 1;
  draw.logitBias = {{3, -infinity}};
  EXPECT_NE(failure(draw, {1, 2, 3, infinity, 4}).find("token 3 is"),
            std::string::npos);
  greedy.logitBias = draw.logitBias;
  EXPECT_NE(failure(greedy, {1, 2, 3, infinity, 4}).find("token 3 is"),
            std::string::npos);

  SamplingOptions decay;
  decay.exponentialDecay = {{2, 1.5}};
  auto sampler = Sampler::create(decay, 5);
  ASSERT_FALSE(sampler);
  EXPECT_NE(sampler.message().find("eos_token_id"), std::string::npos);
}

TEST(Sampler, EndIsCertainWhereTheLengthPenaltyIsTooLarge) {
  SamplingOptions options;
  options.exponentialDecay = {{0, 1e30}};
  Sampler sampler = make(options, 5);
  std::vector<int32_t> prompt = {3};
  sampler.prompt(prompt);
  for (int i = 0; i < 20; ++i)
    sampler.take(2);
  EXPECT_EQ(sampler.next(std::vector<float>{3, 1, 2, 3, 4})->id, 1);
}

TEST(Sampler, RangesAreChecked) {
  auto message = [](auto change) {
    SamplingOptions options = drawing(1);
    change(options);
    return check(options, 50).message();
  };
  EXPECT_EQ(message([](auto &) {}), "");
  EXPECT_EQ(message([](auto &o) { o.topP = 1.5; }),
            "--top-p: expected a number from 0 to 1, but got 1.5");
  EXPECT_EQ(message([](auto &o) { o.topP = nan; }),
            "--top-p: expected a number from 0 to 1, but got nan");
  EXPECT_EQ(message([](auto &o) { o.minP = -0.5; }),
            "--min-p: expected a number from 0 to 1, but got -0.5");
  EXPECT_EQ(message([](auto &o) { o.topK = -1; }),
            "--top-k: expected a whole number from 0, which keeps all tokens, "
            "but got -1");
  EXPECT_EQ(message([](auto &o) { o.temperature = -1; }),
            "--temperature: expected 0, for the most likely token, or a number "
            "above 0, but got -1");
  EXPECT_NE(message([](auto &o) { o.temperature = 1e-39; }), "");
  EXPECT_EQ(message([](auto &o) { o.temperature = 0; }), "");
  EXPECT_EQ(message([](auto &o) { o.repetitionPenalty = 0; }),
            "--repetition-penalty: expected a number above 0, but got 0");
  EXPECT_EQ(message([](auto &o) { o.presencePenalty = infinity; }),
            "--presence-penalty: expected a finite number, but got inf");
  EXPECT_EQ(message([](auto &o) { o.frequencyPenalty = nan; }),
            "--frequency-penalty: expected a finite number, but got nan");
  EXPECT_EQ(message([](auto &o) { o.noRepeatNgram = -2; }),
            "--no-repeat-ngram: expected a whole number from 0, but got -2");
  EXPECT_EQ(message([](auto &o) {
              o.logitBias = {{50, 1}};
            }),
            "--logit-bias: expected token ids from 0 to 49, but got 50");
  EXPECT_EQ(message([](auto &o) {
              o.logitBias = {{3, 1}, {4, 1}, {3, 2}};
            }),
            "--logit-bias: expected one bias for a token, or none, but got two "
            "of token 3");
  EXPECT_EQ(message([](auto &o) {
              o.logitBias = {{3, 1e300}};
            }),
            "--logit-bias: expected a finite bias, or -inf, but got 1e+300");
  EXPECT_EQ(message([](auto &o) { o.logitBias = {{3, -infinity}}; }), "");
  EXPECT_EQ(message([](auto &o) {
              o.sequenceBias = {{{}, 1}};
            }),
            "sequence_bias: expected at least one token id, but got none");
  EXPECT_EQ(message([](auto &o) {
              o.badWords = {{4, 5}, {7, 70}};
            }),
            "bad_words_ids: expected token ids from 0 to 49, but got 70");
  EXPECT_EQ(message([](auto &o) { o.forcedBos = 60; }),
            "forced_bos_token_id: expected token ids from 0 to 49, but got 60");
  EXPECT_EQ(message([](auto &o) { o.typicalP = 0; }),
            "typical_p: expected a number above 0 and up to 1, but got 0");
  EXPECT_EQ(message([](auto &o) { o.epsilonCutoff = 1; }),
            "epsilon_cutoff: expected a number from 0 to below 1, but got 1");
  EXPECT_EQ(message([](auto &o) { o.etaCutoff = -1; }),
            "eta_cutoff: expected a number from 0 to below 1, but got -1");
  EXPECT_EQ(message([](auto &o) { o.logprobs = 51; }),
            "--logprobs: expected a whole number from 0 to the size of the "
            "vocabulary, but got 51");
  EXPECT_TRUE(check({}, 0));
  // What only affects draws does not matter without them.
  SamplingOptions greedy;
  greedy.topP = 7;
  EXPECT_FALSE(check(greedy, 50));
}

/// After the first token, memory is only needed as the text grows.
TEST(Sampler, DoesNotAllocateForEachToken) {
  SamplingOptions options = drawing(3);
  options.topP = 0.9;
  options.minP = 0.01;
  options.typicalP = 0.95;
  options.epsilonCutoff = 1e-5;
  options.etaCutoff = 1e-5;
  options.topH = 0.9;
  options.logprobs = 5;
  options.repetitionPenalty = 1.1;
  options.frequencyPenalty = 0.1;
  options.noRepeatNgram = 3;
  options.sequenceBias = {{{4}, 1}, {{5, 6}, 2}};
  options.badWords = {{7}, {8, 9}};
  options.removeInvalidValues = true;
  options.suppressTokens = {12};
  for (int64_t topK : {0, 40}) {
    options.topK = topK;
    Sampler sampler = make(options, 20011);
    std::vector<int32_t> prompt(500, 3);
    sampler.prompt(prompt);
    std::vector<float> logits = makeLogits(20011);
    sampler.take(sampler.next(logits)->id);
    size_t before = allocations;
    for (int i = 0; i < 100; ++i)
      sampler.take(sampler.next(logits)->id);
    // Vectors of the text and of its distinct tokens grow by doubling.
    EXPECT_LE(allocations - before, 20u);
  }
}

} // namespace
