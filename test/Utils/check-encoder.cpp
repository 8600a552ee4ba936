//===- check-encoder.cpp - Texts through a compiled model -----------------===//
//
//   check-encoder COMPILED FOLDER SCRATCH
//
// Compares TextEncoder with what transformers' pipelines and
// sentence-transformers computed from the texts of FOLDER/cases.json, which
// test/Fixtures/generator/encoders.py describes: all texts of a case together,
// and each by itself. SCRATCH is a folder for files of the cases. Prints the
// largest difference of each kind.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/File.h"
#include "lora-runtime/TextEncoder.h"

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace lora_rt;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr double tolerance = 1e-5;

[[noreturn]] void fail(const std::string &message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}

template <typename T> T take(Expected<T> value) {
  if (!value)
    fail(value.message());
  return std::move(*value);
}

void require(bool condition, const std::string &message) {
  if (!condition)
    fail(message);
}

/// The texts of a case.
struct Texts {
  explicit Texts(const Json &list) {
    for (const Json &entry : list) {
      TextInput input = {entry[0].get_ref<const std::string &>()};
      if (entry.size() > 1)
        input.pair = entry[1].get_ref<const std::string &>();
      inputs.push_back(input);
    }
  }
  std::vector<TextInput> inputs;
};

class Check {
public:
  Check(Session &session, const fs::path &folder, const fs::path &scratch)
      : session(session), model(folder / "model"), scratch(scratch),
        tokenizer(take(Tokenizer::load(model))),
        labels(take(LabelSettings::load(model))) {}

  void vectors(const Json &entry) {
    PoolingSettings settings = poolingOf(entry);
    TextEncoder encoder(session, tokenizer, settings);
    Texts texts(entry["texts"]);
    EmbedOptions options;
    if (entry.contains("prompt"))
      options.prompt = entry["prompt"].get<std::string>();
    each(texts, entry, options,
         [&](auto inputs, size_t first, const TextRunOptions &run) {
           static_cast<TextRunOptions &>(options) = run;
           return encoder.embed(
               inputs,
               [&](size_t index, std::span<const float> vector) {
                 const Json &expected = entry["vectors"][first + index];
                 require(vector.size() == expected.size() &&
                             int64_t(vector.size()) ==
                                 take(encoder.vectorWidth()),
                         "a vector has " + std::to_string(vector.size()) +
                             " values, expected " +
                             std::to_string(expected.size()));
                 for (size_t j = 0; j < vector.size(); ++j)
                   compare(vector[j], expected[j], "vector");
                 return Error::success();
               },
               options);
         });
  }

  void classes(const Json &entry) {
    LabelSettings settings = labels;
    if (entry.contains("problem_type"))
      settings = take(LabelSettings::make(
          labels.names, entry["problem_type"].get<std::string>(), "case"));
    TextEncoder encoder(session, tokenizer, {}, settings);
    std::vector<std::string> names = take(encoder.classLabels());
    Texts texts(entry["texts"]);
    each(texts, entry, {},
         [&](auto inputs, size_t first, const TextRunOptions &run) {
           return encoder.classify(
               inputs,
               [&](size_t index, const Classification &result) {
                 const Json &expected = entry["results"][first + index];
                 require(expected.size() == names.size(), "other labels");
                 for (size_t label = 0; label < names.size(); ++label) {
                   compare(result.scores[label], expected[names[label]],
                           "score");
                   require(result.scores[label] <= result.scores[result.label],
                           "the label has not the largest score");
                 }
                 return Error::success();
               },
               run);
         });
  }

  void masks(const Json &entry) {
    TextEncoder encoder(session, tokenizer);
    TextInput input = {entry["text"].get_ref<const std::string &>()};
    finish(encoder.fillMask(
        {&input, 1}, entry["count"].get<size_t>(),
        [&](size_t, const std::vector<std::vector<MaskFilling>> &places) {
          require(places.size() == entry["places"].size(), "other places");
          for (size_t i = 0; i < places.size(); ++i)
            for (size_t j = 0; j < places[i].size(); ++j) {
              const MaskFilling &given = places[i][j];
              const Json &expected = entry["places"][i][j];
              same(Json(given.id), expected[0]);
              same(given.token, expected[1]);
              compare(given.score, expected[2], "probability");
              same(given.text, expected[3]);
            }
          return Error::success();
        }));
  }

