//===- ThreadsTest.cpp - The C interface from several threads -------------===//
//
// Sessions of one executable, sessions of executables that each thread opens
// itself, and one session that several threads use one after the other.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/lora_runtime.h"

#include <thread>

namespace {

/// Whether a new session computes the right logits of a text repeatedly. The
/// text is fed in two pieces and partly taken back.
bool computes(lora_module *module, const std::vector<int32_t> &ids) {
  lora_session *session = nullptr;
  if (lora_session_create(module, nullptr, &session, nullptr))
    return false;
  std::vector<float> expected = tiny::logits(ids), rows(expected.size());
  bool isRight = true;
  for (int round = 0; round < 20; ++round) {
    auto tail = size_t(tiny::vocabulary) * 2;
    isRight = isRight &&
              !lora_session_feed(session, ids.data(), ids.size(), rows.data(),
                                 nullptr) &&
              rows == expected &&
              !lora_session_rewind(session, int64_t(ids.size()) - 2, nullptr) &&
              !lora_session_feed(session, ids.data() + ids.size() - 2, 2,
                                 rows.data(), nullptr) &&
              std::equal(expected.end() - ptrdiff_t(tail), expected.end(),
                         rows.begin());
    lora_session_reset(session);
  }
  lora_session_destroy(session);
  return isRight;
}

std::vector<int32_t> text(int32_t thread) {
  std::vector<int32_t> ids = {3, 10, 0, 7};
  for (int32_t i = 0; i <= thread; ++i)
    ids.push_back((thread * 3 + i) % 11);
  return ids;
}

TEST(CApi, SessionsOfAModuleRunInThreads) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  lora_module *shared = nullptr;
  ASSERT_EQ(lora_module_open(path.c_str(), nullptr, &shared, nullptr), LORA_OK);
  bool isRight[6] = {};
  std::vector<std::thread> threads;
  for (int32_t i = 0; i < 6; ++i)
    threads.emplace_back([&, i] {
      lora_module *module = shared;
      if (i % 2 && lora_module_open(path.c_str(), nullptr, &module, nullptr))
        return;
      isRight[i] = computes(module, text(i));
      if (i % 2)
        lora_module_close(module);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (int i = 0; i < 6; ++i)
    EXPECT_TRUE(isRight[i]) << i;

  // One after the other.
  lora_session *session = nullptr;
  ASSERT_EQ(lora_session_create(shared, nullptr, &session, nullptr), LORA_OK);
  lora_module_close(shared);
  std::vector<int32_t> ids = text(5);
  std::vector<float> last(tiny::vocabulary), expected = tiny::logits(ids);
  for (int32_t id : ids)
    std::thread([&] {
      EXPECT_EQ(lora_session_feed(session, &id, 1, nullptr, nullptr), LORA_OK);
    }).join();
  EXPECT_EQ(lora_session_last(session, last.data(), nullptr), LORA_OK);
  EXPECT_TRUE(
      std::equal(last.begin(), last.end(), expected.end() - tiny::vocabulary));
  lora_session_destroy(session);
}

} // namespace
