//===- IRFile.h - IR that a user hands in -----------------------*- C++ -*-===//
//
// MLIR's parser descends into whatever it reads, and its bytecode reader trusts
// what it reads: a text is looked through before it is parsed, and bytecode is
// refused.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IRFILE_H
#define LORA_MLIR_IRFILE_H

#include "lora-runtime/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace lora {

/// Reads a file ("-": standard input) of IR in text form. Fails for one that
/// cannot be read, for bytecode, and for a text that is nested, or a chain of
/// operators that is long, beyond what the parser's stack holds.
lora_rt::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readIRFile(llvm::StringRef path);

/// The same for a text that is at hand; `where` names it in messages.
lora_rt::Error checkIRText(llvm::StringRef text, llvm::StringRef where);

} // namespace lora

#endif // LORA_MLIR_IRFILE_H
