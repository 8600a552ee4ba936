//===- lora-docs.cpp - Writes a generated page of docs/Passes -------------===//
//
//   lora-docs passes DUMP.json PAGE.md
//   lora-docs pipelines EXAMPLE.mlir PAGE.md
//
// The first form reads the output of `llvm-tblgen -dump-json` for a Passes.td.
// The second reads a model as MLIR text. The build calls both (`ninja docs`).
//
//===----------------------------------------------------------------------===//

#include "Pages.h"
#include "lora-runtime/File.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

static int fail(const std::string &message) {
  llvm::errs() << "lora-docs: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::StringRef kind = argc == 4 ? argv[1] : "";
  if (kind != "passes" && kind != "pipelines")
    return fail("usage: lora-docs passes DUMP.json PAGE.md, or lora-docs "
                "pipelines EXAMPLE.mlir PAGE.md");
  auto input = llvm::MemoryBuffer::getFile(argv[2]);
  if (!input)
    return fail(std::string(argv[2]) + ": " + input.getError().message());
  std::string_view text = (*input)->getBuffer();
  auto page = kind == "passes" ? lora::docs::passPage(text)
                               : lora::docs::pipelinePage(text);
  if (!page)
    return fail(std::string(argv[2]) + ": " + page.message());
  auto file = lora_rt::OutputFile::create(argv[3]);
  if (!file)
    return fail(file.message());
  if (lora_rt::Error error = file->append(std::as_bytes(std::span(*page))))
    return fail(error.message());
  if (lora_rt::Error error = file->commit())
    return fail(error.message());
  return 0;
}
