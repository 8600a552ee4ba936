//===- TextEncoderTest.cpp - Texts through the tiny models ----------------===//
//
// A tokenizer of eleven words in front of the tiny executables, whose results
// follow from the definition. Results of real architectures are compared with
// Python's by test/Utils/check-encoder.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "encode/TextRows.h"

#include <cmath>
#include <numeric>

using namespace lora_rt;

namespace {

using Vectors = std::vector<std::vector<float>>;

/// The words w0 to w10 have their numbers as ids; others are w0. "[M]" is w9,
/// the mask token, and "[S]" is w10, which is put after each text if
/// `addsEnd`.
Tokenizer words(bool addsEnd = false, int limit = 11) {
  std::string vocabulary;
  for (int id = 0; id < limit; ++id)
    vocabulary += (id ? ",\"" : "\"") +
                  (id == 9    ? std::string("[M]")
                   : id == 10 ? std::string("[S]")
                              : "w" + std::to_string(id)) +
                  "\":" + std::to_string(id);
  std::string end = R"({"SpecialToken": {"id": "[S]", "type_id": 0}})";
  std::string first = R"({"Sequence": {"id": "A", "type_id": 0}})";
  std::string second = R"({"Sequence": {"id": "B", "type_id": 1}})";
  std::string json =
      R"({"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
      "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {)" +
      vocabulary + "}}" + R"(, "named": {}, "added_tokens": [
        {"id": 10, "content": "[S]", "special": true, "single_word": false,
         "lstrip": false, "rstrip": false, "normalized": false}])";
  if (addsEnd)
    json +=
        R"(, "post_processor": {"type": "TemplateProcessing", "single": [)" +
        first + "," + end + R"(], "pair": [)" + first + "," + end + "," +
        second + "," + end + R"(], "special_tokens": {"[S]": {"id": "[S]",
            "ids": [10], "tokens": ["[S]"]}}})";
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json + "}", "words");
  EXPECT_TRUE(tokenizer) << tokenizer.message();
  return std::move(*tokenizer);
}

/// The same in a model's folder, which names its mask token.
Tokenizer named(const TestFolder &folder) {
  folder.write("vocab.txt", "w0\nw1\nw2\nw3\nw4\nw5\nw6\nw7\nw8\n[M]\n[S]\n");
  folder.write("config.json", "{\"model_type\": \"bert\"}");
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "BertTokenizer", "mask_token": "[M]",
               "cls_token": "w1", "sep_token": "[S]", "unk_token": "w0",
               "pad_token": "w8", "model_max_length": 6})");
  Expected<Tokenizer> tokenizer = Tokenizer::load(folder.root());
  EXPECT_TRUE(tokenizer) << tokenizer.message();
  return std::move(*tokenizer);
}

std::unique_ptr<Session> session(const TestFolder &folder,
                                 const tiny::Model &model) {
  std::string path = folder.path("model");
  tiny::write(path, "", "plain", "\"sse2\"", "", model);
  ExecutableOptions options;
  options.threads = 2;
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(path, options);
  EXPECT_TRUE(executable) << executable.message();
  if (!executable)
    return nullptr;
  Expected<std::unique_ptr<Session>> result = Session::create(*executable, 0);
  EXPECT_TRUE(result) << result.message();
  return result ? std::move(*result) : nullptr;
}

tiny::Model model(const std::string &head, bool isEncoder) {
  tiny::Model model;
  model.head = head;
  model.isEncoder = isEncoder;
  return model;
}

Expected<Vectors> embed(TextEncoder &encoder,
                        const std::vector<TextInput> &texts,
                        const EmbedOptions &options = {}) {
  Vectors vectors;
  Error error = encoder.embed(
      texts,
      [&](size_t index, std::span<const float> vector) {
        EXPECT_EQ(index, vectors.size());
        vectors.emplace_back(vector.begin(), vector.end());
        return Error::success();
      },
      options);
  if (error)
    return error;
  return vectors;
}

