//===- DiagnosticText.cpp - Diagnostics as one message --------------------===//
//
// Implements DiagnosticText.h: collects errors, and passes warnings and remarks
// on, without the text of operations.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/DiagnosticText.h"

#include <utility>

using namespace mlir;
using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;

DiagnosticText::DiagnosticText(MLIRContext &context,
                               std::function<void(const std::string &)> note)
    : note(std::move(note)), handler(&context, [this](Diagnostic &diagnostic) {
        std::string text = diagnostic.str();
        // A remark is about a place; what it names begins its text.
        if (auto loc = diagnostic.getLocation()->findInstanceOf<NameLoc>();
            loc && diagnostic.getSeverity() == DiagnosticSeverity::Remark)
          text = loc.getName().str() + ": " + text;
        for (Diagnostic &attached : diagnostic.getNotes())
          text += " (" + attached.str() + ")";
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors += (errors.empty() ? "" : "; ") + text;
        else if (this->note)
          this->note(text);
        return success();
      }) {
  // The text of a whole module is of no use to users of a model.
  context.printOpOnDiagnostic(false);
}

Error DiagnosticText::takeError(const std::string &what) {
  return lora_rt::makeError(ErrorCode::Unsupported, what,
                            errors.empty() ? "" : ": ",
                            std::exchange(errors, {}));
}
