//===- Branches.cpp - Which copies of blocks get which branches -----------===//
//
// Applications whose branches differ, or depend on different weights, get
// copies of the block. If they differ only in weight expressions, they share a
// copy, and the expressions are on the applications.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
#include "llvm/ADT/StringSet.h"

#include <map>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

StringRef lora::blockStem(StringRef name) {
  auto [stem, rest] = name.split(".lora");
  bool isVariant =
      rest.empty() ||
      (rest.consume_front("_") && !rest.empty() &&
       llvm::all_of(rest, [](char c) { return llvm::isDigit(c); }));
  return isVariant ? stem : name;
}

/// The first free name of "decoder.lora", "decoder.lora_1", ...
static std::string variantName(SymbolTable &symbols, StringRef block) {
  std::string base = (blockStem(block) + ".lora").str(), name = base;
  for (unsigned i = 1; symbols.lookup(name); ++i)
    name = base + "_" + std::to_string(i);
  return name;
}

static int64_t countOps(Operation *op) {
  int64_t count = 0;
  op->walk([&](Operation *) { ++count; });
  return count;
}

/// The attribute by which two applications can share a copy of a block: they
/// can if theirs are equal.
static Attribute signatureOf(ArrayRef<const Branch *> branches, ApplyOp place,
                             func::FuncOp block) {
  MLIRContext *context = place.getContext();
  SmallVector<Attribute> parts;
  auto add = [&](Attribute part) {
    parts.push_back(part ? part : UnitAttr::get(context));
  };
  auto addSlot = [&](const Branch &branch, StringRef suffix) {
    std::optional<unsigned> index =
        findSlot(block, joinPath(branch.local, suffix));
    add(index ? getSlotValue(place, block, *index) : Attribute());
  };
  for (const Branch *branch : branches) {
    add(StringAttr::get(context, branch->local));
    add(StringAttr::get(context, branch->adapter));
    for (Attribute part :
         {branch->a, branch->b, Attribute(branch->scale), branch->bias,
          branch->magnitude, Attribute(branch->initialScale)})
      add(part);
    add(branch->residual
            ? StringAttr::get(context, stringifyInitializerKind(*branch->residual))
            : Attribute());
    // The value that the branch depends on may differ between applications.
    if (branch->magnitude || branch->residual)
      addSlot(*branch, "weight");
    if (branch->bias)
      addSlot(*branch, "bias");
  }
  return ArrayAttr::get(context, parts);
}

static int64_t countParameters(const Branch &branch) {
  int64_t count = 0;
  for (Attribute part : {branch.a, branch.b, branch.bias, branch.magnitude})
    count += part ? exprType(part).getNumElements() : 0;
  return count;
}

/// Puts a weight expression on the block if all applications have the same one.
static void hoistValues(func::FuncOp block, ArrayRef<ApplyOp> applies) {
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
    if (!getSlotName(block, i) || getSlotRole(block, i) == Role::State)
      continue;
    SmallVector<Attribute> values;
    for (ApplyOp apply : applies)
      values.push_back(getSlotValue(apply, block, i));
    if (values.empty() || !llvm::all_equal(values))
      continue;
    setSlotValue(block, i, values.front());
    for (ApplyOp apply : applies)
      setSlotValue(apply, block, i, values.front());
  }
}

FailureOr<BranchStatistics>
lora::addBranches(ModuleOp module, ArrayRef<Branch> branches, bool train) {
  BranchStatistics statistics;
  std::map<std::string, SmallVector<const Branch *>> byPath;
  for (const Branch &branch : branches)
    byPath[branch.path].push_back(&branch);

  SymbolTable symbols(module);
  int64_t before = countOps(module);
  for (auto &[block, applies] : collectApplies(module)) {
    struct Variant {
      func::FuncOp block;
      SmallVector<std::string> changedSlots;
    };
    DenseMap<Attribute, Variant> variants;
    llvm::StringSet<> counted;
    SmallVector<func::FuncOp> created;
    Operation *last = block;
    for (ApplyOp apply : applies) {
      SmallVector<const Branch *> here;
      for (const Branch *branch : byPath[apply.getPath().str()])
        if (findSlot(block, joinPath(branch->local, "weight")))
          here.push_back(branch);
      if (here.empty())
        continue;
      auto &[variant, changedSlots] = variants[signatureOf(here, apply, block)];
      if (!variant) {
        variant = block.clone();
        variant.setName(variantName(symbols, block.getName()));
        symbols.insert(variant, std::next(last->getIterator()));
        last = variant;
        created.push_back(variant);
        if (failed(buildBranches(variant, here, apply, train, changedSlots)))
          return failure();
      }
      apply.setBlock(variant.getName());
      for (const std::string &slot : changedSlots) {
        unsigned index = *findSlot(variant, slot);
        setSlotValue(apply, variant, index, getSlotValue(variant, index));
      }
      if (!counted.insert(apply.getPath()).second)
        continue;
      for (const Branch *branch : here) {
        ++statistics.branches;
        statistics.parameters += countParameters(*branch);
      }
    }
    if (!block.isPrivate() || !SymbolTable::symbolKnownUseEmpty(block, module))
      continue;
    // The copy of a copy takes its name.
    std::string name = block.getName().str();
    symbols.erase(block);
    if (!created.empty() && blockStem(name) != name)
      (void)symbols.rename(created.front(), name);
  }
  for (auto &[block, applies] : collectApplies(module))
    if (blockStem(block.getName()) != block.getName())
      hoistValues(block, applies);
  statistics.operations = countOps(module) - before;
  return statistics;
}
