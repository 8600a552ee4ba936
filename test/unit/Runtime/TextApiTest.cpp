//===- TextApiTest.cpp - Texts through the C interface --------------------===//
//
// Writes tiny executables with a tokenizer of eleven words, for the checks in
// C, and lets several threads use one of them.
//
//===----------------------------------------------------------------------===//

#include "CApiTest.h"
#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/TextEncoder.h"
#include "lora-runtime/lora_runtime.h"

#include <algorithm>
#include <cmath>
#include <thread>

using namespace lora_rt;

namespace {

/// The words "w0" to "w9", and "[S]", which is put before each text. `more` are
/// settings of tokenizer_config.json.
std::string tokenizer(const std::string &more = "") {
  std::string vocabulary;
  for (int id = 0; id < 10; ++id)
    vocabulary += "\"w" + std::to_string(id) + "\":" + std::to_string(id) + ",";
  TestFolder folder;
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "PreTrainedTokenizerFast",
               "model_input_names": ["input_ids", "token_type_ids"])" +
                   more + "}");
  folder.write(
      "tokenizer.json",
      R"({"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
      "added_tokens": [{"id": 10, "content": "[S]", "special": true,
        "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false}],
      "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[S]", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "[S]", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"[S]": {"id": "[S]", "ids": [10],
                                   "tokens": ["[S]"]}}},
      "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {)" +
          vocabulary + "\"[S]\":10}}}");
  Expected<Tokenizer> result = Tokenizer::load(folder.root());
  EXPECT_TRUE(result) << result.message();
  return result ? result->store() : "";
}

void write(const std::string &path, tiny::Model model,
           const TextSettings &settings,
           const std::string &stored = tokenizer()) {
  model.addParts = [&](PayloadWriter &writer) {
    if (Error error = writer.addPart(tokenizerPart, stored))
      return error;
    return addTextPart(writer, textPart, settings);
  };
  tiny::write(path, "", "plain", "\"sse2\"", "", model);
}

void writeGenerator(const std::string &path) {
  TextSettings settings;
  settings.templates["default"] =
      "{% for message in messages %}{{ message.content }}{% endfor %}"
      "{% if add_generation_prompt %} w1{% endif %}";
  write(path, {}, settings);
}

TEST(TextApi, ConvertsTexts) {
  TestFolder folder;
  writeGenerator(folder.path("model"));
  EXPECT_EQ(run_c_tokenize_test(folder.path("model").c_str()), 0);
}

TEST(TextApi, GeneratesTexts) {
  // What the C program expects follows from the model's definition.
  std::vector<int32_t> ids = {10, 3, 1};
  while (ids.back() != 2) {
    std::vector<float> logits = tiny::logits(ids);
    logits.erase(logits.begin(), logits.end() - tiny::vocabulary);
    for (int32_t id : ids)
      logits[size_t(id)] = -INFINITY;
    ids.push_back(int32_t(std::max_element(logits.begin(), logits.end()) -
                          logits.begin()));
  }
  EXPECT_EQ(ids, (std::vector<int32_t>{10, 3, 1, 6, 9, 5, 8, 4, 0, 2}));
  TestFolder folder;
  writeGenerator(folder.path("model"));
  EXPECT_EQ(run_c_generate_text_test(folder.path("model").c_str(),
                                     folder.path("state").c_str()),
            0);
}

TEST(TextApi, SaysWhatIsWrong) {
  TestFolder folder;
  std::string path = folder.path("model");
  writeGenerator(path);
  folder.write("other", "nothing that anybody saved");
  EXPECT_EQ(run_c_text_errors_test(path.c_str(), folder.path("other").c_str()),
            0);
  tiny::write(path, "", "plain");
  EXPECT_EQ(run_c_no_text_test(path.c_str()), 0);
  // A file with a damaged tokenizer is refused when it is opened.
  write(path, {}, {}, "no tokenizer");
  lora_module *module = nullptr;
  lora_error error = {};
  error.struct_size = sizeof(error);
  EXPECT_EQ(lora_module_open(path.c_str(), nullptr, &module, &error),
            LORA_INVALID_FILE);
  EXPECT_NE(std::string(error.message).find(path + ": part 'tokenizer'"),
            std::string::npos)
      << error.message;
}

TEST(TextApi, EncodesTexts) {
  TestFolder folder;
  PoolingSettings pooling;
  pooling.poolings = {Pooling::MeanSqrtLength, Pooling::First};
  TextSettings settings;
  settings.pooling = pooling.print();
  settings.labels = {"good", "bad", "both", "none", "odd"};
  settings.problemType = "regression";
  tiny::Model model;
  model.isEncoder = true;
  model.head = "sequence_classification";
  write(folder.path("model"), model, settings);
  std::vector<float> vectors, scores;
  for (const auto &[ids, types] :
       {std::pair<std::vector<int32_t>, std::vector<int32_t>>{{10, 3}, {0, 0}},
        {{10, 7, 9, 4, 8, 5, 1, 2}, {0, 0, 0, 0, 0, 0, 0, 1}}}) {
    std::vector<int32_t> positions;
    for (size_t i = 0; i < ids.size(); ++i)
      positions.push_back(int32_t(i));
    // All tokens have one vector.
    std::vector<float> hidden = tiny::encoded(ids, types, positions);
    hidden.resize(size_t(tiny::width));
    auto count = double(ids.size());
    for (float value : hidden)
      vectors.push_back(float(count * double(value) / std::sqrt(count)));
    vectors.insert(vectors.end(), hidden.begin(), hidden.end());
    std::vector<float> products = tiny::products(hidden, tiny::labels);
    scores.insert(scores.end(), products.begin(), products.end());
  }
  EXPECT_EQ(run_c_text_encoder_test(folder.path("model").c_str(),
                                    vectors.data(), scores.data()),
            0);
}

