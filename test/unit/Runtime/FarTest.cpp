//===- FarTest.cpp - Transfers between host and engine --------------------===//
//
// Runs sessions on an engine whose memory the host cannot access. The other
// tests of sessions also run on it; these tests count the bytes that are
// transferred.
//
//===----------------------------------------------------------------------===//

#include "FarBackend.h"
#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Session.h"

#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <new>

using namespace lora_rt;

static lora_far_traffic *traffic = nullptr;
/// The number of allocations, without those of oneDNN's primitives.
static std::atomic<uint64_t> numAllocations = 0;

void *operator new(size_t bytes) {
  if (!traffic || !traffic->executing)
    ++numAllocations;
  void *result = std::malloc(bytes ? bytes : 1);
  if (!result)
    std::abort();
  return result;
}
void operator delete(void *address) noexcept { std::free(address); }
void operator delete(void *address, size_t) noexcept { std::free(address); }

namespace {

constexpr uint64_t hiddenBytes = tiny::width * 4,
                   logitsBytes = tiny::vocabulary * 4;

class FarEngine : public testing::Test {
protected:
  std::unique_ptr<Session> session(const tiny::Model &model = {}) {
    std::string path = folder.path("model");
    tiny::write(path, "", "plain", "\"sse2\"", "", model);
    Expected<std::shared_ptr<Executable>> executable =
        Executable::open(path, {});
    EXPECT_TRUE(executable) << executable.message();
    void *library = dlopen(LORA_FAR_BACKEND, RTLD_NOW | RTLD_NOLOAD);
    EXPECT_TRUE(library);
    if (!executable || !library)
      return nullptr;
    auto query = reinterpret_cast<lora_far_traffic_fn>(
        dlsym(library, LORA_FAR_TRAFFIC_SYMBOL));
    traffic = query();
    return std::move(*Session::create(*executable, 0));
  }

  /// The transfers since the last call.
  lora_far_traffic travelled() { return std::exchange(*traffic, {}); }

