//===- CompiledFileTest.cpp - C interface, lora-run, compiled files -------===//
//
// Runs compiled files of the tiny executable by the C interface, by lora-run
// and as programs, and compares output, files and exit codes.
//
//===----------------------------------------------------------------------===//

#include "CApiTest.h"
#include "Shell.h"
#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Program.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace lora_rt;

namespace {

const std::vector<int32_t> prompt = {3, 10, 0, 7, 7};

/// The greedy tokens that continue `ids`.
std::vector<int32_t> continued(std::vector<int32_t> ids, size_t count) {
  size_t given = ids.size();
  while (ids.size() < given + count) {
    std::vector<float> logits = tiny::logits(ids);
    auto begin = logits.end() - tiny::vocabulary;
    ids.push_back(int32_t(std::max_element(begin, logits.end()) - begin));
  }
  return {ids.begin() + ptrdiff_t(given), ids.end()};
}

/// Three greedy tokens after the prompt, as they are printed.
std::string expectedLine() {
  std::string line;
  for (int32_t id : continued(prompt, 3))
    line += (line.empty() ? "" : ",") + std::to_string(id);
  return line + "\n";
}

TEST(CApi, WorksFromC) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  std::vector<float> expected = tiny::logits(prompt);
  EXPECT_EQ(run_c_api_test(path.c_str(), expected.data(), prompt.size()), 0);
  tiny::Model encoder;
  encoder.isEncoder = true;
  encoder.head = "token_classification";
  tiny::write(path, "", "plain", "\"sse2\"", "", encoder);
  expected = tiny::products(tiny::encoded({3, 10}, {1, 0}, {0, 1}), 5);
  std::vector<float> second = tiny::products(
      tiny::encoded({7, 9, 4}, {0, 1, 1}, {0, 1, 2}), tiny::labels);
  expected.resize(3 * size_t(tiny::labels));
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(run_c_encoder_test(path.c_str(), expected.data()), 0);
}

TEST(CApi, HandsTokensOutAndTakesThemBack) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  std::vector<int32_t> expected = continued(prompt, 5);
  EXPECT_EQ(run_c_generate_test(path.c_str(), expected.data()), 0);
}

TEST(CApi, OpensMemoryAndDescriptors) {
  TestFolder folder;
  std::vector<float> expected = tiny::logits({3, 10});
  // A program that contains a model, and a model alone.
  for (const char *stub : {LORA_STUB, ""}) {
    std::string path = folder.path("model");
    tiny::write(path, stub, "plain");
    EXPECT_EQ(run_c_open_test(path.c_str(), expected.data()), 0) << stub;
  }
}

TEST(CApi, ReadsStructuresOfOtherVersions) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, "", "plain");
  EXPECT_EQ(run_c_options_test(path.c_str()), 0);
}

TEST(CompiledFile, RunsByItselfAndByLoraRun) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, LORA_STUB, "plain");
  std::string environment =
      std::string("LORA_RUNTIME_LIBRARY_PATH=") + LORA_LIBRARIES + " ";
  std::string arguments = " --ids 3,10,0,7,7 --generate 3 2>/dev/null";
  for (const std::string &program : {path, LORA_RUN + (" " + path)}) {
    Outcome outcome = shell(environment + program + arguments);
    EXPECT_EQ(outcome.status, 0) << program;
    EXPECT_EQ(outcome.output, expectedLine());
  }
  // --ids takes one text; what follows it is another argument.
  EXPECT_EQ(shell(environment + LORA_RUN + " --ids 3,10,0,7,7 " + path +
                  " --generate 3 2>/dev/null")
                .output,
            expectedLine());
  std::string out = folder.path("out.safetensors");
  EXPECT_EQ(
      shell(environment + path + " -q --ids 3,10,0,7,7 --logits " + out).status,
      0);
  Expected<SafetensorsFile> file = SafetensorsFile::open(out);
  ASSERT_TRUE(file) << file.message();
  const TensorView *logits = file->find("logits");
  ASSERT_NE(logits, nullptr);
  EXPECT_EQ(logits->shape, (std::vector<int64_t>{1, 5, 11}));
  std::vector<float> expected = tiny::logits(prompt);
  EXPECT_EQ(
      std::memcmp(logits->bytes.data(), expected.data(), logits->bytes.size()),
      0);
  std::string compare =
      environment + path + " -q --compare " + out + ":logits ";
  EXPECT_EQ(shell(compare + "--ids 3,10,0,7,7 --tolerance 0").status, 0);
  EXPECT_EQ(shell(compare + "--ids 3,10,0,7,6 --tolerance 0 2>&1").status, 1);
}