void expectClose(const std::vector<float> &given,
                 const std::vector<double> &expected) {
  ASSERT_EQ(given.size(), expected.size());
  for (size_t i = 0; i < given.size(); ++i)
    EXPECT_NEAR(given[i], expected[i], 1e-5 * (1 + std::abs(expected[i]))) << i;
}

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(TextEncoder, PoolsAsDefined) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, model("none", false));
  Tokenizer tokenizer = words();
  std::vector<float> hidden = tiny::causalHidden({3, 7, 1, 5, 2});
  size_t width = tiny::width, count = 5;
  std::vector<double> first, largest, mean, root, weighted, last;
  for (size_t j = 0; j < width; ++j) {
    double sum = 0, weights = 0, most = -1e9;
    for (size_t p = 0; p < count; ++p) {
      double value = hidden[p * width + j];
      sum += value;
      weights += double(p + 1) * value;
      most = std::max(most, value);
    }
    first.push_back(hidden[j]);
    largest.push_back(most);
    mean.push_back(sum / 5);
    root.push_back(sum / std::sqrt(5.0));
    weighted.push_back(weights / 15);
    last.push_back(hidden[4 * width + j]);
  }
  const std::vector<double> expected[] = {first, largest,  mean,
                                          root,  weighted, last};
  std::vector<TextInput> text = {{"w3 w7 w1 w5 w2"}};
  PoolingSettings all;
  all.poolings.clear();
  std::vector<double> joined;
  for (size_t pooling = 0; pooling < 6; ++pooling) {
    PoolingSettings settings;
    settings.poolings = {Pooling(pooling)};
    TextEncoder encoder(*s, tokenizer, settings);
    Expected<Vectors> vectors = embed(encoder, text);
    ASSERT_TRUE(vectors) << vectors.message();
    expectClose((*vectors)[0], expected[pooling]);
    all.poolings.insert(all.poolings.begin(), Pooling(pooling));
    joined.insert(joined.begin(), expected[pooling].begin(),
                  expected[pooling].end());
  }
  // Several are joined in their order, normalised together, and then cut.
  all.normalizes = true;
  all.keptWidth = 20;
  double norm = std::sqrt(
      std::inner_product(joined.begin(), joined.end(), joined.begin(), 0.0));
  for (double &value : joined)
    value /= norm;
  joined.resize(20);
  TextEncoder encoder(*s, tokenizer, all);
  EXPECT_EQ(*encoder.vectorWidth(), 20);
  expectClose((*embed(encoder, text))[0], joined);
}

TEST(TextEncoder, PromptsMayTakeNoPart) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, model("none", false));
  Tokenizer tokenizer = words(/*addsEnd=*/true);
  PoolingSettings settings;
  settings.poolings = {Pooling::First};
  settings.prompts = {{"q", "w4 w2 "}, {"empty", ""}};
  settings.defaultPrompt = "q";
  std::vector<float> hidden = tiny::causalHidden({4, 2, 6, 3, 10});
  auto row = [&](size_t place) {
    return std::vector<double>(hidden.begin() + ptrdiff_t(place * tiny::width),
                               hidden.begin() +
                                   ptrdiff_t((place + 1) * tiny::width));
  };
  std::vector<TextInput> text = {{"w6 w3"}};
  TextEncoder with(*s, tokenizer, settings);
  expectClose((*embed(with, text))[0], row(0));
  settings.poolsPrompt = false;
  TextEncoder without(*s, tokenizer, settings);
  expectClose((*embed(without, text))[0], row(2));
  EmbedOptions options;
  options.prompt = "empty";
  std::vector<float> plain = tiny::causalHidden({6, 3, 10});
  expectClose((*embed(without, text, options))[0],
              {plain.begin(), plain.begin() + tiny::width});
  options.prompt = "p";
  EXPECT_HAS(embed(without, text, options).message(),
             "no prompt 'p'; it has empty, q");
}

/// A text of some words, different for each number.
std::string textOf(size_t number, std::vector<int32_t> &ids) {
  std::string text;
  for (size_t i = 0; i < 1 + number * 7 % 8; ++i) {
    ids.push_back(int32_t((number / 3 + i * number) % 9));
    text += (i ? " w" : "w") + std::to_string(ids.back());
  }
  return text;
}