  TestFolder folder;
};

const std::vector<int32_t> prompt = {3, 10, 0, 7, 7, 1, 9};

/// Reads all results, so that invalid memory would be detected.
double sumOf(std::span<const float> values) {
  double sum = 0;
  for (float value : values)
    sum += value;
  return sum;
}

TEST_F(FarEngine, AddressesAreNoneOfTheHosts) {
  std::unique_ptr<Session> s = session();
  ASSERT_TRUE(s);
  Expected<EngineMemory> memory = s->instance().allocate(64);
  ASSERT_TRUE(memory);
  auto *address = static_cast<volatile char *>(memory->address());
  EXPECT_DEATH((void)*address, "");
}

TEST_F(FarEngine, ATokenSendsItselfAndGetsItsLogits) {
  std::unique_ptr<Session> s = session();
  ASSERT_TRUE(s);
  auto step = [&] {
    Expected<int32_t> next = s->greedy();
    ASSERT_TRUE(next) << next.message();
    ASSERT_FALSE(s->feed({std::span(&*next, 1), {}}));
  };
  ASSERT_FALSE(s->feed({prompt}));
  for (int i = 0; i < 3; ++i)
    step();
  travelled();
  uint64_t before = numAllocations;
  for (int i = 0; i < 7; ++i)
    step();
  EXPECT_EQ(numAllocations - before, 0u);
  lora_far_traffic t = travelled();
  // The id, and its position, keys and cache row.
  EXPECT_EQ(t.written, 7u * 128);
  EXPECT_EQ(t.writes, 7u);
  EXPECT_EQ(t.mapped, 7 * logitsBytes);
  EXPECT_EQ(t.maps, 7u);
  EXPECT_EQ(t.unmaps, 7u);
  EXPECT_EQ(t.read, 0u);
  EXPECT_EQ(t.copied, 0u);
  EXPECT_EQ(t.allocations, 0u);
}

TEST_F(FarEngine, OnlyTheRowsThatAreAskedForTravel) {
  std::unique_ptr<Session> s = session();
  ASSERT_TRUE(s);
  travelled();
  ASSERT_FALSE(s->feed({prompt}));
  EXPECT_EQ(travelled().mapped, 0u);
  // The last of the three tokens of the second chunk.
  EXPECT_NE(sumOf(*s->last()), 0);
  lora_far_traffic t = travelled();
  EXPECT_EQ(t.mapped, logitsBytes);
  // Its address is not aligned as the engine requires.
  EXPECT_EQ(t.copied, hiddenBytes);
  EXPECT_EQ(t.written + t.read, 0u);

  std::vector<float> all = tiny::logits(prompt);
  for (int64_t asked : {int64_t(0), int64_t(2), int64_t(5), Session::all}) {
    s->reset();
    travelled();
    auto count = size_t(std::min<int64_t>(asked, int64_t(prompt.size())));
    std::vector<float> rows;
    int64_t next = int64_t(prompt.size() - count);
    Error error = s->feed(
        {prompt},
        [&](const ResultSpan &part) {
          EXPECT_EQ(part.first, next);
          next += int64_t(part.size());
          for (size_t i = 0; i < part.size(); ++i)
            rows.insert(rows.end(), part[i].begin(), part[i].end());
          return Error::success();
        },
        Session::Output::Logits, asked);
    ASSERT_FALSE(error) << error.message();
    EXPECT_EQ(rows, std::vector<float>(all.end() - ptrdiff_t(rows.size()),
                                       all.end()));
    EXPECT_EQ(rows.size(), count * tiny::vocabulary);
    EXPECT_EQ(travelled().mapped, count * logitsBytes) << asked;
  }
}

TEST_F(FarEngine, ClassifyingRowsGetsOneRowOfLabelsForEach) {
  tiny::Model model;
  model.isEncoder = true;
  model.head = "sequence_classification";
  std::unique_ptr<Session> s = session(model);
  ASSERT_TRUE(s);
  std::vector<std::vector<int32_t>> ids;
  std::vector<TokenRow> batch;
  // More rows than one call of the head accepts; all rows are packed.
  for (int32_t row = 0; row < 11; ++row)
    ids.push_back(std::vector<int32_t>(size_t(row) % 5 + 1, row));
  for (const std::vector<int32_t> &row : ids)
    batch.push_back({row});
  travelled();
  size_t next = 0;
  Error error = s->run(batch, [&](size_t row, const ResultSpan &part) {
    EXPECT_EQ(row, next++);
    std::vector<int32_t> zeros(ids[row].size()), positions(ids[row].size());
    for (size_t i = 0; i < positions.size(); ++i)
      positions[i] = int32_t(i);
    std::vector<float> expected =
        tiny::products(tiny::encoded(ids[row], zeros, positions), tiny::labels);
    expected.resize(tiny::labels);
    EXPECT_EQ(std::vector<float>(part.values.begin(), part.values.end()),
              expected);
    return Error::success();
  });
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(next, batch.size());
  lora_far_traffic t = travelled();
  EXPECT_EQ(t.mapped, 11u * tiny::labels * 4);
  EXPECT_EQ(t.copied, 11 * hiddenBytes);
  EXPECT_EQ(t.read, 0u);
}

TEST_F(FarEngine, AFailureLeavesTheSessionAsItWas) {
  for (const char *rope :
       {"",
        "{\"kind\":\"longrope\",\"switch_length\":5,"
        "\"short\":[1.0,2.0,3.0],\"long\":[20.0,40.0,80.0]}",
        "{\"kind\":\"dynamic\",\"switch_length\":5,\"width\":6,"
        "\"theta\":10000.0,\"factor\":2.5}"}) {
    SCOPED_TRACE(rope);
    tiny::Model model;
    model.rope = rope;
    std::unique_ptr<Session> s = session(model), fresh = session(model);
    ASSERT_TRUE(s && fresh);
    std::span<const int32_t> first = std::span(prompt).first(3);
    for (Session *one : {s.get(), fresh.get()})
      ASSERT_FALSE(one->feed({first}));
    // It fails in the second chunk, after the frequencies have changed.
    int calls = 0;
    Error error = s->feed({prompt}, [&](const ResultSpan &part) {
      return part.first < 8 ? Error::success()
                            : makeError(ErrorCode::System, "full ", ++calls);
    });
    EXPECT_EQ(error.message(), "full 1");
    EXPECT_EQ(s->position(), 3);
    auto values = [](Session &session) {
      Expected<std::span<const float>> last = session.last();
      EXPECT_TRUE(last) << last.message();
      return std::vector<float>(last->begin(), last->end());
    };
    EXPECT_EQ(values(*s), values(*fresh));
    for (Session *one : {s.get(), fresh.get()})
      ASSERT_FALSE(one->feed({prompt}));
    EXPECT_EQ(values(*s), values(*fresh));
    ASSERT_FALSE(s->rewind(2));
    ASSERT_FALSE(fresh->rewind(2));
    EXPECT_EQ(values(*s), values(*fresh));
  }
}

TEST_F(FarEngine, TakingATokenBackComputesNothingInTheLastCall) {
  std::unique_ptr<Session> s = session();
  ASSERT_TRUE(s);
  // Chunks of 4 and 3.
  ASSERT_FALSE(s->feed({prompt}));
  std::vector<float> all = tiny::logits(prompt);
  for (int64_t kept : {6, 5, 4}) {
    ASSERT_FALSE(s->rewind(kept));
    travelled();
    Expected<std::span<const float>> last = s->last();
    ASSERT_TRUE(last) << last.message();
    auto expected = std::span(all).subspan(size_t(kept - 1) * tiny::vocabulary,
                                           tiny::vocabulary);
    EXPECT_TRUE(std::equal(last->begin(), last->end(), expected.begin()));
    // The token of an earlier chunk must be sent again.
    EXPECT_EQ(travelled().writes, kept == 4 ? 1u : 0u) << kept;
  }
}

} // namespace