/// The objects of texts as a list, computed without the C interface.
std::string
listOf(const std::string &path, const std::vector<TextInput> &texts,
       const std::function<Error(TextEncoder &, std::vector<std::string> &)>
           &run) {
  Expected<std::shared_ptr<Executable>> executable = Executable::open(path, {});
  EXPECT_TRUE(executable) << executable.message();
  if (!executable)
    return "";
  Expected<std::unique_ptr<Session>> session = Session::create(*executable, 0);
  Expected<TextModel> text = TextModel::open(*(*executable)->payload());
  EXPECT_TRUE(session && text) << session.message() << text.message();
  if (!session || !text)
    return "";
  Expected<TextEncoder> encoder = TextEncoder::create(**session, *text);
  EXPECT_TRUE(encoder) << encoder.message();
  std::vector<std::string> objects;
  Error error = run(*encoder, objects);
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(objects.size(), texts.size());
  return objects.size() == 2 ? "[" + objects[0] + "," + objects[1] + "]" : "";
}

TEST(TextApi, FillsMasksAndTagsTokens) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::Model model;
  model.isEncoder = true;
  write(path, model, {}, tokenizer(R"(, "mask_token": "w9")"));
  std::vector<TextInput> texts = {{"w3 w9 w4"}, {"w9 w9"}};
  std::string masks = listOf(path, texts, [&](auto &encoder, auto &objects) {
    return encoder.fillMask(texts, 2, [&](size_t, const auto &places) {
      objects.push_back(fillingsJson(places));
      return Error::success();
    });
  });
  EXPECT_EQ(run_c_masks_test(path.c_str(), masks.c_str()), 0);

  model.head = "token_classification";
  TextSettings settings;
  settings.labels = {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"};
  write(path, model, settings);
  texts = {{"\u00e9 w9"}, {"w4 w1 w4"}};
  auto tags = [&](TagGrouping grouping, bool keepsOutside) {
    return listOf(path, texts, [&](auto &encoder, auto &objects) {
      return encoder.tag(
          texts, grouping, keepsOutside, [&](size_t index, const auto &result) {
            objects.push_back(tagsJson(texts[index].text, result));
            return Error::success();
          });
    });
  };
  std::string all = tags(TagGrouping::None, true),
              groups = tags(TagGrouping::Simple, false);
  EXPECT_NE(all, groups);
  // Offsets count characters.
  EXPECT_NE(all.find(R"("word":"w9","start":2,"end":4)"), std::string::npos)
      << all;
  EXPECT_EQ(run_c_tags_test(path.c_str(), all.c_str(), groups.c_str()), 0);
}

/// What a new session says to a text, by draws; and what it is in ids.
std::string answer(lora_module *module, const std::string &prompt, int seed) {
  std::string options = "{\"temperature\": 40, \"max_tokens\": 20, \"seed\": " +
                        std::to_string(seed) + "}";
  std::string result;
  lora_session *session = nullptr;
  if (lora_session_create(module, nullptr, &session, nullptr))
    return "no session";
  for (int round = 0; round < 5; ++round) {
    lora_text_options request = {};
    request.struct_size = sizeof(request);
    request.json = 1;
    request.prompt = prompt.data();
    request.prompt_size = prompt.size();
    request.generation = options.c_str();
    char *text = nullptr;
    if (lora_session_generate_text(session, &request, nullptr, &text, nullptr,
                                   nullptr))
      break;
    result += text;
    int32_t *ids = nullptr;
    size_t count = 0;
    if (lora_module_tokenize(module, text, std::strlen(text), 1, &ids, &count,
                             nullptr))
      break;
    for (size_t i = 0; i < count; ++i)
      result += " " + std::to_string(ids[i]);
    lora_free(ids);
    lora_free(text);
  }
  lora_session_destroy(session);
  return result;
}

TEST(TextApi, SessionsOfAModuleRunInThreads) {
  TestFolder folder;
  std::string path = folder.path("model");
  TextSettings settings;
  settings.generation = R"({"eos_token_id": [10]})";
  write(path, {}, settings);
  lora_module *module = nullptr;
  ASSERT_EQ(lora_module_open(path.c_str(), nullptr, &module, nullptr), LORA_OK);
  std::vector<std::string> expected, got(6);
  std::string prompt = "w3 w1";
  auto promptOf = [&](int i) { return prompt + " w" + std::to_string(i); };
  for (int i = 0; i < 6; ++i)
    expected.push_back(answer(module, promptOf(i), i));
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back(
        [&, i] { got[size_t(i)] = answer(module, promptOf(i), i); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(got, expected);
  // The texts differ, and are long enough.
  EXPECT_GT(expected[0].size(), 200u);
  EXPECT_NE(expected[0], expected[1]);
  lora_module_close(module);
}

} // namespace