/// A compiled file with its arguments and its output.
class Program {
public:
  explicit Program(const tiny::Model &model = {}) {
    path = folder.path("model");
    tiny::write(path, LORA_STUB, "plain", "\"sse2\"", "", model);
  }

  Outcome run(const std::string &arguments) const {
    return shell(std::string("LORA_RUNTIME_LIBRARY_PATH=") + LORA_LIBRARIES +
                 " " + path + " " + arguments + " 2>&1");
  }

  std::string out() const { return folder.path("out.safetensors"); }

  void expectTensor(const std::string &name, const std::vector<int64_t> &shape,
                    const std::vector<float> &expected) const {
    Expected<SafetensorsFile> file = SafetensorsFile::open(out());
    ASSERT_TRUE(file) << file.message();
    const TensorView *tensor = file->find(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->shape, shape);
    std::vector<float> actual(tensor->bytes.size() / sizeof(float));
    std::memcpy(actual.data(), tensor->bytes.data(), tensor->bytes.size());
    EXPECT_EQ(actual, expected);
  }

  void expectFailure(const std::string &arguments,
                     const std::string &message) const {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_NE(outcome.output.find(message), std::string::npos)
        << arguments << ": " << outcome.output;
  }

private:
  TestFolder folder;
  std::string path;
};

TEST(CompiledFile, RunsABatchOfTexts) {
  Program program;
  // Shorter rows are filled up with zeros.
  std::vector<float> expected = tiny::logits({3, 10});
  expected.resize(5 * tiny::vocabulary);
  std::vector<float> second = tiny::logits(prompt);
  expected.insert(expected.end(), second.begin(), second.end());
  Outcome outcome = program.run("-q --ids 3,10 --ids 3,10,0,7,7 --generate 3 "
                                "--logits " +
                                program.out());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output.substr(outcome.output.find('\n') + 1),
            expectedLine());
  EXPECT_EQ(program.run("-q --ids 3,10 --generate 3").output,
            outcome.output.substr(0, outcome.output.find('\n') + 1));
  program.expectTensor("logits", {2, 5, 11}, expected);
  std::string compare = "-q --tolerance 0 --compare " + program.out() +
                        ":logits --ids 3,10,0,7,7";
  EXPECT_EQ(program.run(compare + " --ids 3,10").status, 1);
  program.expectFailure(compare, "but the result is F32 [1, 5, 11]");
  EXPECT_EQ(program
                .run("-q --tolerance 0 --compare " + program.out() +
                     ":logits --ids 3,10 --ids 3,10,0,7,7")
                .status,
            0);
  program.expectFailure("--ids 3 --ids 3,11 --generate 1",
                        "row 2 of 2: token id 11 is outside the vocabulary");
  program.expectFailure("--ids 3 --ids 3,x --generate 1", "but got '3,x'");
  program.expectFailure("--ids 3 --token-types 0 --generate 1",
                        "the model (tiny) has no token types");
  // Both rows count.
  outcome = program.run("-q --ids 3,10 --ids 3,10,0,7,7 --generate 3 --time");
  EXPECT_NE(outcome.output.find("prefill  7 tokens"), std::string::npos)
      << outcome.output;
  EXPECT_NE(outcome.output.find("decode   4 tokens"), std::string::npos);
}

