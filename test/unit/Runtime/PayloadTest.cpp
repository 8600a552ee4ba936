//===- PayloadTest.cpp - Compiled files survive copies and strip ----------===//
//
// Writes payloads, copies and strips the programs, and reads the parts again.
// Damage must be noticed.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Payload.h"
#include "TestFiles.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>

using namespace lora_rt;

namespace {

std::string text(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char *>(bytes.data()),
                     bytes.size());
}

void writeModule(const std::string &path, const std::string &stub) {
  Expected<PayloadWriter> writer = PayloadWriter::create(path, stub);
  ASSERT_TRUE(writer) << writer.message();
  EXPECT_FALSE(writer->addPart(codePart, "code bytes"));
  EXPECT_FALSE(writer->beginPart(packPart));
  EXPECT_TRUE(writer->beginPart("other")); // Only one part may be open.
  std::string a(5000, 'a'), b(10, 'b');
  Expected<PackedPlace> first =
      writer->appendTensor(std::as_bytes(std::span(a)));
  // In pieces, with the same result as at once.
  EXPECT_FALSE(writer->beginTensor());
  EXPECT_FALSE(writer->appendToTensor(std::as_bytes(std::span(b)).first(3)));
  EXPECT_FALSE(writer->appendToTensor(std::as_bytes(std::span(b)).subspan(3)));
  std::optional<PackedPlace> second = writer->endTensor();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->offset, 0u);
  EXPECT_EQ(second->offset, 8192u);
  EXPECT_EQ(second->bytes, 10u);
  EXPECT_EQ(second->checksum, checksum(std::as_bytes(std::span(b))));
  EXPECT_TRUE(writer->commit()); // The pack is still open.
  EXPECT_FALSE(writer->endPart());
  EXPECT_FALSE(writer->addPart(manifestPart, "{}"));
  EXPECT_TRUE(writer->addPart(manifestPart, "{}"));
  Error committed = writer->commit();
  EXPECT_FALSE(committed) << committed.message();
}

void expectModule(const std::string &path) {
  Expected<Payload> payload = Payload::open(path);
  ASSERT_TRUE(payload) << payload.message();
  Expected<std::span<const std::byte>> code = payload->verified(codePart);
  ASSERT_TRUE(code) << code.message();
  EXPECT_EQ(text(*code), "code bytes");
  const Payload::Part *pack = payload->find(packPart);
  ASSERT_NE(pack, nullptr);
  EXPECT_EQ(pack->offset % 4096, 0u);
  EXPECT_EQ(text(payload->bytes(*pack)).substr(8192), std::string(10, 'b'));
  EXPECT_TRUE(payload->verified(packPart));
  Error damaged = payload->verifyProgram();
  EXPECT_FALSE(damaged) << damaged.message();
  EXPECT_EQ(payload->find("none"), nullptr);
}

TEST(Payload, AloneOrBehindAProgram) {
  TestFolder folder;
  writeModule(folder.path("alone"), "");
  expectModule(folder.path("alone"));

  std::string program = folder.path("program");
  writeModule(program, "/bin/true");
  expectModule(program);
  EXPECT_EQ(std::system(program.c_str()), 0); // The program still runs.
  EXPECT_TRUE(Payload::isPresent(program));
  EXPECT_FALSE(Payload::isPresent("/bin/true"));
}

/// Writes a file again with its own parts.
void writeAgain(const std::string &from, const std::string &to) {
  Expected<Payload> source = Payload::open(from);
  ASSERT_TRUE(source) << source.message();
  Expected<PayloadWriter> writer = PayloadWriter::createLike(to, *source);
  ASSERT_TRUE(writer) << writer.message();
  for (const Payload::Part &part : source->parts())
    if (part.name != programPart)
      EXPECT_FALSE(writer->addPart(part.name, source->bytes(part)));
  EXPECT_FALSE(writer->commit());
}

TEST(Payload, IsWrittenAgainBehindItsProgram) {
  TestFolder folder;
  for (const char *stub : {"", "/bin/true"}) {
    std::string path = folder.path("first"), again = folder.path("again");
    writeModule(path, stub);
    writeAgain(path, again);
    EXPECT_EQ(*readTextFile(again), *readTextFile(path));
  }
  // strip changes the order of the sections.
  std::string program = folder.path("first"), again = folder.path("stripped");
  if (std::system(("strip " + program + " 2> /dev/null").c_str()) != 0)
    GTEST_SKIP() << "no strip here";
  writeAgain(program, again);
  expectModule(again);
  EXPECT_EQ(std::system(again.c_str()), 0);
  EXPECT_EQ(std::system(("strip " + again).c_str()), 0);
  expectModule(again);
}

TEST(Payload, SurvivesStrip) {
  if (std::system("strip --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no strip here";
  TestFolder folder;
  std::string program = folder.path("program");
  writeModule(program, "/proc/self/exe");
  ASSERT_EQ(std::system(("strip " + program).c_str()), 0);
  expectModule(program);
}

TEST(Payload, DamageOfTheProgramIsFoundBeforeItIsCopied) {
  TestFolder folder;
  std::string program = folder.path("program");
  writeModule(program, "/bin/true");
  std::string good = *readTextFile(program), stub = *readTextFile("/bin/true");
  // Bytes of the ELF header, of the program headers, and of code.
  for (size_t at : {size_t(24), size_t(100), stub.size() / 3}) {
    std::string bytes = good;
    bytes[at] = char(bytes[at] ^ 1);
    folder.write("bad", bytes);
    Expected<Payload> payload = Payload::open(folder.path("bad"));
    ASSERT_TRUE(payload) << payload.message();
    EXPECT_NE(payload->verifyProgram().message().find("damaged"),
              std::string::npos)
        << at;
    EXPECT_FALSE(PayloadWriter::createLike(folder.path("copy"), *payload));
    EXPECT_FALSE(std::filesystem::exists(folder.path("copy")));
  }
}

TEST(Payload, DamageIsFound) {
  TestFolder folder;
  std::string path = folder.path("alone");
  writeModule(path, "");
  std::string good = *readTextFile(path);
  auto failure = [&](std::string bytes) {
    folder.write("bad", bytes);
    Expected<Payload> payload = Payload::open(folder.path("bad"));
    if (!payload)
      return payload.message();
    return payload->verified(codePart).message();
  };
  EXPECT_EQ(failure(good), "");
  std::string code = good;
  code[4096] ^= 1;
  EXPECT_NE(failure(code).find("checksum differs"), std::string::npos);
  std::string table = good;
  table.back() ^= 1;
  EXPECT_NE(failure(table).find("table of contents"), std::string::npos);
  std::string version = good;
  version[8] = 9;
  EXPECT_NE(failure(version).find("version 9"), std::string::npos);
  EXPECT_NE(failure(good.substr(0, good.size() - 1)).find("incomplete"),
            std::string::npos);
  EXPECT_NE(failure("hello").find("not a compiled model"), std::string::npos);
  EXPECT_NE(Payload::open("/bin/true").message().find("without a compiled"),
            std::string::npos);
}

} // namespace
