//===- RTOps.td - The rt dialect -----------------------------*- tablegen -*-===//
//
// Defines the dialect, its types and its operations, which correspond to the
// interface of compiled code (runtime/include/lora-runtime/compiled_code.h).
// The constraints (Cn) are verified in lib/Dialect/RT/IR/RTDialect.cpp.
// -convert-rt-to-llvm lowers the operations.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_IR_RTOPS_TD
#define LORA_MLIR_DIALECT_RT_IR_RTOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def RT_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::lora::rt";
  let summary = "Execution: parameters by address, one frame per function, primitives, parallel loops";
  let description = [{
    The last dialect before `llvm`. Functions here take a `!rt.context` (the services of the
    runtime), `!rt.slots` (the addresses of a layer's parameters and state), a `!rt.frame` (their
    workspace), and memrefs. Everything in it has a counterpart in `lora-runtime/compiled_code.h`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
    /// On a module, `#rt.target`: what it is compiled for. Without it, the CPU engine.
    static constexpr llvm::StringLiteral kTargetAttr = "rt.target";
    /// The engine of a module's target.
    static std::string getEngine(::mlir::Operation *module);
    /// Whether code for the target of the module around `op` may use a feature of the CPU ("avx512bf16").
    static bool hasFeature(::mlir::Operation *op, llvm::StringRef feature);
    /// On a module: the checksums of its manifest, as the numbers of a
    /// lora_rt_contract; an array of i64.
    static constexpr llvm::StringLiteral kContractAttr = "rt.contract";
    /// On a function: the bytes of its frame (after rt-plan-memory).
    static constexpr llvm::StringLiteral kFrameBytesAttr = "rt.frame_bytes";
    /// On a function, `#rt.entry`: the runtime calls it.
    static constexpr llvm::StringLiteral kEntryAttr = "rt.entry";
    /// The function's entry, or null.
    static ::lora::rt::EntryAttr getEntry(::mlir::Operation *function);
    /// On a function: it is an outlined loop nest; its memref arguments are
    /// the memory it touches.
    static constexpr llvm::StringLiteral kKernelAttr = "rt.kernel";
    /// The most primitives of an rt.execute_group.
    static constexpr int64_t kMaxGroup = 8;
    /// On a module, an array of `#rt.slot` and `#rt.region`: the slot table.
    static constexpr llvm::StringLiteral kSlotTableAttr = "rt.slot_table";
  }];
}

class RT_Type<string name, string typeMnemonic> : TypeDef<RT_Dialect, name> {
  let mnemonic = typeMnemonic;
}
def RT_ContextType : RT_Type<"Context", "context"> {
  let summary = "The context of a call: services, state rows, status (lora_rt_context)";
}
def RT_SlotsType : RT_Type<"Slots", "slots"> {
  let summary = "The part of the slot table that a function reads: one address per slot";
}
def RT_FrameType : RT_Type<"Frame", "frame"> {
  let summary = "The workspace of a function, aligned to 64 bytes";
}

class RT_Attr<string name, string attrMnemonic> : AttrDef<RT_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def RT_TargetAttr : RT_Attr<"Target", "target"> {
  let summary = "What a module is compiled for";
  let description = [{
    ```mlir
    #rt.target<{engine = "cpu", cpu = "znver4", features = ["avx2", "avx512f"]}>
    ```
    The manifest's `target`: `engine` is where primitives run, `cpu` and `features` (LLVM's names)
    are those of generated code.
  }];
  let parameters = (ins "::mlir::DictionaryAttr":$fields);
  let assemblyFormat = "`<` $fields `>`";
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "const ::lora_rt::Manifest::Target &":$target)>];
  let extraClassDeclaration = [{
    ::lora_rt::Manifest::Target getTarget() const;
  }];
}

def RT_PrimitiveSpecAttr : RT_Attr<"PrimitiveSpec", "primitive_spec"> {
  let summary = "A primitive: what a backend creates at load";
  let description = [{
    ```mlir
    #rt.primitive_spec<{kind = "gather", rows = 259 : i64, width = 48 : i64, count = 16 : i64, dtype = "bf16", layout = "plain"}>
    ```
    An entry of the manifest's `primitives`.
  }];
  let parameters = (ins "::mlir::DictionaryAttr":$fields);
  let assemblyFormat = "`<` $fields `>`";
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "const ::lora_rt::PrimitiveSpec &":$spec)>];
  let extraClassDeclaration = [{
    ::lora_rt::PrimitiveSpec getSpec() const;
  }];
}

