//===- SessionTest.cpp - Loading, chunking, generating --------------------===//
//
// Executable and Session on the tiny executable: warnings at load, chunks of
// every length, memory, damaged files.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Session.h"
#include "TestFiles.h"
#include "TinyExecutable.h"
#include "session/CallPlan.h"

#include <algorithm>
#include <numeric>

using namespace lora_rt;

namespace {

/// Opens an executable and collects its warnings.
std::shared_ptr<Executable> open(const std::string &path,
                                 std::string &warnings) {
  ExecutableOptions options;
  options.threads = 2;
  options.verifyPack = true;
  options.warn = [&](const std::string &text) { warnings += text; };
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(path, options);
  EXPECT_TRUE(executable) << executable.message();
  return executable ? *executable : nullptr;
}

std::unique_ptr<Session> session(const std::string &path, int64_t context = 0) {
  std::string warnings;
  std::shared_ptr<Executable> executable = open(path, warnings);
  Expected<std::unique_ptr<Session>> result =
      Session::create(executable, context);
  EXPECT_TRUE(result) << result.message();
  return result ? std::move(*result) : nullptr;
}

const std::vector<int32_t> prompt = {3, 10, 0, 7, 7, 1, 9, 2, 5, 4, 6};

TEST(Chunks, CostLeast) {
  using Chunks = std::vector<int64_t>;
  ChunkPlanner planner({1, 16, 128});
  auto plan = [&](int64_t tokens) {
    std::span<const int64_t> chunks = planner.plan(tokens);
    return Chunks(chunks.begin(), chunks.end());
  };
  EXPECT_EQ(plan(0), Chunks());
  EXPECT_EQ(plan(1), Chunks({1}));
  EXPECT_EQ(plan(2), Chunks({16})); // Reading the weights twice costs more.
  EXPECT_EQ(plan(16), Chunks({16}));
  EXPECT_EQ(plan(17), Chunks({128})); // Matrix products skip the padding.
  EXPECT_EQ(plan(100), Chunks({128}));
  EXPECT_EQ(plan(129), Chunks({128, 1}));
  EXPECT_EQ(plan(140), Chunks({128, 16}));
  EXPECT_EQ(plan(1000), Chunks({128, 128, 128, 128, 128, 128, 128, 128}));
  for (int64_t tokens = 1; tokens < 600; ++tokens) {
    Chunks chunks = plan(tokens);
    int64_t sum = std::accumulate(chunks.begin(), chunks.end(), int64_t(0));
    EXPECT_GE(sum, tokens);
    // All chunks except the last one are full.
    EXPECT_LT(sum - chunks.back(), tokens);
    EXPECT_TRUE(std::is_sorted(chunks.rbegin(), chunks.rend()));
  }
  planner = ChunkPlanner({4});
  EXPECT_EQ(plan(9), Chunks({4, 4, 4}));
}

TEST(Session, ChunksAndPaddingChangeNothing) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  // 11 tokens are 4 + 4 + 4 with one of padding; 5 + 6 has padding in the
  // middle.
  for (size_t split : {size_t(11), size_t(5), size_t(1), size_t(4)}) {
    std::unique_ptr<Session> s = session(path, 13);
    std::vector<float> all;
    int64_t next = 0;
    Session::Rows collect = [&](const ResultSpan &rows) {
      EXPECT_EQ(rows.first, next);
      next += int64_t(rows.size());
      EXPECT_EQ(rows.width, size_t(tiny::vocabulary));
      for (size_t row = 0; row < rows.size(); ++row)
        all.insert(all.end(), rows[row].begin(), rows[row].end());
      return Error::success();
    };
    std::span<const int32_t> ids(prompt);
    ASSERT_FALSE(s->feed({ids.first(split)}, collect));
    if (split < ids.size())
      ASSERT_FALSE(s->feed({ids.subspan(split)}, collect));
    EXPECT_EQ(all, tiny::logits(prompt)) << split;
    Expected<std::span<const float>> last = s->last();
    ASSERT_TRUE(last);
    EXPECT_TRUE(
        std::equal(last->begin(), last->end(), all.end() - tiny::vocabulary));
  }
}

