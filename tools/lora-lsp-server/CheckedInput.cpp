//===- CheckedInput.cpp - Texts that the parser can follow ----------------===//
//
// Implements CheckedInput.h: a thread reads standard input, and writes what it
// has checked into a pipe, which takes the place of standard input.
//
//===----------------------------------------------------------------------===//

#include "CheckedInput.h"
#include "lora-mlir/IRFile.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Thread.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/LSP/Transport.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

using namespace lora::lsp;
using llvm::StringRef;
using lora_rt::Error;

namespace {

/// The dialect of the one attribute that a refused text has. Its verifier
/// reports the error.
class RefusalDialect : public mlir::Dialect {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RefusalDialect)
  static constexpr StringRef getDialectNamespace() { return "lora_lsp"; }
  explicit RefusalDialect(mlir::MLIRContext *context)
      : mlir::Dialect(getDialectNamespace(), context,
                      mlir::TypeID::get<RefusalDialect>()) {}

  mlir::LogicalResult
  verifyOperationAttribute(mlir::Operation *op,
                           mlir::NamedAttribute attribute) override {
    if (auto text = llvm::dyn_cast<mlir::StringAttr>(attribute.getValue()))
      return op->emitError() << text.getValue();
    return op->emitError() << "expected a text";
  }
};

} // namespace

void lora::lsp::registerRefusals(mlir::DialectRegistry &registry) {
  registry.insert<RefusalDialect>();
}

/// The text, or one that has its error at the same place.
static std::string checkText(StringRef text) {
  Error error = lora::checkIRText(text, "");
  if (!error)
    return text.str();
  // ":LINE:COLUMN: MESSAGE", or ": MESSAGE".
  StringRef message = error.message();
  size_t line = 1, column = 1;
  message.consume_front(":");
  if (StringRef rest = message; !rest.consumeInteger(10, line) &&
                                rest.consume_front(":") &&
                                !rest.consumeInteger(10, column))
    message = rest.drop_front();
  std::string result;
  llvm::raw_string_ostream out(result);
  out << std::string(line - 1, '\n') << std::string(column - 1, ' ')
      << "module attributes {lora_lsp.refused = \"";
  llvm::printEscapedString(message.trim(), out);
  out << "\"} {}\n";
  return result;
}

std::string lora::lsp::checkMessage(StringRef message) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(message);
  llvm::json::Object *object = value ? value->getAsObject() : nullptr;
  if (!object) {
    // The server says what is wrong with it.
    llvm::consumeError(value.takeError());
    return message.str();
  }
  StringRef method = object->getString("method").value_or("");
  if (method == "mlir/convertFromBytecode") {
    (*object)["method"] = "mlir/convertFromBytecode, which is refused: the "
                          "reader of bytecode trusts what it reads";
    return llvm::formatv("{0}", *value).str();
  }
  auto check = [](llvm::json::Object *holder) {
    if (!holder)
      return;
    if (auto text = holder->getString("text"))
      (*holder)["text"] = checkText(*text);
  };
  llvm::json::Object *params = object->getObject("params");
  if (!params)
    return message.str();
  if (method == "textDocument/didOpen")
    check(params->getObject("textDocument"));
  else if (method != "textDocument/didChange")
    return message.str();
  else if (llvm::json::Array *changes = params->getArray("contentChanges"))
    for (llvm::json::Value &change : *changes)
      check(change.getAsObject());
  return llvm::formatv("{0}", *value).str();
}

static bool writeAll(int descriptor, StringRef text) {
  while (!text.empty()) {
    ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    text = text.drop_front(size_t(count));
  }
  return true;
}

/// Reads messages until the end of the input.
static void passOn(FILE *from, int to, bool isDelimited) {
  llvm::lsp::JSONTransportInputOverFile input(
      from, isDelimited ? llvm::lsp::JSONStreamStyle::Delimited
                        : llvm::lsp::JSONStreamStyle::Standard);
  std::string message;
  while (!input.isEndOfInput() && !input.hasError()) {
    if (mlir::failed(input.readMessage(message)))
      continue;
    std::string checked = checkMessage(message);
    bool isWritten =
        isDelimited
            ? writeAll(to, checked + "\n// -----\n")
            : writeAll(to, "Content-Length: " + std::to_string(checked.size()) +
                               "\r\n\r\n" + checked);
    if (!isWritten)
      break;
  }
  close(to);
}

Error lora::lsp::checkStandardInput(bool isDelimited) {
  auto fail = [] {
    return lora_rt::makeError(
        lora_rt::ErrorCode::System,
        "standard input cannot be read: ", lora_rt::systemMessage(errno));
  };
  int before = dup(STDIN_FILENO), ends[2];
  FILE *from = before < 0 ? nullptr : fdopen(before, "r");
  if (!from || pipe2(ends, O_CLOEXEC) || dup2(ends[0], STDIN_FILENO) < 0)
    return fail();
  close(ends[0]);
  auto thread = lora_rt::Thread::start(
      [from, to = ends[1], isDelimited] { passOn(from, to, isDelimited); });
  if (!thread)
    return lora_rt::makeError(lora_rt::ErrorCode::System,
                              "no thread can be started");
  // It ends with the input, or with the process.
  new lora_rt::Thread(std::move(*thread));
  return Error::success();
}
