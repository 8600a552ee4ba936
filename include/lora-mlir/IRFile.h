//===- IRFile.h - IR from users ---------------------------------*- C++ -*-===//
//
// MLIR's parser recurses into whatever it reads, and its bytecode reader trusts
// its input. So a text is checked before it is parsed, and bytecode is refused.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IRFILE_H
#define LORA_MLIR_IRFILE_H

#include "lora-runtime/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace lora {

/// Reads a file of IR as text ("-" is standard input). Fails if it cannot be
/// read, if it is bytecode, or if nesting or a chain of operators is too deep
/// for the stack of the parser.
lora_rt::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readIRFile(llvm::StringRef path);

/// The same for a text in memory; `where` names it in messages.
lora_rt::Error checkIRText(llvm::StringRef text, llvm::StringRef where);

} // namespace lora

#endif // LORA_MLIR_IRFILE_H