TEST(TextEncoder, ManyTextsKeepTheirOrder) {
  TestFolder folder;
  tiny::Model encoder = model("none", true);
  std::unique_ptr<Session> s = session(folder, encoder);
  Tokenizer tokenizer = words();
  // More than two windows.
  constexpr size_t count = 20000;
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> ids(count);
  std::vector<TextInput> inputs;
  for (size_t i = 0; i < count; ++i)
    texts.push_back(i % 1000 == 123 ? "w1 w1 w1 w1 w1 w1 w1 w1 w1"
                                    : textOf(i, ids[i]));
  for (const std::string &text : texts)
    inputs.push_back({text});
  TextEncoder textEncoder(*s, tokenizer);
  EmbedOptions options;
  std::vector<size_t> failures;
  std::string message;
  options.failed = [&](size_t index, Error error) {
    failures.push_back(index);
    message = error.message();
    return Error::success();
  };
  size_t next = 0, done = 0, progress = 0;
  options.progress = [&](size_t texts) { EXPECT_EQ(texts, ++progress); };
  Error error = textEncoder.embed(
      inputs,
      [&](size_t index, std::span<const float> vector) {
        next += next % 1000 == 123;
        EXPECT_EQ(index, next++);
        ++done;
        std::vector<int32_t> positions(ids[index].size());
        std::iota(positions.begin(), positions.end(), 0);
        std::vector<float> hidden = tiny::encoded(
            ids[index], std::vector<int32_t>(ids[index].size()), positions);
        for (size_t j = 0; j < tiny::width; ++j)
          EXPECT_EQ(vector[j], hidden[j]);
        return Error::success();
      },
      options);
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(done, count - 20);
  EXPECT_EQ(progress, done);
  options.progress = nullptr;
  ASSERT_EQ(failures.size(), 20u);
  EXPECT_EQ(failures[3], 3123u);
  EXPECT_HAS(message, "text 19124 of 20000: the text has 9 tokens, but the "
                      "model takes at most 8");
  // Without a receiver, the first error ends the run.
  options.failed = nullptr;
  options.nameOf = [](size_t index) {
    return "line " + std::to_string(index + 1);
  };
  EXPECT_HAS(embed(textEncoder, inputs, options).message(),
             "line 124: the text has 9 tokens");
}

TEST(TextEncoder, ScoresFollowTheProblem) {
  TestFolder folder;
  std::unique_ptr<Session> s =
      session(folder, model("sequence_classification", true));
  Tokenizer tokenizer = words();
  std::vector<float> logits =
      tiny::products(tiny::encoded({2, 5}, {0, 0}, {0, 1}), tiny::labels);
  logits.resize(tiny::labels);
  double largest = *std::max_element(logits.begin(), logits.end()), sum = 0;
  std::vector<double> soft, sigmoid, same(logits.begin(), logits.end());
  for (float logit : logits) {
    soft.push_back(std::exp(double(logit) - largest));
    sum += soft.back();
    sigmoid.push_back(1 / (1 + std::exp(-double(logit))));
  }
  for (double &value : soft)
    value /= sum;
  TextInput text = {"w2 w5"};
  for (auto [problem, expected] : {std::pair{ProblemType::Unset, soft},
                                   std::pair{ProblemType::SingleLabel, soft},
                                   std::pair{ProblemType::MultiLabel, sigmoid},
                                   std::pair{ProblemType::Regression, same}}) {
    TextEncoder encoder(*s, tokenizer, {}, {{}, problem});
    Error error =
        encoder.classify({&text, 1}, [&](size_t, const Classification &result) {
          expectClose(result.scores, expected);
          // Among equal scores the first, as numpy's argmax.
          EXPECT_EQ(result.label, size_t(std::max_element(result.scores.begin(),
                                                          result.scores.end()) -
                                         result.scores.begin()));
          EXPECT_EQ(result.scores[result.label], result.scores[3]);
          return Error::success();
        });
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ((*encoder.classLabels())[4], "LABEL_4");
  }
  TextEncoder twice(*s, tokenizer, {}, {{"a", "b", "c", "a", "d"}, {}});
  EXPECT_HAS(twice.classLabels().message(), "two labels have the name 'a'");
}

