//===- PayloadBoundsTest.cpp - Offsets that a file must not have ----------===//
//
// The smallest files that have one wrong offset or size each: in the section
// table of a program, the header, or the table of contents. All checksums are
// right.
//
//===----------------------------------------------------------------------===//

#include "../../../runtime/payload/PayloadFormat.h"
#include "TestFiles.h"
#include "lora-runtime/Payload.h"

#include <cstring>
#include <elf.h>
#include <functional>
#include <gtest/gtest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace lora_rt;

namespace {

template <typename Value> std::string bytesOf(const Value &value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof(value));
}

/// A row of the table of contents.
std::string row(const std::string &name, uint64_t offset,
                const std::string &content, uint64_t bytes) {
  return "{\"name\":\"" + name + "\",\"offset\":" + std::to_string(offset) +
         ",\"bytes\":" + std::to_string(bytes) + ",\"xxh3\":\"" +
         checksum(std::as_bytes(std::span(content))) + "\"}";
}

/// A payload with the part "code" of 9 bytes on its first page. `rows` are more
/// rows; `change` may change the header before it is written.
std::string payload(const std::string &rows = "",
                    const std::function<void(PayloadHeader &)> &change = {}) {
  std::string code = "nine byte";
  std::string table = "[" + row("code", 4096, code, code.size()) + rows + "]";
  PayloadHeader header = {};
  std::memcpy(header.magic, payloadMagic, sizeof(payloadMagic));
  header.version = payloadVersion;
  header.headerBytes = sizeof(header);
  header.tableOffset = 8192;
  header.tableBytes = table.size();
  header.tableChecksum = XXH3_64bits(table.data(), table.size());
  header.payloadBytes = header.tableOffset + header.tableBytes;
  if (change)
    change(header);
  std::string file = bytesOf(header);
  file.resize(4096);
  file += code;
  file.resize(8192);
  return file + table;
}

/// A program with the section .lora_payload, which holds `payload()`.
struct Program {
  Elf64_Ehdr header = {};
  std::string names = std::string("\0.lora_payload\0.names\0", 22);
  /// The null section, .lora_payload, and the section of names.
  std::vector<Elf64_Shdr> sections = std::vector<Elf64_Shdr>(3);

  Program() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    uint64_t end = 4096 + payload().size();
    sections[1] = {.sh_name = 1,
                   .sh_type = SHT_PROGBITS,
                   .sh_offset = 4096,
                   .sh_size = payload().size()};
    sections[2] = {.sh_name = 15,
                   .sh_type = SHT_STRTAB,
                   .sh_offset = end,
                   .sh_size = names.size()};
    header.e_shoff = end + names.size();
  }

  std::string build() const {
    std::string file = bytesOf(header);
    file.resize(4096);
    file += payload() + names;
    for (const Elf64_Shdr &section : sections)
      file += bytesOf(section);
    return file;
  }
};

