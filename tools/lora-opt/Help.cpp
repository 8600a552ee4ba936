//===- Help.cpp - What lora-opt --help prints -----------------------------===//
//
// The list of passes comes from the registry, so it is complete.
//
//===----------------------------------------------------------------------===//

#include "Help.h"
#include "lora-mlir/InitAll.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <set>
#include <string>

namespace cl = llvm::cl;

static constexpr const char *overview =
    R"(lora-opt: rewrites the IR of transformers with adapters

Usage: lora-opt [OPTION...] [FILE]

Reads IR in text form from FILE or standard input, runs the passes in the order
in which they are named, and prints the result.

Examples:
  lora-import MODEL_DIR | lora-opt --lora-attach=adapter-dir=ADAPTER_DIR --lora-merge
  lora-opt model.mlir --pass-pipeline='builtin.module(lora-insert{targets=q_proj,v_proj rank=8},lora-training-pipeline)'
  lora-opt model.mlir --lora-lower='tokens=1,16 kernels=onednn' --remarks-filter='lora-.*'

Options:
  -o FILE                        Write to FILE, which appears when it is complete
  --pass-pipeline=TEXT           A pass pipeline as text, with options and nesting
  --remarks-filter=REGEX         Print remarks: what passes did or did not do, and why ('.*': all)
  --mlir-print-ir-after-all      Print the IR after each pass
  --mlir-print-ir-after-change   Only where a pass changed it (with the option above)
  --mlir-print-debuginfo         Print locations
  --mlir-timing                  Print the time of each pass
  --split-input-file             Process the parts between lines of // ----- separately
  --verify-diagnostics           Compare errors with expected-error comments
  --verify-roundtrip             Print the input, parse it again, and compare
  --allow-unregistered-dialect   Accept operations of unknown dialects
  --show-dialects                List the dialects
  --help-hidden                  All options and passes, those of MLIR and LLVM too

MLIR's own passes run as well: --cse, --canonicalize, --symbol-dce, ...
docs/Passes has each pass with IR before and after, docs/Passes/Pipelines.md the
pipelines.
)";

bool lora::asksForHelp(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument == "--")
      return false;
    if (argument == "--help" || argument == "-help" || argument == "-h")
      return true;
  }
  return false;
}

template <typename Entry>
static void print(llvm::StringRef title, const std::set<std::string> &names) {
  size_t width = 0;
  for (const std::string &name : names)
    if (const Entry *entry = Entry::lookup(name))
      width = std::max(width, entry->getOptionWidth());
  llvm::outs() << "\n" << title << ":\n";
  for (const std::string &name : names)
    if (const Entry *entry = Entry::lookup(name))
      entry->printHelpStr(/*indent=*/2, /*descIndent=*/width + 2);
}

void lora::printHelp() {
  // Each registered pass becomes an option of the same name.
  auto optionNames = [] {
    std::set<std::string> names;
    for (const auto &option : cl::getRegisteredOptions())
      names.insert(option.first.str());
    return names;
  };
  std::set<std::string> others = optionNames(), names;
  registerOwnPasses();
  mlir::PassPipelineCLParser passes("", "Passes");
  for (const std::string &name : optionNames())
    if (!others.count(name))
      names.insert(name);
  llvm::outs() << overview;
  print<mlir::PassPipelineInfo>("Pipelines", names);
  print<mlir::PassInfo>("Passes", names);
}