TEST(TextEncoder, HeadsMustFit) {
  TestFolder folder;
  Tokenizer tokenizer = words();
  TextInput text = {"w1 [M]"};
  auto ignore = [](size_t, const auto &) { return Error::success(); };
  std::unique_ptr<Session> causal =
      session(folder, model("language_model", false));
  TextEncoder encoder(*causal, tokenizer);
  EXPECT_HAS(encoder.classify({&text, 1}, ignore).message(),
             "head: language_model) has no head for sequence classification");
  EXPECT_HAS(encoder.fillMask({&text, 1}, 1, ignore).message(),
             "has no head for filling masks");
  EXPECT_HAS(
      encoder.tag({&text, 1}, TagGrouping::None, false, ignore).message(),
      "has no head for token classification");
  PoolingSettings settings;
  settings.refusal = "modules.json has a Dense";
  EXPECT_HAS(TextEncoder(*causal, tokenizer, settings).vectorWidth().message(),
             "cannot be computed: modules.json has a Dense");
  settings.refusal = "";
  settings.hiddenSize = 5;
  EXPECT_HAS(TextEncoder(*causal, tokenizer, settings).vectorWidth().message(),
             "hidden states of 5 values, but the model has 6");
}

TEST(TextEncoder, MasksAndTagsAreChecked) {
  TestFolder folder;
  Tokenizer tokenizer = named(folder);
  ASSERT_EQ(tokenizer.namedId("mask_token"), 9u);
  auto ignore = [](size_t, const auto &) { return Error::success(); };
  std::unique_ptr<Session> s = session(folder, model("language_model", true));
  TextEncoder encoder(*s, tokenizer);
  TextInput text = {"w3"}, masked = {"w3 [M]"};
  EXPECT_HAS(encoder.fillMask({&text, 1}, 1, ignore).message(),
             "the text has no [M], the mask token");
  EXPECT_HAS(encoder.fillMask({&masked, 1}, 0, ignore).message(),
             "expected 1 to 11 tokens for a masked place, but got 0");
  EXPECT_HAS(encoder.fillMask({&masked, 1}, 12, ignore).message(), "got 12");
  EXPECT_FALSE(encoder.fillMask({&masked, 1}, 11, ignore));
  Tokenizer plain = words();
  EXPECT_HAS(TextEncoder(*s, plain).fillMask({&text, 1}, 1, ignore).message(),
             "no mask_token");
  s = session(folder, model("token_classification", true));
  TextInput pair = {"w3", "w4"};
  EXPECT_HAS(TextEncoder(*s, tokenizer)
                 .tag({&pair, 1}, TagGrouping::None, false, ignore)
                 .message(),
             "not in a pair");
}

TEST(TextEncoder, TextsMustFitTheModel) {
  TestFolder folder;
  std::unique_ptr<Session> s = session(folder, model("none", true));
  Tokenizer bare = words(), large = words(false, 12), limited = named(folder);
  TextEncoder encoder(*s, bare);
  EXPECT_HAS(embed(encoder, {{""}}).message(), "the text has no tokens");
  TextEncoder other(*s, large);
  EXPECT_HAS(embed(other, {{"w11"}}).message(),
             "the id 11, but the model's vocabulary ends at 10");
  // The limit of the tokenizer is that of vectors, but not that of classes.
  TextEncoder bert(*s, limited);
  TextInput seven = {"w2 w3 w4 w5 w6"};
  EXPECT_HAS(embed(bert, {seven}).message(),
             "the text has 7 tokens, but the model takes at most 6 (the "
             "model_max_length of its tokenizer)");
  PoolingSettings settings;
  settings.maxTokens = 4;
  TextEncoder four(*s, limited, settings);
  EXPECT_HAS(embed(four, {seven}).message(), "at most 4 (its max_seq_length)");
  EmbedOptions options;
  options.truncates = true;
  std::vector<float> expected =
      tiny::encoded({1, 2, 3, 10}, {0, 0, 0, 0}, {0, 1, 2, 3});
  expectClose((*embed(four, {seven}, options))[0],
              {expected.begin(), expected.begin() + tiny::width});
  std::unique_ptr<Session> head =
      session(folder, model("sequence_classification", true));
  TextEncoder classifier(*head, limited);
  EXPECT_FALSE(classifier.classify(
      {&seven, 1}, [](size_t, const auto &) { return Error::success(); }));
}