TEST(Session, GeneratesGreedily) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  std::unique_ptr<Session> s = session(path);
  EXPECT_EQ(s->context(), tiny::maxPositions);
  ASSERT_FALSE(s->feed({prompt}));
  std::vector<int32_t> generated;
  Error error = s->generate(5, [&](int32_t id) {
    generated.push_back(id);
    return true;
  });
  ASSERT_FALSE(error) << error.message();
  std::vector<int32_t> ids = prompt;
  for (int i = 0; i < 5; ++i) {
    std::vector<float> logits = tiny::logits(ids);
    auto begin = logits.end() - tiny::vocabulary;
    ids.push_back(int32_t(std::max_element(begin, logits.end()) - begin));
  }
  EXPECT_EQ(generated, std::vector<int32_t>(ids.end() - 5, ids.end()));
  EXPECT_EQ(s->position(), int64_t(prompt.size()) + 4);
  s->reset();
  ASSERT_FALSE(s->feed({prompt}));
  EXPECT_EQ(*s->greedy(), generated[0]);
}

TEST(Session, RefusesWhatDoesNotFit) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  std::unique_ptr<Session> s = session(path, 12);
  int32_t bad[] = {1, 11}, negative[] = {-1};
  EXPECT_NE(s->feed({bad}).message().find("id 11 is outside"),
            std::string::npos);
  EXPECT_TRUE(s->feed({negative}));
  EXPECT_TRUE(s->feed({}));
  EXPECT_FALSE(s->last());
  ASSERT_FALSE(s->feed({prompt}));
  EXPECT_NE(s->feed({prompt}).message().find("--context takes up to 32"),
            std::string::npos);
  EXPECT_TRUE(s->generate(3, [](int32_t) { return true; }));
  EXPECT_FALSE(s->generate(2, [](int32_t) { return true; }));
  std::string warnings;
  EXPECT_FALSE(Session::create(open(path, warnings), 33));
}

TEST(Session, MemoryIsKnownBeforeTheRun) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  MemoryReport report = session(path, 9)->memory();
  EXPECT_EQ(report.parameters, 11u * 6 * 4);
  EXPECT_EQ(report.states, 10u * 6 * 4); // One row is spare.
  EXPECT_EQ(report.regions, 4u * 16 * 4);
  EXPECT_EQ(report.repacked, 0u);
  EXPECT_GE(report.workspace, 128u);
}

TEST(Executable, RepacksWhatOneDNNWouldNotChoose) {
  TestFolder folder;
  std::string path = folder.path("model"), warnings;
  // A layout that no CPU kernel prefers for weights with n = 11.
  tiny::write(path, "", "BA4b8a8b2a");
  std::shared_ptr<Executable> executable = open(path, warnings);
  EXPECT_NE(warnings.find("repacked"), std::string::npos) << warnings;
  Expected<std::unique_ptr<Session>> s = Session::create(executable, 0);
  ASSERT_TRUE(s) << s.message();
  EXPECT_GT((*s)->memory().repacked, 0u);
  std::vector<float> all;
  ASSERT_FALSE((*s)->feed({prompt}, [&](const ResultSpan &rows) {
    all.insert(all.end(), rows.values.begin(), rows.values.end());
    return Error::success();
  }));
  EXPECT_EQ(all, tiny::logits(prompt));

  // Weights in the preferred layout are not repacked.
  std::string preferred =
      *packedTag(1, 11, 6, DType::F32, DType::F32, DType::F32);
  warnings.clear();
  tiny::write(path, "", preferred);
  executable = open(path, warnings);
  EXPECT_EQ(warnings, "");
}

TEST(Executable, MissingCpuFeaturesComeFirst) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain", "\"sse2\",\"avx9000\"");
  Expected<std::shared_ptr<Executable>> executable = Executable::open(path, {});
  EXPECT_FALSE(executable);
  EXPECT_NE(executable.message().find("does not have: avx9000"),
            std::string::npos)
      << executable.message();
}

TEST(Executable, DamagedPackIsFoundWhenVerified) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  std::string bytes = *readTextFile(path);
  Expected<Payload> payload = Payload::open(path);
  ASSERT_TRUE(payload);
  bytes[payload->find(packPart)->offset + 100] ^= 1;
  folder.write("model", bytes);
  EXPECT_TRUE(Executable::open(path, {}));
  ExecutableOptions verify;
  verify.verifyPack = true;
  EXPECT_NE(Executable::open(path, verify).message().find("'embed' is damaged"),
            std::string::npos);
}

} // namespace
