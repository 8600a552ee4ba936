//===- ExamplesTest.cpp - The examples in TableGen are tested -------------===//
//
// Every operation has an example in its dialect's .td files, and every example
// is also in a lit test of the dialect that parses it, ops.mlir or
// attributes.mlir. White space may differ.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/InitAll.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

struct DialectFiles {
  std::string name;
  std::string folder;
};

void PrintTo(const DialectFiles &files, std::ostream *stream) {
  *stream << files.name;
}

class Examples : public ::testing::TestWithParam<DialectFiles> {
protected:
  static std::string read(const std::filesystem::path &path) {
    std::ifstream stream(path, std::ios::binary);
    EXPECT_TRUE(stream.good()) << path;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  /// Runs of spaces and line breaks as one space.
  static std::string normalize(const std::string &text) {
    std::istringstream words(text);
    std::string word, result;
    while (words >> word)
      result += (result.empty() ? "" : " ") + word;
    return result;
  }

  /// The ```mlir blocks of the dialect's .td files.
  std::vector<std::string> examples() const {
    std::vector<std::string> result;
    std::filesystem::path folder = std::filesystem::path(LORA_SOURCE_DIR) /
                                   "include/lora-mlir/Dialect" /
                                   GetParam().folder / "IR";
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".td")
        continue;
      std::string text = read(entry.path());
      const std::string open = "```mlir\n", close = "```";
      for (size_t at = text.find(open); at != std::string::npos;
           at = text.find(open, at)) {
        at += open.size();
        result.push_back(normalize(text.substr(at, text.find(close, at) - at)));
      }
    }
    return result;
  }
};

} // namespace

TEST_P(Examples, AreParsedByATest) {
  std::filesystem::path tests = std::filesystem::path(LORA_SOURCE_DIR) /
                                "test/Dialect" / GetParam().folder;
  std::string text = normalize(read(tests / "ops.mlir"));
  if (std::filesystem::exists(tests / "attributes.mlir"))
    text += normalize(read(tests / "attributes.mlir"));
  for (const std::string &example : examples())
    EXPECT_NE(text.find(example), std::string::npos)
        << "not in " << tests << ": " << example;
}

TEST_P(Examples, ExistForEveryOperation) {
  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  ASSERT_NE(context.getOrLoadDialect(GetParam().name), nullptr);
  std::string text;
  for (const std::string &example : examples())
    text += " " + example + " ";
  size_t operations = 0;
  for (mlir::RegisteredOperationName name : context.getRegisteredOperations()) {
    std::string full = name.getStringRef().str();
    if (name.getDialectNamespace() != GetParam().name)
      continue;
    ++operations;
    // The terminator of parallel_for is never written in IR.
    if (full != "rt.yield")
      EXPECT_NE(text.find(" " + full + " "), std::string::npos)
          << full << " has no example";
  }
  EXPECT_GT(operations, 0u);
}

INSTANTIATE_TEST_SUITE_P(Dialects, Examples,
                         ::testing::Values(DialectFiles{"transformer",
                                                        "Transformer"},
                                           DialectFiles{"lora", "LoRA"},
                                           DialectFiles{"onednn", "OneDNN"},
                                           DialectFiles{"rt", "RT"}),
                         [](const auto &test) { return test.param.folder; });
