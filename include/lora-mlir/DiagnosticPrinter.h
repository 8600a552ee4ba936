//===- DiagnosticPrinter.h - Diagnostics as users see them ------*- C++ -*-===//
//
// A diagnostic is one line with its location. The operation is not printed
// after it, and the line of the file only if it is short enough to be read: a
// module's attributes and a function's arguments can be lines of thousands of
// characters.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIAGNOSTICPRINTER_H
#define LORA_MLIR_DIAGNOSTICPRINTER_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/SourceMgr.h"

#include <memory>

namespace lora {

/// Prints the diagnostics of contexts to standard error.
class DiagnosticPrinter {
public:
  /// What is printed.
  struct Options {
    /// Whether notes are printed.
    bool notes = true;
    /// The least severity that is printed.
    mlir::DiagnosticSeverity least = mlir::DiagnosticSeverity::Remark;
    /// Whether the operation of a diagnostic is printed after it.
    bool printOp = false;
  };

  /// `text` is the text that is parsed, `name` the name of its file in
  /// locations. The text must live as long as the printer.
  DiagnosticPrinter(llvm::StringRef text, llvm::StringRef name)
      : DiagnosticPrinter(text, name, Options()) {}
  DiagnosticPrinter(llvm::StringRef text, llvm::StringRef name,
                    Options options);

  /// Prints what this context reports from now on. The printer must outlive the
  /// context.
  void attach(mlir::MLIRContext &context);

  /// The same for every context that others make with this registry. If they
  /// register their own handlers first, the printer replaces them when the next
  /// dialect is loaded.
  void attachToContextsOf(mlir::DialectRegistry &registry);

  /// Prints one diagnostic with its line of the text.
  void print(mlir::Diagnostic &diagnostic);

private:
  void print(mlir::Location loc, mlir::DiagnosticSeverity severity,
             const std::string &message, bool withSource);
  /// The place in the text; invalid if its line cannot be read.
  llvm::SMLoc findReadable(mlir::FileLineColLoc loc);

  llvm::SourceMgr sources;
  std::string name;
  Options options;
};

} // namespace lora

#endif // LORA_MLIR_DIAGNOSTICPRINTER_H