  void tags(const Json &entry) {
    TextEncoder encoder(session, tokenizer, {}, labels);
    TextInput input = {entry["text"].get_ref<const std::string &>()};
    bool isGrouped = entry["grouped"].get<bool>();
    finish(encoder.tag(
        {&input, 1}, isGrouped ? TagGrouping::Simple : TagGrouping::None,
        entry["all"].get<bool>(),
        [&](size_t, const std::vector<TextTag> &given) {
          require(given.size() == entry["tags"].size(),
                  std::to_string(given.size()) + " tags, expected " +
                      std::to_string(entry["tags"].size()));
          for (size_t i = 0; i < given.size(); ++i) {
            const Json &expected = entry["tags"][i];
            same(given[i].label, expected[0]);
            compare(given[i].score, expected[1], "tag");
            same(given[i].word, expected[2]);
            same(Json(given[i].range.begin), expected[3]);
            same(Json(given[i].range.end), expected[4]);
            if (!isGrouped)
              same(Json(given[i].token), expected[5]);
          }
          return Error::success();
        }));
  }

  double worst(const std::string &kind) const {
    auto found = differences.find(kind);
    return found == differences.end() ? 0 : found->second;
  }
  const std::map<std::string, double> &all() const { return differences; }

private:
  void finish(Error error) {
    if (error)
      fail(error.message());
  }

  void same(const Json &given, const Json &expected) {
    require(given == expected,
            "got " + given.dump() + ", expected " + expected.dump());
  }

  void compare(double given, const Json &expected, const std::string &kind) {
    double difference = std::abs(given - expected.get<double>());
    // False for NaN.
    require(difference <= tolerance, kind + ": got " + std::to_string(given) +
                                         ", expected " + expected.dump());
    differences[kind] = std::max(differences[kind], difference);
  }

  /// Runs all texts, and each alone. Texts that are too long must be refused
  /// with both numbers unless they may be cut.
  template <typename Run>
  void each(const Texts &texts, const Json &entry, TextRunOptions options,
            const Run &run) {
    std::span<const TextInput> inputs = texts.inputs;
    options.truncates = entry.value("truncates", false);
    finish(run(inputs, 0, options));
    for (size_t i = 0; i < inputs.size(); ++i)
      finish(run(inputs.subspan(i, 1), i, options));
    if (!options.truncates)
      return;
    options.truncates = false;
    Error error = run(inputs, 0, options);
    require(bool(error), "a text that is too long was not refused");
    std::printf("refused: %s\n", error.message().c_str());
  }

  PoolingSettings poolingOf(const Json &entry) {
    fs::remove_all(scratch);
    fs::create_directories(scratch);
    fs::copy(model, scratch, fs::copy_options::recursive);
    if (entry.contains("files"))
      for (const auto &[name, content] : entry["files"].items()) {
        fs::remove(scratch / name);
        fs::create_directories((scratch / name).parent_path());
        if (!content.is_null())
          finish(writeTextFile(scratch / name, content.dump()));
      }
    std::optional<PoolingSettings> read = take(PoolingSettings::load(scratch));
    PoolingSettings settings = read.value_or(PoolingSettings());
    require(take(PoolingSettings::parse(settings.print(), "pooling")) ==
                settings,
            "settings change when they are printed");
    return settings;
  }

  Session &session;
  fs::path model, scratch;
  Tokenizer tokenizer;
  LabelSettings labels;
  std::map<std::string, double> differences;
};

} // namespace

int main(int argc, char **argv) {
  require(argc == 4, "usage: check-encoder COMPILED FOLDER SCRATCH");
  auto executable = take(Executable::open(argv[1], {}));
  std::unique_ptr<Session> session = take(Session::create(executable, 0));
  fs::path folder = argv[2];
  std::string text = take(readTextFile(folder / "cases.json"));
  Json cases = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  require(cases.is_object() && !cases.empty(), "no cases");
  Check check(*session, folder, argv[3]);
  size_t count = 0;
  for (const auto &[kind, entries] : cases.items())
    for (const Json &entry : entries) {
      ++count;
      if (kind == "vectors")
        check.vectors(entry);
      else if (kind == "classes")
        check.classes(entry);
      else if (kind == "masks")
        check.masks(entry);
      else if (kind == "tags")
        check.tags(entry);
      else
        fail("unknown kind " + kind);
    }
  std::printf("%zu cases", count);
  for (const auto &[kind, worst] : check.all())
    std::printf(", max|a-b| %s %.1e", kind.c_str(), worst);
  std::puts("");
  return 0;
}
