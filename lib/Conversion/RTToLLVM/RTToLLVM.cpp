//===- RTToLLVM.cpp - Lowered functions become LLVM functions -------------===//
//
// The last conversion: rt, func, memref, arith, cf and index at once. A buffer
// is passed as a bare pointer. Code is made for the machine that the compiler
// runs on, so the offsets in lora-runtime/compiled_code.h are those of this
// build.
//
//===----------------------------------------------------------------------===//

#include "CodeTable.h"
#include "VerifyLowered.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-runtime/compiled_code.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/SetVector.h"

#include <cstddef>

namespace lora {
#define GEN_PASS_DEF_CONVERTRTTOLLVM
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

namespace {

constexpr int64_t kContextServices = offsetof(lora_rt_context, services),
                  kContextStateRows = offsetof(lora_rt_context, state_rows);
constexpr int64_t kServicesExecute = offsetof(lora_rt_services, execute),
                  kServicesParallelFor =
                      offsetof(lora_rt_services, parallel_for),
                  kServicesExecuteGroup =
                      offsetof(lora_rt_services, execute_group);
/// An entry of the slot table, of the arguments of an execution.
constexpr int64_t kPointerBytes = sizeof(void *);

using PrimitiveIndices = llvm::StringMap<int32_t>;

Value addBytes(OpBuilder &builder, Location loc, Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(
      builder, loc, pointer.getType(), builder.getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{int32_t(bytes)}, LLVM::GEPNoWrapFlags::inbounds);
}

/// Reads a field that does not change during a call.
Value loadField(OpBuilder &builder, Location loc, Type type, Value base,
                int64_t offset) {
  return LLVM::LoadOp::create(builder, loc, type,
                              addBytes(builder, loc, base, offset),
                              /*alignment=*/8, /*isVolatile=*/false,
                              /*isNonTemporal=*/false, /*isInvariant=*/true);
}

Value loadService(OpBuilder &builder, Location loc, Value context,
                  int64_t offset) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value services = loadField(builder, loc, pointer, context, kContextServices);
  return loadField(builder, loc, pointer, services, offset);
}

Value constant(OpBuilder &builder, Location loc, IntegerType type,
               int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, type, value);
}

/// Memory on the stack of the function around `op`. It is allocated at the
/// start of the function, so that a loop does not allocate it repeatedly.
Value stackSlot(ConversionPatternRewriter &rewriter, Operation *op, Type type,
                int64_t count) {
  OpBuilder::InsertionGuard guard(rewriter);
  auto function = op->getParentOfType<FunctionOpInterface>();
  rewriter.setInsertionPointToStart(&function.getFunctionBody().front());
  Value size = constant(rewriter, op->getLoc(), rewriter.getI64Type(), count);
  return LLVM::AllocaOp::create(rewriter, op->getLoc(),
                                LLVM::LLVMPointerType::get(op->getContext()),
                                type, size, /*alignment=*/64);
}

/// An array of addresses on the stack. A buffer is given by its address, a
/// scalar by the address of a copy. `values` are converted values of the types
/// `types`.
Value storeAddresses(ConversionPatternRewriter &rewriter, Operation *op,
                     const LLVMTypeConverter &converter, TypeRange types,
                     ValueRange values) {
  Location loc = op->getLoc();
  Type pointer = LLVM::LLVMPointerType::get(op->getContext());
  Value array =
      stackSlot(rewriter, op, pointer, std::max<int64_t>(1, values.size()));
  for (auto [index, type, value] : llvm::enumerate(types, values)) {
    Value address = value;
    if (auto buffer = dyn_cast<MemRefType>(type)) {
      address =
          MemRefDescriptor(value).bufferPtr(rewriter, loc, converter, buffer);
    } else if (value.getType() != pointer) {
      address = stackSlot(rewriter, op, value.getType(), 1);
      LLVM::StoreOp::create(rewriter, loc, value, address);
    }
    LLVM::StoreOp::create(
        rewriter, loc, address,
        addBytes(rewriter, loc, array, kPointerBytes * index));
  }
  return array;
}

/// Makes the descriptor of a buffer of `type` at `address`. `rows` is the
/// leading dimension if the type does not have it.
Value describe(OpBuilder &builder, Location loc,
               const LLVMTypeConverter &converter, MemRefType type,
               Value address, llvm::function_ref<Value()> rows) {
  if (type.hasStaticShape())
    return MemRefDescriptor::fromStaticShape(builder, loc, converter, type,
                                             address);
  auto descriptor =
      MemRefDescriptor::poison(builder, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(builder, loc, address);
  descriptor.setAlignedPtr(builder, loc, address);
  descriptor.setConstantOffset(builder, loc, 0);
  int64_t stride = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    descriptor.setConstantStride(builder, loc, i, stride);
    if (type.isDynamicDim(i)) {
      descriptor.setSize(builder, loc, i, rows());
      continue;
    }
    descriptor.setConstantSize(builder, loc, i, type.getDimSize(i));
    stride *= type.getDimSize(i);
  }
  return descriptor;
}

