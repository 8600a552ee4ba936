//===- CodeKey.cpp - A hash of everything that code depends on ------------===//
//
// Modules with equal keys have the same code, byte for byte. So the key is
// computed from the whole module that is translated, not from a list of
// relevant parts. What must not affect the key is removed from the module, and
// is not available to the translation either.
//
//===----------------------------------------------------------------------===//

#include "CodeKey.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Support/BuildIdentity.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

using namespace mlir;
using namespace lora;

namespace {

/// Hashes everything that is written to it.
class HashStream : public llvm::raw_ostream {
public:
  explicit HashStream(llvm::BLAKE3 &hash)
      : raw_ostream(/*unbuffered=*/false), hash(hash) {}
  ~HashStream() override { flush(); }

private:
  void write_impl(const char *bytes, size_t size) override {
    hash.update(StringRef(bytes, size));
    position += size;
  }
  uint64_t current_pos() const override { return position; }

  llvm::BLAKE3 &hash;
  uint64_t position = 0;
};

} // namespace

void lora::removeWhatCodeLacks(ModuleOp module) {
  module->removeAttr(rt::RTDialect::kSlotTableAttr);
  module->removeAttr(transformer::TransformerDialect::kModelAttr);
}

std::string lora::codeKey(ModuleOp module, const NativeTarget &target,
                          LLVMPipelineOptions &options) {
  const std::string &identity = buildIdentity();
  if (identity.empty())
    return {};
  // Kernels are named after the values of their operations, so the names of
  // values count. Files and lines do not.
  OwningOpRef<ModuleOp> copy = module.clone();
  AttrTypeReplacer places;
  places.addReplacement([](FileLineColRange range) -> LocationAttr {
    return UnknownLoc::get(range.getContext());
  });
  places.recursivelyReplaceElementsIn(*copy, /*replaceAttrs=*/false,
                                      /*replaceLocs=*/true);

  llvm::BLAKE3 hash;
  {
    HashStream stream(hash);
    // The length before each text makes the bytes of two different lists
    // different.
    auto add = [&](StringRef text) { stream << text.size() << ":" << text; };
    add(identity);
    add(target.cpu);
    stream << target.features.size() << ",";
    for (const std::string &feature : target.features)
      add(feature);
    std::string text;
    llvm::raw_string_ostream optionsStream(text);
    options.print(optionsStream);
    add(text);
    if (failed(writeBytecodeToFile(*copy, stream)))
      return {};
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}
