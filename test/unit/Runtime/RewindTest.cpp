//===- RewindTest.cpp - Taking tokens back --------------------------------===//
//
// A session that was rewound must compute the same as a new session that was
// fed only the remaining tokens. The calls are the same, except that the last
// one may be shorter.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Session.h"

#include <algorithm>

using namespace lora_rt;

namespace {

const std::vector<int32_t> text = {3, 10, 0, 7, 7, 1, 9, 2, 5, 4, 6, 8, 3};
const std::vector<int32_t> other = {5, 1, 8};

class Rewind : public testing::Test {
protected:
  void write(const tiny::Model &model) {
    path = folder.path("model");
    tiny::write(path, "", "plain", "\"sse2\"", "", model);
  }

  std::unique_ptr<Session> session() const {
    Expected<std::shared_ptr<Executable>> executable =
        Executable::open(path, {});
    EXPECT_TRUE(executable) << executable.message();
    return std::move(*Session::create(*executable, 24));
  }

  /// Feeds tokens in calls of these lengths, up to `count` tokens.
  static void feed(Session &session, const std::vector<size_t> &calls,
                   size_t count) {
    std::span<const int32_t> rest = std::span(text).first(count);
    for (size_t length : calls) {
      std::span<const int32_t> call = rest.first(std::min(length, rest.size()));
      rest = rest.subspan(call.size());
      if (!call.empty())
        ASSERT_FALSE(session.feed({call}));
    }
  }

  static std::vector<float> logits(Session &session,
                                   const std::vector<int32_t> &ids) {
    std::vector<float> all;
    Error error = session.feed({ids}, [&](const ResultSpan &rows) {
      all.insert(all.end(), rows.values.begin(), rows.values.end());
      return Error::success();
    });
    EXPECT_FALSE(error) << error.message();
    return all;
  }

  static std::vector<float> last(Session &session) {
    Expected<std::span<const float>> row = session.last();
    EXPECT_TRUE(row) << row.message();
    return row ? std::vector<float>(row->begin(), row->end())
               : std::vector<float>();
  }

  /// Rewinds to every length after calls of these lengths.
  void expectEqualToNew(const std::vector<size_t> &calls) {
    for (size_t kept = 0; kept <= text.size(); ++kept) {
      SCOPED_TRACE(std::to_string(kept) + " of calls from " +
                   std::to_string(calls[0]));
      std::unique_ptr<Session> rewound = session(), fresh = session();
      feed(*rewound, calls, text.size());
      Error error = rewound->rewind(int64_t(kept));
      ASSERT_FALSE(error) << error.message();
      feed(*fresh, calls, kept);
      EXPECT_EQ(rewound->position(), int64_t(kept));
      // With and without a query about the token that is now the last one.
      if (kept % 2) {
        EXPECT_EQ(last(*rewound), last(*fresh));
      }
      EXPECT_EQ(logits(*rewound, other), logits(*fresh, other));
      // Rewinds once more, to before the first rewind.
      if (kept > 2) {
        ASSERT_FALSE(rewound->rewind(int64_t(kept) - 2));
        std::unique_ptr<Session> again = session();
        feed(*again, calls, kept - 2);
        EXPECT_EQ(logits(*rewound, other), logits(*again, other));
      }
    }
  }

  TestFolder folder;
  std::string path;
};

const std::vector<std::vector<size_t>> allCalls = {
    {13}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 1, 1, 5, 1, 2}, {9, 4}};

TEST_F(Rewind, ComputesWhatANewSessionDoes) {
  write({});
  for (const std::vector<size_t> &calls : allCalls)
    expectEqualToNew(calls);
  // Compares with the definition as well.
  std::unique_ptr<Session> s = session();
  feed(*s, {13}, text.size());
  ASSERT_FALSE(s->rewind(6));
  std::vector<int32_t> ids(text.begin(), text.begin() + 6);
  ids.insert(ids.end(), other.begin(), other.end());
  std::vector<float> expected = tiny::logits(ids);
  expected.erase(expected.begin(), expected.begin() + 6 * tiny::vocabulary);
  EXPECT_EQ(logits(*s, other), expected);
}

TEST_F(Rewind, RestoresDynamicFrequencies) {
  tiny::Model model;
  model.rope = "{\"kind\":\"dynamic\",\"switch_length\":5,\"width\":6,"
               "\"theta\":10000.0,\"factor\":2.5}";
  write(model);
  for (const std::vector<size_t> &calls : allCalls)
    expectEqualToNew(calls);
}

tiny::Model longRope() {
  tiny::Model model;
  model.rope = "{\"kind\":\"longrope\",\"switch_length\":5,"
               "\"short\":[1.0,2.0,3.0],\"long\":[20.0,40.0,80.0]}";
  return model;
}

TEST_F(Rewind, RestoresShortFrequencies) {
  write(longRope());
  for (const std::vector<size_t> &calls : allCalls)
    expectEqualToNew(calls);
}

/// Phi-3 recomputes its cache when generation passes the switch length.
TEST_F(Rewind, GoesBackBeforeTheSwitchOfPhi3) {
  tiny::Model model = longRope();
  model.family = "phi3";
  write(model);
  auto generate = [](Session &session) {
    std::vector<int32_t> ids;
    Error error = session.generate(6, [&](int32_t id) {
      ids.push_back(id);
      return true;
    });
    EXPECT_FALSE(error) << error.message();
    return ids;
  };
  std::unique_ptr<Session> rewound = session();
  feed(*rewound, {3}, 3);
  generate(*rewound);
  ASSERT_EQ(rewound->position(), 8);
  ASSERT_FALSE(rewound->rewind(3));
  std::unique_ptr<Session> fresh = session();
  feed(*fresh, {3}, 3);
  EXPECT_EQ(last(*rewound), last(*fresh));
  EXPECT_EQ(generate(*rewound), generate(*fresh));
  EXPECT_EQ(last(*rewound), last(*fresh));
}

TEST_F(Rewind, RefusesWhatWasNotFed) {
  write({});
  std::unique_ptr<Session> s = session();
  EXPECT_FALSE(s->rewind(0));
  feed(*s, {4}, 4);
  EXPECT_EQ(s->rewind(5).message(),
            "cannot go back to 5 tokens: the session was fed 4");
  EXPECT_TRUE(s->rewind(-1));
  EXPECT_FALSE(s->rewind(4));
  EXPECT_EQ(s->position(), 4);
  ASSERT_FALSE(s->rewind(0));
  EXPECT_EQ(s->last().message(), "no token was fed yet");
}

} // namespace