/// Lowers rt.slot to a load of the slot's address from the table.
struct LowerSlot : ConvertOpToLLVMPattern<rt::SlotOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::SlotOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value address = loadField(rewriter, loc, getPtrType(), adaptor.getSlots(),
                              kPointerBytes * op.getIndex());
    rewriter.replaceOp(op, describe(rewriter, loc, *getTypeConverter(),
                                    op.getType(), address, [&] {
                                      return loadField(
                                          rewriter, loc, rewriter.getI64Type(),
                                          adaptor.getCtx(), kContextStateRows);
                                    }));
    return success();
  }
};

/// Lowers rt.slot_range to the address of the range's first entry.
struct LowerSlotRange : ConvertOpToLLVMPattern<rt::SlotRangeOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::SlotRangeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, addBytes(rewriter, op.getLoc(), adaptor.getSlots(),
                                    kPointerBytes * op.getIndex()));
    return success();
  }
};

/// Lowers rt.frame_view to the frame's address plus the planned offset.
struct LowerFrameView : ConvertOpToLLVMPattern<rt::FrameViewOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::FrameViewOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    // The constant index of a GEP has 32 bits; an offset in a frame may be
    // larger.
    Location loc = op.getLoc();
    Value offset =
        constant(rewriter, loc, rewriter.getI64Type(), op.getOffset());
    Value address = LLVM::GEPOp::create(
        rewriter, loc, getPtrType(), rewriter.getI8Type(), adaptor.getFrame(),
        ValueRange{offset}, LLVM::GEPNoWrapFlags::inbounds);
    Value buffer = MemRefDescriptor::fromStaticShape(
        rewriter, loc, *getTypeConverter(), cast<MemRefType>(op.getType()),
        address);
    rewriter.replaceOp(op, buffer);
    return success();
  }
};

/// Lowers rt.subframe to an address in the caller's frame.
struct LowerSubframe : ConvertOpToLLVMPattern<rt::SubframeOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::SubframeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value offset =
        constant(rewriter, op.getLoc(), rewriter.getI64Type(), op.getOffset());
    rewriter.replaceOpWithNewOp<LLVM::GEPOp>(
        op, getPtrType(), rewriter.getI8Type(), adaptor.getFrame(),
        ValueRange{offset}, LLVM::GEPNoWrapFlags::inbounds);
    return success();
  }
};

/// Lowers rt.advance. Slots are counted in addresses, frames in bytes.
struct LowerAdvance : ConvertOpToLLVMPattern<rt::AdvanceOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::AdvanceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    bool isSlots = isa<rt::SlotsType>(op.getType());
    Value stride = constant(rewriter, op.getLoc(), rewriter.getI64Type(),
                            op.getStride() * (isSlots ? kPointerBytes : 1));
    Value offset =
        LLVM::MulOp::create(rewriter, op.getLoc(), adaptor.getCount(), stride);
    rewriter.replaceOpWithNewOp<LLVM::GEPOp>(
        op, getPtrType(), rewriter.getI8Type(), adaptor.getBase(),
        ValueRange{offset}, LLVM::GEPNoWrapFlags::inbounds);
    return success();
  }
};

/// Lowers rt.execute to a call of the runtime with the primitive's index in the
/// manifest.
struct LowerExecute : ConvertOpToLLVMPattern<rt::ExecuteOp> {
  LowerExecute(const LLVMTypeConverter &converter,
               const PrimitiveIndices &indices)
      : ConvertOpToLLVMPattern(converter), indices(indices) {}

  LogicalResult
  matchAndRewrite(rt::ExecuteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value arguments =
        storeAddresses(rewriter, op, *getTypeConverter(),
                       op.getBuffers().getTypes(), adaptor.getBuffers());
    Value index = constant(rewriter, loc, rewriter.getI32Type(),
                           indices.lookup(op.getPrimitive()));
    Value service =
        loadService(rewriter, loc, adaptor.getCtx(), kServicesExecute);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(getContext()),
        {getPtrType(), rewriter.getI32Type(), getPtrType()});
    LLVM::CallOp::create(
        rewriter, loc, type,
        ValueRange{service, adaptor.getCtx(), index, arguments});
    rewriter.eraseOp(op);
    return success();
  }

  const PrimitiveIndices &indices;
};

/// Lowers rt.execute_group to a call of the runtime with the primitives'
/// indices and, for each of them, an array of addresses.
struct LowerExecuteGroup : ConvertOpToLLVMPattern<rt::ExecuteGroupOp> {
  LowerExecuteGroup(const LLVMTypeConverter &converter,
                    const PrimitiveIndices &indices)
      : ConvertOpToLLVMPattern(converter), indices(indices) {}

