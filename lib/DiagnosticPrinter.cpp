//===- DiagnosticPrinter.cpp - Diagnostics as users see them --------------===//
//
// Implements DiagnosticPrinter.h with an llvm::SourceMgr. The handler of a
// printer stays the first one, whatever other handlers are registered.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/DiagnosticPrinter.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lora;

/// The longest line of a file that is shown below a message.
static constexpr size_t kLongestLine = 120;

DiagnosticPrinter::DiagnosticPrinter(StringRef text, StringRef name,
                                     Options options)
    : name(name.str()), options(options) {
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(text, name,
                                       /*RequiresNullTerminator=*/false),
      llvm::SMLoc());
}

void DiagnosticPrinter::attach(MLIRContext &context) {
  context.printOpOnDiagnostic(options.printOp);
  context.getDiagEngine().registerHandler(
      [this](Diagnostic &diagnostic) { print(diagnostic); });
}

namespace {

/// Registers a printer's handler in front of all others whenever a dialect is
/// loaded.
class AttachPrinter : public DialectExtensionBase {
public:
  explicit AttachPrinter(DiagnosticPrinter &printer)
      : DialectExtensionBase(/*dialectNames=*/{}), printer(printer) {}

  void apply(MLIRContext *context,
             MutableArrayRef<Dialect *> dialects) const override {
    // This is the first dialect of a new context. No other handler can have
    // been registered yet.
    if (llvm::any_of(dialects, llvm::IsaPred<BuiltinDialect>))
      return;
    if (context == attachedTo)
      return;
    printer.attach(*context);
    attachedTo = context;
  }

  std::unique_ptr<DialectExtensionBase> clone() const override {
    return std::make_unique<AttachPrinter>(*this);
  }

private:
  DiagnosticPrinter &printer;
  /// A registry is copied with its extensions into each context.
  mutable MLIRContext *attachedTo = nullptr;
};

} // namespace

void DiagnosticPrinter::attachToContextsOf(DialectRegistry &registry) {
  registry.addExtension(TypeID::get<AttachPrinter>(),
                        std::make_unique<AttachPrinter>(*this));
}

llvm::SMLoc DiagnosticPrinter::findReadable(FileLineColLoc loc) {
  if (loc.getFilename().getValue() != name)
    return {};
  llvm::SMLoc place = sources.FindLocForLineAndColumn(
      sources.getMainFileID(), loc.getLine(), loc.getColumn());
  if (!place.isValid())
    return {};
  StringRef text =
      sources.getMemoryBuffer(sources.getMainFileID())->getBuffer();
  size_t at = place.getPointer() - text.data();
  size_t begin = text.rfind('\n', at) + 1;
  if (at < text.size() && text[at] == '\n')
    begin = text.take_front(at).rfind('\n') + 1;
  size_t end = std::min(text.find('\n', at), text.size());
  // A module without its own line is located at the beginning of the file.
  bool isComment = text.slice(at, end).starts_with("//");
  return end - begin <= kLongestLine && !isComment ? place : llvm::SMLoc();
}

static llvm::SourceMgr::DiagKind getKind(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return llvm::SourceMgr::DK_Note;
  case DiagnosticSeverity::Warning:
    return llvm::SourceMgr::DK_Warning;
  case DiagnosticSeverity::Error:
    return llvm::SourceMgr::DK_Error;
  case DiagnosticSeverity::Remark:
    return llvm::SourceMgr::DK_Remark;
  }
  llvm_unreachable("all severities are handled");
}

void DiagnosticPrinter::print(Location loc, DiagnosticSeverity severity,
                              const std::string &message, bool withSource) {
  llvm::SourceMgr::DiagKind kind = getKind(severity);
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (!place) {
    sources.PrintMessage(llvm::errs(), llvm::SMLoc(), kind, message);
    return;
  }
  llvm::SMLoc readable = withSource ? findReadable(place) : llvm::SMLoc();
  if (readable.isValid()) {
    sources.PrintMessage(llvm::errs(), readable, kind, message);
    return;
  }
  std::string where = place.getFilename().str() + ":" +
                      std::to_string(place.getLine()) + ":" +
                      std::to_string(place.getColumn());
  sources.PrintMessage(llvm::errs(), llvm::SMDiagnostic(where, kind, message));
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  // Severities are ordered note, warning, error, remark.
  auto weight = [](DiagnosticSeverity severity) {
    return severity == DiagnosticSeverity::Error     ? 2
           : severity == DiagnosticSeverity::Warning ? 1
                                                     : 0;
  };
  if (weight(diagnostic.getSeverity()) < weight(options.least))
    return;
  Location loc = diagnostic.getLocation();
  print(loc, diagnostic.getSeverity(), diagnostic.str(), /*withSource=*/true);
  if (!options.notes)
    return;
  for (Diagnostic &note : diagnostic.getNotes())
    print(note.getLocation(), note.getSeverity(), note.str(),
          /*withSource=*/note.getLocation() != loc);
}
