//===- lora-lsp-server.cpp - IR in an editor ------------------------------===//
//
// MLIR's language server with this project's dialects: an editor starts it, and
// talks to it by the Language Server Protocol on standard input and output. The
// texts that it parses are checked first.
//
//===----------------------------------------------------------------------===//

#include "CheckedInput.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Support/StandardOutput.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/raw_ostream.h"

static constexpr const char *help =
    R"(lora-lsp-server: shows the IR of this project in an editor

Usage: lora-lsp-server [OPTION...]

An editor starts it for files that end in .mlir: definitions and uses of values, functions and blocks, what an operation is, and
errors while you type. docs/development-tools.md has the settings of VS Code, Neovim and Emacs.

Options:
  --log=error|info|verbose       What to write to standard error (default: info)
  --pretty                       Indent the JSON
  --lit-test                     For tests: messages are separated by lines of // -----
  --input-style=standard|delimited
                                 How messages are separated on standard input
)";

int main(int argc, char **argv) {
  lora::beginTool("lora-lsp-server");
  bool isDelimited = false;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument == "--help" || argument == "-help" || argument == "-h") {
      llvm::outs() << help;
      return 0;
    }
    llvm::StringRef name = argument.ltrim('-');
    isDelimited |= name == "lit-test" || name == "input-style=delimited" ||
                   (name == "input-style" && i + 1 < argc &&
                    llvm::StringRef(argv[i + 1]) == "delimited");
  }
  mlir::DialectRegistry registry;
  lora::registerAllDialects(registry);
  lora::lsp::registerRefusals(registry);
  if (lora_rt::Error error = lora::lsp::checkStandardInput(isDelimited)) {
    llvm::errs() << "lora-lsp-server: error: " << error.message() << "\n";
    return 1;
  }
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
