//===- CheckedInput.h - Texts that the parser can follow --------*- C++ -*-===//
//
// MLIR's parser recurses into whatever it reads, so that a text with deep
// nesting would end the server. Each text is checked like a file (IRFile.h)
// before the server sees it. MLIR's server has no place for such a check, so
// its messages are read, and passed on, here.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LSP_SERVER_CHECKEDINPUT_H
#define LORA_MLIR_TOOLS_LSP_SERVER_CHECKEDINPUT_H

#include "lora-runtime/Error.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace lora::lsp {

/// A message of the editor as the server may see it. A text that the parser
/// cannot follow becomes one that only has the error about it, at its place.
/// Requests to read bytecode become requests that the server does not know.
std::string checkMessage(llvm::StringRef message);

/// Registers what reports such an error.
void registerRefusals(mlir::DialectRegistry &registry);

/// Replaces standard input by its checked messages. `isDelimited` says how they
/// are separated: by lines of "// -----", or by headers with their length.
lora_rt::Error checkStandardInput(bool isDelimited);

} // namespace lora::lsp

#endif // LORA_MLIR_TOOLS_LSP_SERVER_CHECKEDINPUT_H
