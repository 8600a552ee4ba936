//===- DiagnosticPrinter.h - What a user sees of a diagnostic ---*- C++ -*-===//
//
// A diagnostic is a line with its location: no operation is printed after it,
// and the line of the file that it points at only where that can be read. A
// module's attributes and a function's arguments are lines of thousands of
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
  struct Options {
    /// Print notes, too.
    bool notes = true;
    /// The least severity that is printed.
    mlir::DiagnosticSeverity least = mlir::DiagnosticSeverity::Remark;
    /// Print the operation that a diagnostic is about after it.
    bool printOp = false;
  };

  /// `text` is what is parsed, `name` the file's name in locations; the text
  /// must live as long as the printer.
  DiagnosticPrinter(llvm::StringRef text, llvm::StringRef name)
      : DiagnosticPrinter(text, name, Options()) {}
  DiagnosticPrinter(llvm::StringRef text, llvm::StringRef name,
                    Options options);

  /// Prints what this context reports from here on. The printer must outlive
  /// the context.
  void attach(mlir::MLIRContext &context);

  /// The same for every context that is made with this registry by others, also
  /// where they register handlers of their own first: it takes over when the
  /// first dialect after them is loaded.
  void attachToContextsOf(mlir::DialectRegistry &registry);

  void print(mlir::Diagnostic &diagnostic);

private:
  void print(mlir::Location loc, mlir::DiagnosticSeverity severity,
             const std::string &message, bool withSource);
  /// The place in the text, invalid where its line is none to be read.
  llvm::SMLoc findReadable(mlir::FileLineColLoc loc);

  llvm::SourceMgr sources;
  std::string name;
  Options options;
};

} // namespace lora

#endif // LORA_MLIR_DIAGNOSTICPRINTER_H
