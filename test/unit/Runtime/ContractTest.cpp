//===- ContractTest.cpp - A manifest that its code was not made for -------===//
//
// Each value on which code relies is part of the contract: a file whose
// manifest was changed must be refused.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Executable.h"

using namespace lora_rt;

namespace {

tiny::Model withRope() {
  tiny::Model model;
  model.rope = "{\"kind\":\"longrope\",\"switch_length\":8,\"short\":[1,2,3],"
               "\"long\":[4,5,6]}";
  return model;
}

const std::string good =
    tiny::manifest("plain", {0, 264, "0"}, "\"sse2\"", withRope());

lora_rt_contract contractOf(const std::string &text) {
  Expected<Manifest> manifest = Manifest::parse(text, "tiny");
  EXPECT_TRUE(manifest) << manifest.message() << "\n" << text;
  return manifest ? manifest->contract() : lora_rt_contract{};
}

/// The message about a manifest in which `from` is replaced, while the code was
/// made for the original one.
std::string changed(const std::string &from, const std::string &to) {
  std::string text = good;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos)
    text.replace(at, from.size(), to);
  Expected<Manifest> manifest = Manifest::parse(text, "tiny");
  EXPECT_TRUE(manifest) << manifest.message();
  return manifest ? checkContract(*manifest, contractOf(good), "tiny").message()
                  : "";
}

/// One value of each kind on which code may rely.
TEST(Contract, CoversEveryValue) {
  struct Change {
    const char *member, *from, *to;
  };
  const Change changes[] = {
      {"target", "\"cpu\",\"cpu\":\"any\"", "\"gpu\",\"cpu\":\"any\""},
      {"target", "\"cpu\":\"any\"", "\"cpu\":\"all\""},
      {"target", "[\"sse2\"]", "[]"},
      {"target", "[\"sse2\"]", "[\"sse\",\"2\"]"},
      {"model", "\"vocab_size\":11", "\"vocab_size\":12"},
      {"model", "\"hidden_size\":6", "\"hidden_size\":7"},
      {"model", "\"max_positions\":32", "\"max_positions\":33"},
      {"model", "\"dtype\":\"f32\",\"eos", "\"dtype\":\"bf16\",\"eos"},
      {"model", "\"eos_token_ids\":[2,7]", "\"eos_token_ids\":[7,2]"},
      {"model", "language_model", "token_classification"},
      {"model", "\"outputs\":11", "\"outputs\":10"},
      {"model", "\"long\":[4,5,6]", "\"long\":[4,5,6],\"restarts_cache\":true"},
      {"model", "\"token_types\":0", "\"token_types\":1"},
      {"model", "\"pad_token_id\":-1", "\"pad_token_id\":0"},
      {"model", "\"switch_length\":8", "\"switch_length\":9"},
      {"model", "\"short\":[1,2,3]", "\"short\":[1,2,3.5]"},
      {"model", "\"long\":[4,5,6]", "\"long\":[4,5,-6]"},
      {"params", "\"name\":\"embed\"", "\"name\":\"embeds\""},
      {"params", "\"shape\":[11,6]", "\"shape\":[6,11]"},
      {"params", "\"shape\":[11,6]", "\"shape\":[66]"},
      {"states", "\"shape\":[-1,6]", "\"shape\":[-1,12]"},
      {"states", "\"cache\",\"dtype\":\"f32\"", "\"cache\",\"dtype\":\"f64\""},
      {"trainables", "\"shape\":[2,6]", "\"shape\":[3,6]"},
      {"trainables", "\"offset\":0}]", "\"offset\":16}]"},
      {"slots", "{\"param\":0},{\"state\":0}", "{\"state\":0},{\"param\":0}"},
      {"slots", "\"theta\"", "\"moment1\""},
      {"slots", "\"gradient\":0", "\"trainable\":0"},
      {"slots", "{\"gradient\":0}", "{\"gradient\":0},{\"gradient\":0}"},
      {"primitives", "\"rows\":11", "\"rows\":12"},
      {"primitives", "\"count\":1", "\"count\":3"},
      {"primitives", "\"m\":1,\"n\":11", "\"m\":2,\"n\":11"},
      {"primitives", "\"transpose_b\":true", "\"transpose_b\":false"},
      {"primitives", "\"k\":6", "\"k\":6,\"token_rows\":true"},
      {"entries", "\"frame_bytes\":48", "\"frame_bytes\":40"},
      {"entries", "\"tokens\":1,", "\"tokens\":2,"},
      {"entries", "\"name\":\"rotary.t1\"", "\"name\":\"rotary.t2\""},
      {"entries", "\"function\":\"logits\"", "\"function\":\"hidden_states\""},
      {"entries", "\"shape\":[1,6]", "\"shape\":[6,1]"},
      {"entries", "\"ids\",\"dtype\":\"i32\"", "\"ids\",\"dtype\":\"f32\""},
  };
  for (const Change &change : changes) {
    std::string message = changed(change.from, change.to);
    EXPECT_TRUE(message.starts_with("tiny: '" + std::string(change.member) +
                                    "' in its manifest is not what its code "
                                    "was made for"))
        << change.to << ": " << message;
    EXPECT_NE(message.find("compile the model again"), std::string::npos);
  }
}

TEST(Contract, LeavesOutWhatChangesWithTheWeights) {
  EXPECT_EQ(changed("\"xxh3\":\"0\"", "\"xxh3\":\"1\""), "");
  // The contract does not depend on how the text is written.
  EXPECT_EQ(changed("\"rows\":11,\"width\":6", "\"width\":6,\"rows\":11"), "");
  EXPECT_EQ(changed("\"format\":3,", "  \"format\": 3,\n"), "");
}

TEST(Contract, IsComparedWhenAFileIsOpened) {
  TestFolder folder;
  std::string path = folder.path("model"), other = folder.path("other");
  tiny::write(path, "", "plain");
  EXPECT_TRUE(Executable::open(path, {}));
  Expected<Payload> payload = Payload::open(path);
  ASSERT_TRUE(payload) << payload.message();
  Expected<PayloadWriter> writer = PayloadWriter::createLike(other, *payload);
  ASSERT_TRUE(writer) << writer.message();
  for (const Payload::Part &part : payload->parts()) {
    std::string text(
        reinterpret_cast<const char *>(payload->bytes(part).data()),
        part.bytes);
    if (part.name == manifestPart)
      text.replace(text.find("\"frame_bytes\":48"), 16, "\"frame_bytes\":16");
    EXPECT_FALSE(writer->addPart(part.name, text));
  }
  EXPECT_FALSE(writer->commit());
  EXPECT_NE(Executable::open(other, {}).message().find(
                "other: 'entries' in its manifest is not what its code "
                "was made for"),
            std::string::npos)
      << Executable::open(other, {}).message();
}

} // namespace
