//===- render-template.cpp - Chat templates for scripts -------------------===//
//
//   render-template TEMPLATE VARIABLES.json     prints the prompt
//   render-template --serve
//
// With --serve, it reads requests from standard input: the bytes of a template
// and of its variables, each after their number as four bytes. An answer is a
// byte, 0 for a prompt and 1 for a message, and its bytes in the same way.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/ChatTemplate.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

using namespace lora_rt;

/// The time that strftime_now shows: 2024-07-26 13:45:07.123456 in UTC.
static constexpr int64_t now = 1722001507123456;

static Expected<std::string> render(std::string source,
                                    const std::string &variables) {
  Expected<ChatTemplate> chat = ChatTemplate::parse(std::move(source), "t");
  if (!chat)
    return chat.takeError();
  RenderOptions options;
  options.now = now;
  return chat->render(variables, options);
}

static bool readText(std::string &text) {
  unsigned char size[4];
  if (std::fread(size, 1, 4, stdin) != 4)
    return false;
  text.resize(size[0] | size[1] << 8 | size[2] << 16 | size_t(size[3]) << 24);
  return std::fread(text.data(), 1, text.size(), stdin) == text.size();
}

static void writeText(char kind, const std::string &text) {
  char head[5] = {kind};
  for (int i = 0; i < 4; ++i)
    head[i + 1] = char(text.size() >> 8 * i);
  std::fwrite(head, 1, 5, stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

static std::string readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char **argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--serve")) {
    std::string source, variables;
    while (readText(source) && readText(variables)) {
      Expected<std::string> out = render(source, variables);
      writeText(!out, out ? *out : out.message());
    }
    return 0;
  }
  if (argc != 3) {
    std::cerr << "usage: render-template TEMPLATE VARIABLES.json\n";
    return 1;
  }
  Expected<std::string> out = render(readFile(argv[1]), readFile(argv[2]));
  if (!out) {
    std::cerr << out.message() << "\n";
    return 1;
  }
  std::cout << *out;
  return 0;
}