class PayloadBounds : public testing::Test {
protected:
  /// The message when this file is opened and its code is read.
  std::string messageOf(const std::string &bytes) {
    folder.write("file", bytes);
    Expected<Payload> opened = Payload::open(folder.path("file"));
    return opened ? opened->verified(codePart).message() : opened.message();
  }
  void expectRefused(const std::string &bytes, const std::string &part) {
    std::string message = messageOf(bytes);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  void expectRefused(const std::function<void(Program &)> &change,
                     const std::string &part) {
    Program program;
    change(program);
    expectRefused(program.build(), part);
  }

  TestFolder folder;
};

TEST_F(PayloadBounds, WhatIsDamagedBelowIsSoundHere) {
  EXPECT_EQ(messageOf(payload()), "");
  EXPECT_EQ(messageOf(Program().build()), "");
}

TEST_F(PayloadBounds, SectionsOfAProgram) {
  constexpr uint64_t most = UINT64_MAX;
  // The section has no bytes in the file, so its offset and size are ignored.
  expectRefused(
      [](Program &p) {
        p.sections[1].sh_type = SHT_NOBITS;
        p.sections[1].sh_offset = 1 << 30;
      },
      "its section .lora_payload has no bytes in the file");
  expectRefused([](Program &p) { p.sections[1].sh_type = SHT_NULL; },
                "a program without a compiled model");
  expectRefused([](Program &p) { p.sections[1].sh_offset = most; },
                "a section lies outside the file");
  expectRefused([](Program &p) { p.sections[1].sh_size = most; },
                "a section lies outside the file");
  expectRefused([](Program &p) { p.sections[1].sh_name = 22; },
                "a section lies outside the file");
  expectRefused([](Program &p) { p.sections[1].sh_offset = 4095; },
                "not a compiled model");
  expectRefused([](Program &p) { p.sections[2].sh_size = most; },
                "its section names are damaged");
  expectRefused([](Program &p) { p.sections[2].sh_size = 0; },
                "its section names are damaged");
  expectRefused([](Program &p) { p.sections[2].sh_size -= 1; },
                "its section names are damaged");
  expectRefused([](Program &p) { p.sections[2].sh_type = SHT_NOBITS; },
                "its section names are damaged");
  expectRefused([](Program &p) { p.header.e_shstrndx = 3; },
                "its section names are missing");
  expectRefused([](Program &p) { p.header.e_shnum = 0; },
                "its section header table is missing");
  expectRefused([](Program &p) { p.header.e_shnum = 4; },
                "its section header table is missing");
  expectRefused([](Program &p) { p.header.e_shoff = most - 8; },
                "its section header table is missing");
  expectRefused(
      [](Program &p) {
        p.sections.push_back(p.sections[1]);
        p.header.e_shnum = 4;
      },
      "has two sections .lora_payload");
}

TEST_F(PayloadBounds, NamesOfSectionsAreFew) {
  // The file has a hole. To read it as names would need a gigabyte.
  Program program;
  program.sections[2].sh_size = uint64_t(1) << 30;
  program.header.e_shoff = program.sections[2].sh_offset + (1 << 30);
  std::string file = program.build(),
              sections = file.substr(file.size() - 3 * sizeof(Elf64_Shdr));
  folder.write("file", file.substr(0, file.size() - sections.size()));
  std::filesystem::resize_file(folder.path("file"), program.header.e_shoff);
  std::ofstream(folder.path("file"), std::ios::binary | std::ios::app)
      << sections;
  Expected<Payload> opened = Payload::open(folder.path("file"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.message().find("names are damaged"), std::string::npos)
      << opened.message();
}

TEST_F(PayloadBounds, TheHeader) {
  constexpr uint64_t most = UINT64_MAX;
  auto refused = [&](const std::function<void(PayloadHeader &)> &change,
                     const char *part) {
    expectRefused(payload("", change), part);
  };
  refused([](PayloadHeader &h) { h.headerBytes = 56; }, "is incomplete");
  refused([](PayloadHeader &h) { h.payloadBytes = most; }, "is incomplete");
  refused([](PayloadHeader &h) { h.payloadBytes -= 1; }, "is incomplete");
  refused([](PayloadHeader &h) { h.tableOffset = most; }, "is incomplete");
  refused([](PayloadHeader &h) { h.tableBytes = most; }, "is incomplete");
  refused([](PayloadHeader &h) { h.tableBytes = 0; },
          "the table of contents is damaged");
}

TEST_F(PayloadBounds, PartsInTheTableOfContents) {
  auto refused = [&](const std::string &rows, const char *part) {
    expectRefused(payload("," + rows), part);
  };
  // After the header, the code and the table.
  EXPECT_EQ(messageOf(payload("," + row("empty", 4096, "", 0))), "");
  refused(row("pack", 4096, "nine byte", 9), "overlap");
  refused(row("pack", 4096, "n", 1), "overlap");
  refused(row("pack", 0, "L", 1), "overlap");
  refused(row("pack", 8192, "[", 1), "overlap");
  refused(row("pack", 4097, "i", 1), "outside");
  refused(row("pack", 1 << 20, "", 1), "outside");
  refused(row("pack", 4096, "", uint64_t(INT64_MAX)), "outside");
  refused(row("pack", 4096, "", UINT64_MAX), "not understood");
  refused(row("code", 4096, "", 0), "names 'code' twice");
  refused(row("", 4096, "", 0), "a name of 0 bytes");
  refused(row("a\\u0000b", 4096, "", 0), "a name of 3 bytes");
  refused(row("a\\u001b[31m", 4096, "", 0), "a name of 6 bytes");
  refused(row(std::string(260, 'n'), 4096, "", 0), "a name of 260 bytes");
  refused("{\"name\":\"a\",\"name\":\"b\"}", "stands twice");
}

TEST_F(PayloadBounds, AProgramIsWrittenAgainOnlyAsItWasMade) {
  auto again = [&](const std::function<void(Program &)> &change) {
    Program program;
    change(program);
    folder.write("file", program.build());
    Expected<Payload> source = Payload::open(folder.path("file"));
    EXPECT_TRUE(source) << source.message();
    return PayloadWriter::createLike(folder.path("again"), *source).message();
  };
  // Its sections are right, but nothing says what the program was.
  EXPECT_NE(again([](Program &) {}).find("it has no part 'program'"),
            std::string::npos);
  // Program headers after the payload would be lost.
  EXPECT_NE(again([](Program &p) {
              p.header.e_phnum = 2;
              p.header.e_phentsize = sizeof(Elf64_Phdr);
              p.header.e_phoff = 5000;
            }).find("not the program's last section"),
            std::string::npos);
  EXPECT_NE(again([](Program &p) {
              p.header.e_phnum = 0xffff;
              p.header.e_phentsize = 0xffff;
            }).find("not the program's last section"),
            std::string::npos);
}

} // namespace
