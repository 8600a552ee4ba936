//===- DiagnosticText.h - Diagnostics as one message ------------*- C++ -*-===//
//
// Library calls return an Error, MLIR's passes emit diagnostics: this collects
// them between the two.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIAGNOSTICTEXT_H
#define LORA_MLIR_DIAGNOSTICTEXT_H

#include "lora-runtime/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <string>

namespace lora {

/// Collects the diagnostics of an MLIR context during its lifetime, and makes
/// one message for users of them.
class DiagnosticText {
public:
  /// Warnings and remarks go to `note`; without it they are dropped.
  explicit DiagnosticText(
      mlir::MLIRContext &context,
      std::function<void(const std::string &)> note = nullptr);

  /// "what: first error; second error"
  lora_rt::Error takeError(const std::string &what);

private:
  std::function<void(const std::string &)> note;
  std::string errors;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace lora

#endif // LORA_MLIR_DIAGNOSTICTEXT_H
