//===- CompiledFileTest.cpp - C interface, lora-run, compiled files -------===//

#include "CApiTest.h"
#include "TestFiles.h"
#include "TinyModule.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

using namespace lora_rt;

namespace {

struct Outcome {
  int status;
  std::string output;
};

/// Runs a command and collects its standard output.
Outcome shell(const std::string &command) {
  FILE *pipe = popen(command.c_str(), "r");
  Outcome outcome = {-1, ""};
  if (!pipe)
    return outcome;
  std::array<char, 4096> buffer;
  while (size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.output.append(buffer.data(), count);
  int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

const std::vector<int32_t> prompt = {3, 10, 0, 7, 7};

/// Three greedy tokens after the prompt, as they are printed.
std::string expectedLine() {
  std::vector<int32_t> ids = prompt;
  std::string line;
  for (int i = 0; i < 3; ++i) {
    std::vector<float> logits = tiny::logits(ids);
    auto begin = logits.end() - tiny::vocabulary;
    ids.push_back(int32_t(std::max_element(begin, logits.end()) - begin));
    line += (i ? "," : "") + std::to_string(ids.back());
  }
  return line + "\n";
}

TEST(CApi, WorksFromC) {
  TestFolder folder;
  std::string path = folder.path("module");
  tiny::write(path, "", "plain");
  std::vector<float> expected = tiny::logits(prompt);
  EXPECT_EQ(run_c_api_test(path.c_str(), expected.data(), prompt.size()), 0);
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

TEST(CompiledFile, PortableCarriesItsLibraries) {
  TestFolder folder;
  std::string path = folder.path("model");
  Expected<MappedFile> backend = MappedFile::open(LORA_BACKEND);
  ASSERT_TRUE(backend) << backend.message();
  tiny::write(path, LORA_STUB, "plain", "\"sse2\"", LORA_BACKEND);
  // Nothing else tells where the libraries are.
  Outcome outcome =
      shell("env -i " + path + " --ids 3,10,0,7,7 --generate 3 2>/dev/null");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, expectedLine());
  EXPECT_NE(shell(path + " --info").output.find("lib:libgomp.so.1"),
            std::string::npos);
}

} // namespace
