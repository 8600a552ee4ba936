//===- CodeTable.cpp - What an executable shows to the runtime ------------===//
//
// Makes the table of entries and bodies that lora-runtime/compiled_code.h
// describes. The function that returns it is the only exported symbol of the
// code.
//
//===----------------------------------------------------------------------===//

#include "CodeTable.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-runtime/compiled_code.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace lora;

static_assert(rt::RTDialect::kMaxGroup == LORA_RT_MAX_GROUP);

/// The number of 64-bit words in a lora_rt_contract.
static constexpr size_t kContractWords =
    sizeof(lora_rt_contract) / sizeof(uint64_t);

namespace {

class TableBuilder {
public:
  explicit TableBuilder(ModuleOp module)
      : module(module), builder(OpBuilder::atBlockEnd(module.getBody())),
        loc(module.getLoc()),
        pointer(LLVM::LLVMPointerType::get(module.getContext())),
        none(LLVM::LLVMVoidType::get(module.getContext())),
        i64(builder.getI64Type()) {}

  /// Makes void body(void *const *captures, i64 begin, i64 end). It reads the
  /// kernel's arguments from the captures; a scalar is read from its address.
  LogicalResult addBody(StringAttr name) {
    auto kernel = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
    LLVM::LLVMFuncOp body =
        addFunction(getBodyName(name.getValue()), {pointer, i64, i64});
    Block *block = body.addEntryBlock(builder);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(block);
    SmallVector<Value> arguments{block->getArgument(1), block->getArgument(2)};
    for (auto [index, type] :
         llvm::enumerate(kernel.getArgumentTypes().drop_front(2))) {
      Value value = loadPointer(block->getArgument(0), index);
      if (type != pointer)
        value = LLVM::LoadOp::create(builder, loc, type, value);
      arguments.push_back(value);
    }
    LLVM::CallOp::create(builder, loc, kernel, arguments);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    return success();
  }

  /// Makes void entry(context, slots, frame, void *const *io).
  LogicalResult addEntry(LLVM::LLVMFuncOp function, StringRef name) {
    ArrayRef<Type> types = function.getArgumentTypes();
    if (types.size() < 3 ||
        !llvm::all_of(types, [&](Type type) { return type == pointer; }))
      return function.emitError()
             << "expected an entry to take a context, slots, a frame and "
                "buffers of static shapes";
    LLVM::LLVMFuncOp entry =
        addFunction((function.getSymName() + ".entry").str(),
                    {pointer, pointer, pointer, pointer});
    Block *block = entry.addEntryBlock(builder);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(block);
    SmallVector<Value> arguments(block->getArguments().take_front(3));
    for (unsigned i = 0, e = types.size() - 3; i != e; ++i)
      arguments.push_back(loadPointer(block->getArgument(3), i));
    LLVM::CallOp::create(builder, loc, function, arguments);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    entries.push_back({name.str(), entry.getSymName().str()});
    return success();
  }

  /// Makes the table, and the function that returns it.
  void addTable(ArrayRef<int64_t> contract) {
    auto record = LLVM::LLVMStructType::getLiteral(module.getContext(),
                                                   {pointer, pointer});
    auto records = LLVM::LLVMArrayType::get(record, entries.size());
    for (auto [index, entry] : llvm::enumerate(entries)) {
      std::string text = entry.first + '\0';
      LLVM::GlobalOp::create(
          builder, loc,
          LLVM::LLVMArrayType::get(builder.getI8Type(), text.size()),
          /*isConstant=*/true, LLVM::Linkage::Internal, nameOf(index),
          builder.getStringAttr(text));
    }
    addConstant("lora.entries", records, [&](Value value) {
      for (auto [index, entry] : llvm::enumerate(entries)) {
        int64_t at = index;
        value = insert(value, address(nameOf(index)), {at, 0});
        value = insert(value, address(entry.second), {at, 1});
      }
      return value;
    });
    Type i32 = builder.getI32Type();
    auto table = LLVM::LLVMStructType::getLiteral(
        module.getContext(), {i32, i32, i64, pointer,
                              LLVM::LLVMArrayType::get(i64, contract.size())});
    addConstant("lora.code", table, [&](Value value) {
      value = insert(value, integer(i32, sizeof(lora_rt_code)), {0});
      value = insert(value, integer(i32, LORA_RT_ABI_VERSION), {1});
      value = insert(value, integer(i64, entries.size()), {2});
      value = insert(value, address("lora.entries"), {3});
      for (auto [index, word] : llvm::enumerate(contract))
        value = insert(value, integer(i64, word), {4, int64_t(index)});
      return value;
    });

    auto query =
        LLVM::LLVMFuncOp::create(builder, loc, LORA_RT_CODE_QUERY_SYMBOL,
                                 LLVM::LLVMFunctionType::get(pointer, {}));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(query.addEntryBlock(builder));
    LLVM::ReturnOp::create(builder, loc, address("lora.code"));
  }

private:
  std::string nameOf(size_t entry) {
    return "lora.name." + std::to_string(entry);
  }

  LLVM::LLVMFuncOp addFunction(StringRef name, ArrayRef<Type> types) {
    return LLVM::LLVMFuncOp::create(builder, loc, name,
                                    LLVM::LLVMFunctionType::get(none, types),
                                    LLVM::Linkage::Internal);
  }

  Value loadPointer(Value array, int32_t index) {
    Value place = LLVM::GEPOp::create(builder, loc, pointer, pointer, array,
                                      ArrayRef<LLVM::GEPArg>{index});
    return LLVM::LoadOp::create(builder, loc, pointer, place);
  }

  Value address(StringRef symbol) {
    return LLVM::AddressOfOp::create(builder, loc, pointer, symbol);
  }

  Value integer(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getIntegerAttr(type, value));
  }

  Value insert(Value aggregate, Value value, ArrayRef<int64_t> position) {
    return LLVM::InsertValueOp::create(builder, loc, aggregate, value,
                                       position);
  }

  void addConstant(StringRef name, Type type,
                   llvm::function_ref<Value(Value)> fill) {
    auto global = LLVM::GlobalOp::create(
        builder, loc, type,
        /*isConstant=*/true, LLVM::Linkage::Internal, name, Attribute());
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&global.getInitializerRegion());
    Value value = fill(LLVM::UndefOp::create(builder, loc, type));
    LLVM::ReturnOp::create(builder, loc, value);
  }

  ModuleOp module;
  OpBuilder builder;
  Location loc;
  Type pointer, none, i64;
  SmallVector<std::pair<std::string, std::string>> entries;
};

} // namespace

LogicalResult lora::makeCodeTable(ModuleOp module,
                                  ArrayRef<StringAttr> kernels) {
  SmallVector<int64_t> contract(kContractWords, 0);
  if (Attribute attr = module->getAttr(rt::RTDialect::kContractAttr)) {
    auto words = dyn_cast<DenseI64ArrayAttr>(attr);
    if (!words || words.size() != int64_t(kContractWords))
      return module.emitError() << "expected 'rt.contract' to have "
                                << kContractWords << " numbers of i64";
    contract.assign(words.asArrayRef().begin(), words.asArrayRef().end());
    module->removeAttr(rt::RTDialect::kContractAttr);
  }
  TableBuilder builder(module);
  for (StringAttr kernel : kernels)
    if (failed(builder.addBody(kernel)))
      return failure();
  for (auto function :
       llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>())) {
    rt::EntryAttr entry = rt::RTDialect::getEntry(function);
    if (entry && failed(builder.addEntry(function, entry.getName())))
      return failure();
  }
  builder.addTable(contract);
  return success();
}
