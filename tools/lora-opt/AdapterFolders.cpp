//===- AdapterFolders.cpp - What a pipeline reads -------------------------===//
//
// A pass does not know where its result is written, and the tool does not know
// what a pass reads. The text of the pipeline contains it, in one form for all
// kinds of command lines.
//
//===----------------------------------------------------------------------===//

#include "AdapterFolders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringExtras.h"

std::vector<std::string>
lora::adapterFoldersOf(const mlir::MlirOptMainConfig &config) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) {});
  mlir::PassManager passes(&context, mlir::ModuleOp::getOperationName(),
                           mlir::PassManager::Nesting::Implicit);
  if (mlir::failed(config.setupPassPipeline(passes)))
    return {};
  std::string text;
  llvm::raw_string_ostream stream(text);
  passes.printAsTextualPipeline(stream);

  constexpr llvm::StringRef option = "adapter-dir=";
  std::vector<std::string> folders;
  llvm::StringRef rest = text;
  for (size_t at; (at = rest.find(option)) != llvm::StringRef::npos;) {
    rest = rest.drop_front(at + option.size());
    // A value with blanks is in braces.
    llvm::StringRef ends = rest.consume_front("{") ? "}" : " }";
    folders.push_back(
        rest.take_until([&](char c) { return ends.contains(c); }).str());
  }
  return folders;
}