/// What transformers' classes and files say of the model's input, and of the
/// text of tokens.
TEST(TextEncoder, TokenizersSayWhatTheModelGets) {
  TestFolder folder;
  Tokenizer bert = named(folder);
  EXPECT_TRUE(bert.givesTypes());
  EXPECT_FALSE(bert.truncatesLeft());
  EXPECT_EQ(bert.maxLength(), 6u);
  const std::vector<std::string> pieces = {"un", "##want", "##ed", "!", "w0"};
  EXPECT_EQ(bert.join(pieces), "unwanted! w0");
  EXPECT_FALSE(words().givesTypes());
  auto with = [&](const std::string &field) {
    folder.write("tokenizer_config.json",
                 R"({"tokenizer_class": "BertTokenizer", "mask_token": "[M]",
                 "cls_token": "w1", "sep_token": "[S]", "unk_token": "w0",
                 "pad_token": "w8", )" +
                     field + "}");
    return Tokenizer::load(folder.root());
  };
  EXPECT_FALSE(with(R"("model_input_names": ["input_ids", "attention_mask"])")
                   ->givesTypes());
  EXPECT_TRUE(with(R"("truncation_side": "left")")->truncatesLeft());
  EXPECT_HAS(with(R"("truncation_side": "middle")").message(),
             "truncation_side");
}

TEST(TextEncoder, TruncatesAsTokenizersDo) {
  // The lengths of two texts, the limit, and what tokenizers keeps of them
  // beside two added tokens.
  const int64_t cases[][5] = {
      {3, 9, 8, 3, 3}, {9, 3, 8, 3, 3},  {9, 9, 9, 3, 4}, {9, 8, 9, 4, 3},
      {5, 9, 9, 3, 4}, {4, 4, 11, 4, 4}, {2, 1, 4, 1, 1}, {7, 2, 4, 1, 1},
      {0, 9, 5, 0, 3}, {9, 0, 5, 3, 0},  {6, 6, 3, 0, 1}, {2, 1, 2, 0, 0}};
  for (bool fromLeft : {false, true})
    for (const auto &[first, second, limit, keptFirst, keptSecond] : cases) {
      TextEncoding encoding;
      auto add = [&](uint32_t id, uint8_t text, bool isAdded) {
        encoding.ids.push_back(id);
        encoding.typeIds.push_back(text);
        encoding.textOf.push_back(text);
        encoding.isAdded.push_back(isAdded);
        encoding.offsets.push_back({id, id + 1});
      };
      add(1000, 0, true);
      for (uint32_t i = 0; i < first; ++i)
        add(i, 0, false);
      add(1001, 1, true);
      for (uint32_t i = 0; i < second; ++i)
        add(100 + i, 1, false);
      EXPECT_FALSE(truncate(encoding, limit, fromLeft));
      std::vector<uint32_t> expected = {1000};
      for (int64_t i = 0; i < keptFirst; ++i)
        expected.push_back(uint32_t(fromLeft ? first - keptFirst + i : i));
      expected.push_back(1001);
      for (int64_t i = 0; i < keptSecond; ++i)
        expected.push_back(
            uint32_t(100 + (fromLeft ? second - keptSecond + i : i)));
      EXPECT_EQ(encoding.ids, expected) << first << " " << second;
      EXPECT_EQ(encoding.offsets.size(), expected.size());
      EXPECT_EQ(encoding.typeIds.back(), 1u);
    }
  TextEncoding two;
  two.ids = {1, 2};
  two.isAdded = {1, 1};
  two.textOf = {0, 0};
  EXPECT_HAS(truncate(two, 1, false).message(), "2 special tokens");
}

} // namespace