TEST(CompiledFile, RunsAnEncoder) {
  tiny::Model model;
  model.isEncoder = true;
  model.head = "sequence_classification";
  Program program(model);
  std::vector<float> first = tiny::encoded({3, 10}, {0, 1}, {0, 1}),
                     second = tiny::encoded({7, 9, 4}, {1, 0, 0}, {0, 1, 2});
  std::vector<float> hidden = first;
  hidden.resize(3 * tiny::width);
  hidden.insert(hidden.end(), second.begin(), second.end());
  std::string batch = "-q --ids 3,10 --token-types 0,1 --ids 7,9,4 "
                      "--token-types 1,0,0 ";
  Outcome outcome = program.run(batch + "--hidden " + program.out());
  EXPECT_EQ(outcome.output, "");
  program.expectTensor("last_hidden_state", {2, 3, 6}, hidden);
  first.resize(tiny::width);
  first.insert(first.end(), second.begin(), second.begin() + tiny::width);
  EXPECT_EQ(program.run(batch + "--logits " + program.out()).status, 0);
  program.expectTensor("logits", {2, 5}, tiny::products(first, tiny::labels));
  EXPECT_EQ(
      program
          .run(batch + "--tolerance 0 --compare " + program.out() + ":logits")
          .status,
      0);
  // The token types matter.
  EXPECT_EQ(program
                .run("-q --ids 3,10 --ids 7,9,4 --tolerance 0 --compare " +
                     program.out() + ":logits")
                .status,
            1);
  program.expectFailure("--ids 3,10 --generate 4",
                        "--generate: the model (tiny, bidirectional attention, head: "
                        "sequence_classification) is no causal language model");
  program.expectFailure("--ids 1,2,3,4,5,6,7,8,9 --logits " + program.out(),
                        "lora-compile --tokens");
  program.expectFailure("--ids 3,10 --ids 4 --token-types 0,1 --logits x",
                        "--token-types is given 1 times, but --ids 2 times");
  program.expectFailure("--ids 3,10 --ids 4 --token-types 0,1 --token-types "
                        "0,1 --logits x",
                        "row 2 of 2: expected a token type for each of the 1");
  program.expectFailure("--ids 3 --token-types 2 --logits x",
                        "token type 2 is not one that the model has (0 to 1)");
  program.expectFailure("--ids 3 --logits x --context 4", "and no cache");
  std::string info = program.run("--info").output;
  EXPECT_NE(info.find("attention  bidirectional, 2 token types"),
            std::string::npos)
      << info;
  EXPECT_NE(info.find("head       sequence classification, 5 outputs"),
            std::string::npos)
      << info;
  // There is only one phase.
  std::string times =
      program.run(batch + "--hidden " + program.out() + " --time").output;
  EXPECT_NE(times.find("prefill  5 tokens"), std::string::npos) << times;
  EXPECT_EQ(times.find("decode"), std::string::npos) << times;
}

TEST(CompiledFile, ErrorsGoToStandardError) {
  TestFolder folder;
  std::string path = folder.path("model");
  tiny::write(path, LORA_STUB, "plain");
  std::string call = std::string("LORA_RUNTIME_LIBRARY_PATH=") +
                     LORA_LIBRARIES + " " + path + " ";
  for (const char *arguments :
       {"--ids 99 --generate 1", "--ids 1,x --generate 1", "--ids 1",
        "--generate 1", "--ids 1 --generate -3", "--nonsense", "",
        "--ids 1 --generate 40", "--ids 1 --generate 1 --context 33"}) {
    Outcome outcome = shell(call + arguments + " 2>/dev/null");
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_EQ(outcome.output, "") << arguments;
    EXPECT_NE(shell(call + arguments + " 2>&1").output, "") << arguments;
  }
  EXPECT_EQ(shell(call + "--help").status, 0);
  EXPECT_NE(shell(call + "--info").output.find("family"), 0u);
  EXPECT_EQ(shell(std::string(LORA_STUB) + " 2>/dev/null").status, 1);
}

/// A file that becomes shorter while a program has it mapped.
TEST(CompiledFile, SaysWhichFileLostItsPages) {
  TestFolder folder;
  std::string other = folder.path("other.safetensors");
  std::string header =
      R"({"logits":{"dtype":"F32","shape":[1,4096,11],"data_offsets":[0,180224]}})";
  std::string text(8, '\0');
  text[0] = char(header.size());
  text += header + std::string(180224, '\0');
  folder.write("other.safetensors", text);
  pid_t child = fork();
  if (child == 0) {
    dup2(open((folder.path("said")).c_str(), O_CREAT | O_WRONLY, 0600), 2);
    beginProgram("reader: ");
    Expected<SafetensorsFile> file = SafetensorsFile::open(other);
    if (!file || truncate(other.c_str(), 4096) != 0)
      _exit(3);
    volatile std::byte last = file->find("logits")->bytes.back();
    (void)last;
    _exit(4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
  EXPECT_EQ(readTextFile(folder.path("said"))
                ->rfind("reader: " + other + ": became shorter"),
            0u);
}

TEST(CompiledFile, PortableCarriesItsLibraries) {
  TestFolder folder;
  std::string path = folder.path("model");
  Expected<MappedFile> backend = MappedFile::open(LORA_BACKEND);
  ASSERT_TRUE(backend) << backend.message();
  tiny::write(path, LORA_STUB, "plain", "\"sse2\"", LORA_BACKEND);
  // Nothing else says where the libraries are.
  Outcome outcome =
      shell("env -i " + path + " --ids 3,10,0,7,7 --generate 3 2>/dev/null");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, expectedLine());
  std::string info = shell("env -i " + path + " --info").output;
  EXPECT_NE(info.find("lib:libgomp.so.1"), std::string::npos) << info;
  EXPECT_NE(info.find("backend    in the file\nruns here  yes\n"),
            std::string::npos)
      << info;
}

} // namespace