  LogicalResult
  matchAndRewrite(rt::ExecuteGroupOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    IntegerType i32 = rewriter.getI32Type();
    int64_t size = op.getPrimitives().size();
    Value primitives = stackSlot(rewriter, op, i32, size);
    Value arguments = stackSlot(rewriter, op, getPtrType(), size);
    int64_t first = 0;
    for (auto [i, primitive, count] :
         llvm::enumerate(op.getPrimitives().getAsRange<FlatSymbolRefAttr>(),
                         op.getCounts())) {
      Value index =
          constant(rewriter, loc, i32, indices.lookup(primitive.getValue()));
      LLVM::StoreOp::create(rewriter, loc, index,
                            addBytes(rewriter, loc, primitives, 4 * i));
      Value addresses =
          storeAddresses(rewriter, op, *getTypeConverter(),
                         op.getBuffers().slice(first, count).getTypes(),
                         adaptor.getBuffers().slice(first, count));
      LLVM::StoreOp::create(
          rewriter, loc, addresses,
          addBytes(rewriter, loc, arguments, kPointerBytes * i));
      first += count;
    }
    Value service =
        loadService(rewriter, loc, adaptor.getCtx(), kServicesExecuteGroup);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(getContext()),
        {getPtrType(), i32, getPtrType(), getPtrType()});
    LLVM::CallOp::create(rewriter, loc, type,
                         ValueRange{service, adaptor.getCtx(),
                                    constant(rewriter, loc, i32, size),
                                    primitives, arguments});
    rewriter.eraseOp(op);
    return success();
  }

  const PrimitiveIndices &indices;
};

/// Lowers rt.launch to a call of the runtime with the body function of the
/// kernel.
struct LowerLaunch : ConvertOpToLLVMPattern<rt::LaunchOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::LaunchOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value captures =
        storeAddresses(rewriter, op, *getTypeConverter(),
                       op.getCaptures().getTypes(), adaptor.getCaptures());
    Value grain = constant(rewriter, loc, rewriter.getI64Type(), op.getGrain());
    Value body = LLVM::AddressOfOp::create(rewriter, loc, getPtrType(),
                                           getBodyName(op.getKernel()));
    Value service =
        loadService(rewriter, loc, adaptor.getCtx(), kServicesParallelFor);
    Type i64 = rewriter.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(getContext()),
        {getPtrType(), i64, i64, i64, getPtrType(), getPtrType()});
    LLVM::CallOp::create(rewriter, loc, type,
                         ValueRange{service, adaptor.getCtx(),
                                    adaptor.getLower(), adaptor.getUpper(),
                                    grain, body, captures});
    rewriter.eraseOp(op);
    return success();
  }
};

/// Erases rt.primitive. The manifest was made from it.
struct ErasePrimitive : ConvertOpToLLVMPattern<rt::PrimitiveOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(rt::PrimitiveOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertRTToLLVM final
    : lora::impl::ConvertRTToLLVMBase<ConvertRTToLLVM> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    if (failed(verifyLowered(module)))
      return signalPassFailure();
    PrimitiveIndices indices;
    for (auto primitive : module.getOps<rt::PrimitiveOp>())
      indices.try_emplace(primitive.getSymName(), indices.size());

    // The table at the end needs the kernels that are launched.
    llvm::SetVector<StringAttr> launched;
    module.walk([&](rt::LaunchOp op) {
      launched.insert(op.getKernelAttr().getAttr());
    });
    numKernels += launched.size();
    module.walk([&](Operation *op) {
      numExecutions += isa<rt::ExecuteOp, rt::ExecuteGroupOp>(op);
    });
    auto internal = LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal);
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isDeclaration())
        function->setAttr("llvm.linkage", internal);

    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    options.allocLowering = LowerToLLVMOptions::AllocLowering::None;
    LLVMTypeConverter converter(context, options);
    converter.addConversion([&](Type type) -> std::optional<Type> {
      if (isa<rt::ContextType, rt::SlotsType, rt::FrameType>(type))
        return LLVM::LLVMPointerType::get(context);
      return std::nullopt;
    });

    RewritePatternSet patterns(context);
    patterns.add<LowerSlot, LowerSlotRange, LowerFrameView, LowerSubframe,
                 LowerAdvance, LowerLaunch, ErasePrimitive>(converter);
    patterns.add<LowerExecute, LowerExecuteGroup>(converter, indices);
    SymbolTableCollection symbols;
    populateFuncToLLVMConversionPatterns(converter, patterns, &symbols);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns,
                                                   &symbols);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();

    // The unrolling attribute of scf.for reaches the branch as a discardable
    // attribute, which the translation to LLVM IR does not read.
    module.walk([](LLVM::BrOp branch) {
      StringRef name = "llvm.loop_annotation";
      if (auto loop = branch->getAttrOfType<LLVM::LoopAnnotationAttr>(name)) {
        branch->removeDiscardableAttr(name);
        branch.setLoopAnnotationAttr(loop);
      }
    });

    // Blocks stay separate functions, for any number of layers. Kernels stay
    // separate too, because their arguments carry noalias. Entries are inlined
    // into their wrappers.
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      function->removeAttr(rt::RTDialect::kKernelAttr);
      if (function.isExternal())
        continue;
      bool isEntry = function->hasAttr(rt::RTDialect::kEntryAttr);
      numEntries += isEntry;
      if (isEntry)
        function.setAlwaysInline(true);
      else
        function.setNoInline(true);
    }
    if (failed(makeCodeTable(module, launched.getArrayRef())))
      return signalPassFailure();
    module->removeAttr(rt::RTDialect::kSlotTableAttr);
  }
};

} // namespace
