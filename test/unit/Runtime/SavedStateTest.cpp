//===- SavedStateTest.cpp - A session's cache in a file -------------------===//
//
// A session that loads a saved cache must go on as the one that saved it. Files
// of other executables, and damaged ones, are refused, and leave the session
// empty.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Safetensors.h"
#include "lora-runtime/Session.h"

#include <algorithm>

using namespace lora_rt;

namespace {

const std::vector<int32_t> text = {3, 10, 0, 7, 7, 1, 9, 2, 5, 4, 6, 8, 3};

class SavedState : public testing::Test {
protected:
  std::unique_ptr<Session> session(const tiny::Model &model = {},
                                   int64_t context = 24,
                                   const std::string &name = "model") {
    std::string path = folder.path(name);
    tiny::write(path, "", "plain", "\"sse2\"", "", model);
    Expected<std::shared_ptr<Executable>> executable =
        Executable::open(path, {});
    EXPECT_TRUE(executable) << executable.message();
    return std::move(*Session::create(*executable, context));
  }

  static std::vector<float> last(Session &session) {
    Expected<std::span<const float>> row = session.last();
    EXPECT_TRUE(row) << row.message();
    return row ? std::vector<float>(row->begin(), row->end())
               : std::vector<float>();
  }

  /// Writes a saved state with one tensor replaced.
  void change(const std::string &from, const std::string &to,
              const std::string &tensor, const std::vector<int32_t> &values) {
    Expected<SafetensorsFile> file = SafetensorsFile::open(from);
    ASSERT_TRUE(file) << file.message();
    std::vector<TensorSpec> specs;
    for (const TensorView &view : file->tensors())
      specs.push_back({view.name, view.dtype,
                       view.name == tensor
                           ? std::vector<int64_t>{int64_t(values.size())}
                           : view.shape});
    Expected<SafetensorsWriter> writer =
        SafetensorsWriter::create(to, specs, file->metadata());
    ASSERT_TRUE(writer) << writer.message();
    for (const TensorView &view : file->tensors())
      ASSERT_FALSE(writer->write(view.name,
                                 view.name == tensor
                                     ? std::as_bytes(std::span(values))
                                     : view.bytes));
    ASSERT_FALSE(writer->commit());
  }

  TestFolder folder;
};

TEST_F(SavedState, GoesOnAsBefore) {
  std::string file = folder.path("state");
  std::unique_ptr<Session> a = session(), b = session();
  std::span<const int32_t> ids(text);
  ASSERT_FALSE(a->feed({ids.first(9)}));
  ASSERT_FALSE(a->save(file));
  // What was fed before is replaced.
  ASSERT_FALSE(b->feed({ids.subspan(2, 5)}));
  Error error = b->load(file);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(b->position(), 9);
  EXPECT_TRUE(std::ranges::equal(b->fed(), ids.first(9)));
  EXPECT_EQ(last(*b), last(*a));
  for (std::unique_ptr<Session> *s : {&a, &b})
    ASSERT_FALSE((*s)->feed({ids.subspan(9)}));
  EXPECT_EQ(last(*b), last(*a));
  ASSERT_FALSE(b->rewind(4));
  ASSERT_FALSE(a->rewind(4));
  EXPECT_EQ(last(*b), last(*a));
}

TEST_F(SavedState, KeepsFrequenciesThatDependOnCalls) {
  tiny::Model model;
  model.rope = "{\"kind\":\"dynamic\",\"switch_length\":5,\"width\":6,"
               "\"theta\":10000.0,\"factor\":3.0}";
  std::string file = folder.path("state");
  std::unique_ptr<Session> a = session(model), b = session(model);
  std::span<const int32_t> ids(text);
  ASSERT_FALSE(a->feed({ids.first(5)}));
  ASSERT_FALSE(a->feed({ids.subspan(5, 6)}));
  ASSERT_FALSE(a->save(file));
  ASSERT_FALSE(b->load(file));
  EXPECT_EQ(last(*b), last(*a));
  for (std::unique_ptr<Session> *s : {&a, &b}) {
    ASSERT_FALSE((*s)->rewind(7));
    ASSERT_FALSE((*s)->feed({ids.subspan(7)}));
  }
  EXPECT_EQ(last(*b), last(*a));
}

TEST_F(SavedState, RefusesWhatDoesNotFit) {
  std::string file = folder.path("state"), changed = folder.path("changed");
  std::unique_ptr<Session> s = session();
  EXPECT_NE(s->save(file).message().find("no token was fed"),
            std::string::npos);
  ASSERT_FALSE(s->feed({text}));
  ASSERT_FALSE(s->save(file));
  auto expectRefusal = [&](Session &session, const std::string &path,
                           const char *reason) {
    Error error = session.load(path);
    EXPECT_NE(error.message().find(reason), std::string::npos)
        << error.message();
    EXPECT_EQ(session.position(), 0);
  };
  expectRefusal(*session({}, 12), file, "do not fit the context of 12");
  tiny::Model other;
  other.head = "none";
  expectRefusal(*session(other, 24, "other"), file, "by another program");
  std::vector<int32_t> ids = text;
  ids[3] = 8;
  change(file, changed, "ids", ids);
  expectRefusal(*s, changed, "the tensor 'ids' is damaged");
  ids.pop_back();
  change(file, changed, "ids", ids);
  expectRefusal(*s, changed, "but expected");
  change(file, changed, "ids", {});
  expectRefusal(*s, changed, "expected");
  folder.write("changed", "x");
  expectRefusal(*s, changed, "changed");
  // A file of somebody else.
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(changed, {{"ids", DType::I32, {1}}});
  ASSERT_TRUE(writer);
  int32_t one = 1;
  ASSERT_FALSE(writer->write("ids", std::as_bytes(std::span(&one, 1))));
  ASSERT_FALSE(writer->commit());
  expectRefusal(*s, changed, "not a saved state");
}

} // namespace
