//===- IRFile.cpp - IR from users -----------------------------------------===//
//
// Implements IRFile.h: a scanner that counts nesting and chains of operators
// without recursion, before MLIR's recursive parser sees the text.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/IRFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lora;
using llvm::StringRef;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

/// The deepest nesting of brackets, and the longest chain of operators, that
/// are parsed. MLIR needs less than 10 KB of its 8 MB stack for a level, and
/// less than 500 bytes for an operator. IR of models has about 20 levels and 10
/// operators.
constexpr int64_t maxDepth = 400;
constexpr int64_t maxOperators = 4000;

/// Scans a text for brackets, operators, strings and comments.
class Scanner {
public:
  Scanner(StringRef text, StringRef file) : text(text), file(file) {}

  Error run();

private:
  /// The character after the current one; 0 at the end.
  char next() const { return at + 1 < text.size() ? text[at + 1] : 0; }
  Error refuse(const char *what, int64_t most) const;

  StringRef text, file;
  size_t at = 0;
};

} // namespace

Error Scanner::refuse(const char *what, int64_t most) const {
  StringRef before = text.take_front(at);
  size_t line = before.count('\n') + 1;
  size_t column = before.size() - (before.rfind('\n') + 1) + 1;
  return lora_rt::makeError(ErrorCode::InvalidFile, file.str(), ":", line, ":",
                            column, ": ", what, " more than ", most);
}

Error Scanner::run() {
  int64_t depth = 0, operators = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    switch (c) {
    case '"':
      for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
        at += text[at] == '\\';
      break;
    case '/':
      if (next() == '/')
        at = std::min(text.find('\n', at), text.size());
      break;
    case '(':
    case '[':
    case '{':
    case '<':
      operators = 0;
      if (++depth > maxDepth)
        return refuse("nested deeper than the parser can follow,", maxDepth);
      break;
    case '>':
      // "->" and ">=" do not close a bracket.
      if (next() == '=' || (at > 0 && text[at - 1] == '-'))
        break;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      operators = 0;
      depth = std::max<int64_t>(0, depth - 1);
      break;
    case ',':
      operators = 0;
      break;
    case '-':
      // "->", or the sign of a number.
      if (next() == '>' || llvm::isDigit(next()))
        break;
      [[fallthrough]];
    case '+':
    case '*':
      if (++operators > maxOperators)
        return refuse("operators in a row beyond what the parser can follow,",
                      maxOperators);
      break;
    }
  }
  return Error::success();
}

Error lora::checkIRText(StringRef text, StringRef where) {
  if (text.starts_with("ML\xefR"))
    return lora_rt::makeError(
        ErrorCode::Unsupported, where.str(),
        ": is MLIR bytecode; its reader trusts what it reads, so only IR in "
        "text form is taken: mlir-opt prints it");
  return Scanner(text, where).run();
}

Expected<std::unique_ptr<llvm::MemoryBuffer>> lora::readIRFile(StringRef path) {
  // The file is read, not mapped: it may become shorter meanwhile.
  auto file = path == "-"
                  ? llvm::MemoryBuffer::getSTDIN()
                  : llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                                /*RequiresNullTerminator=*/true,
                                                /*IsVolatile=*/true);
  if (!file)
    return lora_rt::makeError(ErrorCode::InvalidFile,
                              "cannot open input file '", path.str(),
                              "': ", file.getError().message());
  std::unique_ptr<llvm::MemoryBuffer> buffer = std::move(*file);
  if (Error error =
          checkIRText(buffer->getBuffer(), buffer->getBufferIdentifier()))
    return error;
  return buffer;
}
