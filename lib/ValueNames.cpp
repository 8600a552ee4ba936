//===- ValueNames.cpp - Names of values through text ----------------------===//
//
// Implements ValueNames.h: finds the name of a value at its location in the
// text.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/ValueNames.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The name at the beginning of `text`, without its "%"; empty if there is
/// none, or if it is only a number.
static StringRef readName(StringRef text) {
  if (!text.consume_front("%"))
    return {};
  StringRef name = text.take_while(
      [](char c) { return llvm::isAlnum(c) || StringRef("$._-").contains(c); });
  StringRef number = name;
  number.consume_front("arg");
  return llvm::all_of(number, llvm::isDigit) ? StringRef() : name;
}

/// The name of an operation that follows from its place in the graph; may be
/// empty.
static std::string getGraphName(Operation *op) {
  if (auto apply = dyn_cast<ApplyOp>(op))
    return apply.getPath().str();
  if (op->getNumResults() == 0 || op->getNumOperands() < 2 ||
      !isa_and_present<TransformerDialect, LoRADialect>(op->getDialect()))
    return {};
  auto weight = dyn_cast<BlockArgument>(op->getOperand(1));
  auto block =
      weight
          ? dyn_cast_if_present<func::FuncOp>(weight.getOwner()->getParentOp())
          : func::FuncOp();
  StringAttr slot =
      block ? getSlotName(block, weight.getArgNumber()) : StringAttr();
  StringRef module = slot ? slot.getValue() : StringRef();
  return module.consume_back(".weight") ? module.str() : std::string();
}

namespace {

/// Finds names by locations in a text.
class NameReader {
public:
  NameReader(StringRef text, StringRef file) : file(file) {
    while (!text.empty()) {
      auto [line, rest] = text.split('\n');
      lines.push_back(line);
      text = rest;
    }
  }

  /// The name of an argument; its location points at it.
  StringRef ofArgument(FileLineColLoc loc) const {
    return readName(lineAt(loc).drop_front(columnOf(loc)));
  }

  /// The name of the first result of an operation. The location points at the
  /// position after "%name, %other:2 = ".
  StringRef ofResult(FileLineColLoc loc) const {
    StringRef before = lineAt(loc).take_front(columnOf(loc)).trim();
    return before.ends_with("=") ? readName(before) : StringRef();
  }

private:
  StringRef lineAt(FileLineColLoc loc) const {
    unsigned line = loc.getLine();
    bool isHere = loc.getFilename().getValue() == file && line > 0 &&
                  line <= lines.size();
    return isHere ? lines[line - 1] : StringRef();
  }
  size_t columnOf(FileLineColLoc loc) const {
    return std::min<size_t>(loc.getColumn() ? loc.getColumn() - 1 : 0,
                            lineAt(loc).size());
  }

  StringRef file;
  std::vector<StringRef> lines;
};

} // namespace

void lora::keepNames(Operation *root, StringRef text, StringRef file) {
  NameReader reader(text, file);
  root->walk([&](Operation *op) {
    if (auto loc = dyn_cast<FileLineColLoc>(LocationAttr(op->getLoc()));
        loc && op->getNumResults() > 0) {
      std::string name = reader.ofResult(loc).str();
      if (name.empty())
        name = getGraphName(op);
      if (!name.empty())
        op->setLoc(namedLoc(name, loc));
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments()) {
          auto loc = dyn_cast<FileLineColLoc>(LocationAttr(argument.getLoc()));
          if (!loc)
            continue;
          std::string name = reader.ofArgument(loc).str();
          auto function = dyn_cast<func::FuncOp>(op);
          if (StringAttr slot =
                  name.empty() && function && block.isEntryBlock()
                      ? getSlotName(function, argument.getArgNumber())
                      : StringAttr())
            name = slot.str();
          if (!name.empty())
            argument.setLoc(namedLoc(name, loc));
        }
  });
}
