//===- ManifestTest.cpp - Strict reading of the manifest ------------------===//
//
// A good manifest, and one change at a time: each must be refused with a
// message that names the entry.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Manifest.h"
#include "TinyExecutable.h"

using namespace lora_rt;

namespace {

const std::string good = tiny::manifest("plain", {0, 264, "0"});

/// The manifest with the first occurrence of `from` replaced.
std::string changed(const std::string &from, const std::string &to) {
  std::string text = good;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

void expectFailure(const std::string &from, const std::string &to,
                   const std::string &message) {
  Expected<Manifest> manifest = Manifest::parse(changed(from, to), "tiny");
  EXPECT_FALSE(manifest) << to;
  EXPECT_NE(manifest.message().find(message), std::string::npos)
      << manifest.message();
}

TEST(Manifest, IsReadStrictly) {
  EXPECT_TRUE(Manifest::parse(good, "tiny"));
  expectFailure("\"format\":3", "\"format\":2", "format 2");
  expectFailure("\"format\":3", "\"format\":4", "format 4");
  expectFailure("\"format\":3", "\"format\":\"3\"", "for 'format'");
  expectFailure("\"format\":3", "\"format\":3,\"new\":0", "unknown key 'new'");
  expectFailure("{\"param\":0}", "{\"param\":1}", "there are only 1");
  expectFailure("{\"region\":\"theta\"}", "{\"region\":\"beta\"}", "'beta'");
  expectFailure("\"bytes\":264", "\"bytes\":260", "does not fit its shape");
  expectFailure("\"shape\":[-1,6]", "\"shape\":[-2,6]", "sizes");
  expectFailure("\"shape\":[-1,6]", "\"shape\":[-1,99999999999999]",
                "too large");
  expectFailure("\"kind\":\"gather\"", "\"kind\":\"scatter\"", "'scatter'");
  expectFailure("\"offset\":0,\"xxh3\"", "\"offset\":-4096,\"xxh3\"",
                "whole number");
}

/// Reading what was written gives the same values.
TEST(Manifest, IsWrittenAsItIsRead) {
  tiny::Model model;
  for (const char *rope :
       {"",
        "{\"kind\":\"dynamic\",\"switch_length\":12,\"width\":6,"
        "\"theta\":1e4,\"factor\":2.7}",
        "{\"kind\":\"longrope\",\"switch_length\":8,\"short\":[1,2,0.1],"
        "\"long\":[4,5,6],\"restarts_cache\":true}"}) {
    model.rope = rope;
    std::string text =
        tiny::manifest("plain", {0, 264, "0"}, "\"sse2\"", model);
    Expected<Manifest> manifest = Manifest::parse(text, "tiny");
    ASSERT_TRUE(manifest) << manifest.message();
    std::string written = manifest->print();
    Expected<Manifest> again = Manifest::parse(written, "again");
    ASSERT_TRUE(again) << again.message();
    EXPECT_EQ(again->print(), written);
    EXPECT_EQ(again->model, manifest->model);
    EXPECT_EQ(again->primitives, manifest->primitives);
    EXPECT_FALSE(checkContract(*again, manifest->contract(), "again"));
    EXPECT_EQ(again->params[0].bytes, 264u);
    EXPECT_EQ(again->params[0].checksum, "0");
  }
  // A parameter without a place stays one.
  Expected<Manifest> manifest = Manifest::parse(good, "tiny");
  ASSERT_TRUE(manifest);
  manifest->params[0].isPlaced = false;
  EXPECT_EQ(manifest->print().find("xxh3"), std::string::npos);
  // A name that is no UTF-8 does not stop the writer.
  manifest->params[0].name = "\xff";
  EXPECT_TRUE(Manifest::parse(manifest->print(), "tiny"));
}

TEST(Manifest, PartsOfItDoNotOverlap) {
  // Each parameter must be directly after the one before it.
  std::string before = "\"xxh3\":\"0\"}";
  auto second = [&](const char *offset) {
    return before +
           ",{\"name\":\"b\",\"dtype\":\"f32\",\"shape\":[3],"
           "\"layout\":{\"scheme\":\"plain\"},\"bytes\":12,"
           "\"offset\":" +
           offset + ",\"xxh3\":\"0\"}";
  };
  EXPECT_TRUE(Manifest::parse(changed(before, second("4096")), "tiny"));
  for (const char *offset : {"0", "64", "8192"})
    expectFailure(before, second(offset), "expected it at 4096");
  expectFailure("\"offset\":0,\"xxh3\"", "\"offset\":64,\"xxh3\"",
                "expected it at 0");
  expectFailure("\"bytes\":264", "\"bytes\":9223372036854775807",
                "'embed' is too large");

  std::string trainable = "\"shape\":[2,6],\"offset\":0}";
  auto third = [&](const char *offset) {
    return trainable + ",{\"name\":\"B\",\"shape\":[17],\"offset\":" + offset +
           "}";
  };
  EXPECT_TRUE(Manifest::parse(changed(trainable, third("16")), "tiny"));
  expectFailure(trainable, third("0"), "overlaps");
  expectFailure(trainable, third("1099511627792"), "too large");
}

TEST(Manifest, SizesHaveBounds) {
  expectFailure("\"tokens\":4", "\"tokens\":2147483648", "too many tokens");
  expectFailure("\"frame_bytes\":192", "\"frame_bytes\":281474976710657",
                "too large");
  expectFailure("hidden_states.t1\"", "hidden_states.t4\"",
                "two entries 'hidden_states.t4'");
  expectFailure("{\"scheme\":\"plain\"}",
                "{\"scheme\":\"onednn\",\"tag\":\"" + std::string(64, 'a') +
                    "\"}",
                "1 to 63 letters");
  expectFailure("{\"scheme\":\"plain\"}",
                "{\"scheme\":\"onednn\",\"tag\":\"BA16a\\u000064b2a\"}",
                "1 to 63 letters");
}

TEST(Manifest, DescribesTheModel) {
  Expected<Manifest> manifest = Manifest::parse(good, "tiny");
  ASSERT_TRUE(manifest) << manifest.message();
  EXPECT_EQ(manifest->model.head, ModelHead::LanguageModel);
  EXPECT_EQ(manifest->model.outputs, 11);
  EXPECT_TRUE(manifest->model.isGenerative());
  EXPECT_FALSE(manifest->model.rope);

  std::string head = "\"head\":\"language_model\"",
              states = "\"states\":[{\"name\":\"cache\",\"dtype\":\"f32\","
                       "\"shape\":[-1,6]}]";
  expectFailure(head, "\"head\":\"vision\"", "'vision'");
  expectFailure(head, "\"head\":\"none\"", "'outputs'");
  expectFailure("\"outputs\":11", "\"outputs\":0", "'outputs'");
  expectFailure("\"outputs\":11,", "", "'outputs'");
  expectFailure("\"attention\":\"causal\"", "\"attention\":\"sideways\"",
                "'sideways'");
  // The keys are tokens of the same call, so there is no state.
  expectFailure("\"attention\":\"causal\"", "\"attention\":\"bidirectional\"",
                "no states");
  expectFailure("\"pooled\":\"last\"", "\"pooled\":\"first\"",
                "sees no other one");
  expectFailure("\"pooled\":\"last\"", "\"pooled\":\"mean\"", "'mean'");
  expectFailure("\"token_types\":0", "\"token_types\":-1", "'token_types'");
  expectFailure("\"pad_token_id\":-1", "\"pad_token_id\":-2", "from -1 on");
  expectFailure("\"pad_token_id\":-1", "\"pad_token_id\":4294967296",
                "'pad_token_id'");
  expectFailure("\"positions\":\"plain\"", "\"positions\":\"skip_padding\"",
                "'pad_token_id'");
  expectFailure("\"positions\":\"plain\"", "\"has_head\":true", "'positions'");
}

TEST(Manifest, DescribesRotaryFrequencies) {
  std::string before = "\"positions\":\"plain\"";
  auto with = [&](const std::string &rope) {
    return before + ",\"rope\":{" + rope + "}";
  };
  Expected<Manifest> dynamic = Manifest::parse(
      changed(before, with("\"kind\":\"dynamic\",\"switch_length\":12,"
                           "\"width\":6,\"theta\":1e4,\"factor\":2.5")),
      "tiny");
  ASSERT_TRUE(dynamic) << dynamic.message();
  const Manifest::Rope &rope = *dynamic->model.rope;
  EXPECT_EQ(rope.kind, Manifest::Rope::Kind::Dynamic);
  EXPECT_EQ(rope.count(), 3);
  EXPECT_EQ(rope.switchLength, 12);
  EXPECT_EQ(rope.theta, 10000);
  EXPECT_EQ(rope.factor, 2.5);

  Expected<Manifest> longrope = Manifest::parse(
      changed(before, with("\"kind\":\"longrope\",\"switch_length\":8,"
                           "\"short\":[1,0.25],\"long\":[0.5,0.125]")),
      "tiny");
  ASSERT_TRUE(longrope) << longrope.message();
  EXPECT_EQ(longrope->model.rope->count(), 2);
  EXPECT_EQ(longrope->model.rope->longFrequencies,
            (std::vector<float>{0.5f, 0.125f}));

  auto expect = [&](const char *rope, const char *message) {
    expectFailure(before, with(rope), message);
  };
  expect("\"kind\":\"yarn\",\"switch_length\":8", "'yarn'");
  expect("\"kind\":\"dynamic\",\"switch_length\":12,\"width\":5,"
         "\"theta\":1e4,\"factor\":2",
         "even 'width'");
  expect("\"kind\":\"dynamic\",\"switch_length\":12,\"width\":6,"
         "\"theta\":-1,\"factor\":2",
         "above 0 for 'theta'");
  expect("\"kind\":\"dynamic\",\"switch_length\":0,\"width\":6,"
         "\"theta\":1e4,\"factor\":2",
         "'switch_length'");
  expect("\"kind\":\"longrope\",\"switch_length\":8,\"short\":[1,2],"
         "\"long\":[1]",
         "as many");
  expect("\"kind\":\"longrope\",\"switch_length\":8,\"short\":[\"1\"],"
         "\"long\":[1]",
         "finite numbers in 'short'");
  expect("\"kind\":\"longrope\",\"switch_length\":8,\"short\":[1],"
         "\"long\":[1],\"theta\":1",
         "unknown key 'theta'");
}

} // namespace