def RT_EntryAttr : RT_Attr<"Entry", "entry"> {
  let summary = "A function that the runtime calls";
  let description = [{
    ```mlir
    #rt.entry<name = "hidden_states.t16", function = "hidden_states", tokens = 16, inputs = ["ids", "sequence"], outputs = ["hidden"]>
    ```
    The manifest's `entries` have it with the types of the buffers, which are the function's last
    arguments: the inputs, then the outputs. `tokens` is 0 for a function without a token axis.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::StringAttr":$function, "int64_t":$tokens,
                        "::mlir::ArrayAttr":$inputs, "::mlir::ArrayAttr":$outputs);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def RT_SlotKind : I32EnumAttr<"SlotKind", "What a slot holds", [
    I32EnumAttrCase<"Param", 0, "param">,
    I32EnumAttrCase<"State", 1, "state">,
    I32EnumAttrCase<"Trainable", 2, "trainable">,
    I32EnumAttrCase<"Gradient", 3, "gradient">]> {
  let cppNamespace = "::lora::rt";
  let genSpecializedAttr = 0;
}

def RT_SlotAttr : RT_Attr<"Slot", "slot"> {
  let summary = "An entry of the slot table: the memory of a tensor of one layer";
  let description = [{
    ```mlir
    #rt.slot<param, "model.layers.0", "mlp.up_proj.weight", tensor<6x4xf32> value = #transformer.base<"mlp.up_proj.weight", tensor<6x4xf32>>>
    ```
    ```mlir
    #rt.slot<gradient, "model.layers.0", "mlp.up_proj.lora_A.weight", tensor<2x4xf32> offset = 16>
    ```
    The path and the name in the path. `value` is the weight expression of a parameter, and of a
    trainable its initial value; `offset` is the place of a trainable, and of its gradient, in the
    flat regions, in elements.
  }];
  let parameters = (ins EnumParameter<RT_SlotKind>:$kind, "::mlir::StringAttr":$path, "::mlir::StringAttr":$slot,
                        "::mlir::RankedTensorType":$type, OptionalParameter<"::mlir::Attribute">:$value,
                        DefaultValuedParameter<"int64_t", "-1">:$offset);
  let assemblyFormat = "`<` $kind `,` $path `,` $slot `,` $type (`value` `=` $value^)? (`offset` `=` $offset^)? `>`";
  let genVerifyDecl = 1;
}

def RT_RegionKind : I32EnumAttr<"RegionKind", "Flat memory of all trainables", [
    I32EnumAttrCase<"Theta", 0, "theta">,
    I32EnumAttrCase<"Gradient", 1, "gradient">,
    I32EnumAttrCase<"Moment1", 2, "moment1">,
    I32EnumAttrCase<"Moment2", 3, "moment2">]> {
  let cppNamespace = "::lora::rt";
  let genSpecializedAttr = 0;
}

def RT_RegionAttr : RT_Attr<"Region", "region"> {
  let summary = "An entry of the slot table: a whole flat region";
  let description = [{
    ```mlir
    #rt.region<theta, tensor<64xf32>>
    ```
  }];
  let parameters = (ins EnumParameter<RT_RegionKind>:$region, "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $region `,` $type `>`";
}

class RT_Op<string mnemonic, list<Trait> traits = []> : Op<RT_Dialect, mnemonic, traits>;

def RT_SlotOp : RT_Op<"slot", [Pure]> {
  let summary = "The memory of a slot";
  let description = [{
    A dynamic leading dimension is the context's number of state rows.

    ```mlir
    %w = rt.slot %context, %slots[3] : memref<144x48xbf16>
    ```

    Constraints:
    - (C1) only the leading dimension of the result may be dynamic.
  }];
  let arguments = (ins RT_ContextType:$ctx, RT_SlotsType:$slots, I64Attr:$index);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$ctx `,` $slots `[` $index `]` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def RT_SlotRangeOp : RT_Op<"slot_range", [Pure]> {
  let summary = "The slots of one layer: the slot table from an index on";
  let description = [{
    ```mlir
    %layer = rt.slot_range %slots[14]
    ```
  }];
  let arguments = (ins RT_SlotsType:$slots, I64Attr:$index);
  let results = (outs RT_SlotsType:$result);
  let assemblyFormat = "$slots `[` $index `]` attr-dict";
}

def RT_FrameViewOp : RT_Op<"frame_view", [Pure]> {
  let summary = "A buffer at a fixed offset of the frame";
  let description = [{
    ```mlir
    %b = rt.frame_view %frame[128] : memref<16x144xf32>
    ```

    Constraints:
    - (C1) the result is static and contiguous.
    - (C2) the offset is a multiple of 64, not negative.
  }];
  let arguments = (ins RT_FrameType:$frame, I64Attr:$offset);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "$frame `[` $offset `]` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def RT_SubframeOp : RT_Op<"subframe", [Pure]> {
  let summary = "The frame of a callee inside the caller's";
  let description = [{
    ```mlir
    %f = rt.subframe %frame[4096]
    ```
  }];
  let arguments = (ins RT_FrameType:$frame, I64Attr:$offset);
  let results = (outs RT_FrameType:$result);
  let assemblyFormat = "$frame `[` $offset `]` attr-dict";
}

def RT_AdvanceOp : RT_Op<"advance", [Pure, AllTypesMatch<["base", "result"]>]> {
  let summary = "Slots or a frame, some steps further";
  let description = [{
    The address `base` plus count * stride, counted in slots for `!rt.slots` and in bytes for
    `!rt.frame`. A loop over layers advances by it.

    ```mlir
    %layer = rt.advance %slots by %i * 14 : !rt.slots
    ```
  }];
  let arguments = (ins AnyTypeOf<[RT_SlotsType, RT_FrameType]>:$base, Index:$count, I64Attr:$stride);
  let results = (outs AnyTypeOf<[RT_SlotsType, RT_FrameType]>:$result);
  let assemblyFormat = "$base `by` $count `*` $stride attr-dict `:` type($base)";
}

def RT_PrimitiveOp : RT_Op<"primitive", [Symbol]> {
  let summary = "A primitive that the runtime creates at load";
  let description = [{
    ```mlir
    rt.primitive @matmul_16x144x48 <{kind = "matmul", m = 16 : i64, n = 144 : i64, k = 48 : i64, a = "bf16", b = "bf16", c = "bf16"}>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, RT_PrimitiveSpecAttr:$spec);
  let assemblyFormat = "$sym_name $spec attr-dict";
}

def RT_ExecuteOp : RT_Op<"execute", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Executes a primitive";
  let description = [{
    ```mlir
    rt.execute %context, @matmul_16x144x48_bf16(%a, %w, %c) : memref<16x48xbf16>, memref<13824xi8>, memref<16x144xbf16>
    ```

    Constraints:
    - (C1) the symbol is an `rt.primitive`.
  }];
  let arguments = (ins RT_ContextType:$ctx, FlatSymbolRefAttr:$primitive, Variadic<AnyMemRef>:$buffers);
  let assemblyFormat = "$ctx `,` $primitive `(` $buffers `)` attr-dict `:` type($buffers)";
}

def RT_ExecuteGroupOp : RT_Op<"execute_group", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Executes primitives that may run at once";
  let description = [{
    `counts` is the number of buffers of each primitive, in order. No primitive accesses what
    another one writes, with one exception: an operand of a matmul's post-op may be the result of an
    earlier matmul with the same number of columns, because each element is written before it is
    read.

    ```mlir
    rt.execute_group %context, [@matmul_1x144x48_bf16, @matmul_1x96x48_bf16](%a, %w, %c, %a, %v, %d) counts [3, 3]
      : memref<1x48xbf16>, memref<1xi8>, memref<1x144xbf16>, memref<1x48xbf16>, memref<1xi8>, memref<1x96xbf16>
    ```

    Constraints:
    - (C1) each symbol is an `rt.primitive`; there are at least two, and at most eight.
    - (C2) there is a positive count for each, and their sum is the number of buffers.
  }];
  let arguments = (ins RT_ContextType:$ctx,
                       TypedArrayAttrBase<FlatSymbolRefAttr, "array of symbols">:$primitives,
                       Variadic<AnyMemRef>:$buffers, DenseI32ArrayAttr:$counts);
  let assemblyFormat = "$ctx `,` $primitives `(` $buffers `)` `counts` $counts attr-dict `:` type($buffers)";
  let hasVerifier = 1;
}

def RT_ParallelForOp : RT_Op<"parallel_for", [SingleBlock, RecursiveMemoryEffects]> {
  let summary = "Runs a body over an index range on the threads of the runtime";
  let description = [{
    Iterations may run in any order and at the same time; they write disjoint memory. `grain` is the
    least number of iterations in a chunk.

    ```mlir
    rt.parallel_for %context, %i = %c0 to %c16 grain 4 {
      %v = memref.load %m[%i] : memref<16xf32>
    }
    ```
  }];
  let arguments = (ins RT_ContextType:$ctx, Index:$lower, Index:$upper, I64Attr:$grain);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$context, "::mlir::Value":$lower, "::mlir::Value":$upper, "int64_t":$grain)>];
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getInductionVar() { return getBody().front().getArgument(0); }
  }];
}

def RT_YieldOp : RT_Op<"yield", [Pure, Terminator, HasParent<"ParallelForOp">]> {
  let summary = "Ends the body of a parallel loop";
  let assemblyFormat = "attr-dict";
}

def RT_LaunchOp : RT_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel over an index range on the threads of the runtime";
  let description = [{
    A `parallel_for` whose body has become a function (`-rt-outline-kernels`). The arguments of the
    kernel are the range of a chunk and the captures.

    ```mlir
    rt.launch %context, @scale.kernel(%m) from %c0 to %c16 grain 4 : memref<16xf32>
    ```

    Constraints:
    - (C1) the symbol is a function without results.
    - (C2) the function takes two indices, then the types of the captures.
  }];
  let arguments = (ins RT_ContextType:$ctx, FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$captures,
                       Index:$lower, Index:$upper, I64Attr:$grain);
  let assemblyFormat = [{
    $ctx `,` $kernel `(` $captures `)` `from` $lower `to` $upper `grain` $grain attr-dict (`:` type($captures)^)?
  }];
}

#endif // LORA_MLIR_DIALECT_RT_IR_RTOPS_TD
