//===- Attach.cpp - Attaches PEFT adapters --------------------------------===//
//
// Every tensor of the adapter ends up on a linear layer, or is named in an
// error.
//
//===----------------------------------------------------------------------===//

#include "Branches.h"
#include "Targets.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"

#include <set>

namespace lora {
#define GEN_PASS_DEF_ATTACH
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

static Type elementType(MLIRContext *context, lora_rt::DType type) {
  switch (type) {
  case lora_rt::DType::F64:
    return Float64Type::get(context);
  case lora_rt::DType::F32:
    return Float32Type::get(context);
  case lora_rt::DType::BF16:
    return BFloat16Type::get(context);
  case lora_rt::DType::F16:
    return Float16Type::get(context);
  default:
    return {};
  }
}

/// The leaf for a tensor of a targeted module, or failure if it is missing or
/// has another shape.
static FailureOr<Attribute>
leafOf(ModuleOp module, const peft::PeftAdapter &adapter,
       const GraphModule &target, StringRef suffix, ArrayRef<int64_t> shape,
       const std::string &name, std::set<std::string> &used) {
  MLIRContext *context = module.getContext();
  std::string tensor = joinPath(target.info.path, suffix);
  const lora_rt::TensorView *view = adapter.find(tensor);
  if (!view)
    return module.emitError()
           << adapter.folder() << ": no tensor '" << adapter.keyOf(tensor)
           << "', although adapter_config.json targets '" << target.info.path
           << "'" << lora_rt::suggestion(tensor, adapter.names());
  Type element = elementType(context, view->dtype);
  if (!element)
    return module.emitError()
           << adapter.folder() << ": expected tensor '" << view->name
           << "' to be of F32, F16, BF16 or F64, but got "
           << std::string(lora_rt::safetensorsName(view->dtype));
  if (ArrayRef<int64_t>(view->shape) != shape)
    return module.emitError()
           << adapter.folder() << ": expected tensor '" << view->name
           << "' to have shape " << lora_rt::shapeText(shape) << ", but got "
           << lora_rt::shapeText(view->shape)
           << "; does the adapter belong to this model?";
  used.insert(view->name);
  return Attribute(
      AdapterAttr::get(context, StringAttr::get(context, name),
                       StringAttr::get(context, slotName(target.local, suffix)),
                       RankedTensorType::get(shape, element)));
}

/// Says of a tensor that nothing used why that is.
static LogicalResult refuseTensor(ModuleOp module,
                                  const peft::PeftAdapter &adapter,
                                  StringRef name,
                                  ArrayRef<GraphModule> modules) {
  InFlightDiagnostic diag = module.emitError()
                            << adapter.folder() << ": tensor '"
                            << peft::fileKey(name) << "' is not used: ";
  auto [owner, role] = name.split(".lora_");
  if (name.contains(".lora_embedding_"))
    return diag << "adapters on embeddings are not supported";
  if (name.contains(".lora_magnitude_vector"))
    return diag << "DoRA is not supported";
  if (name.ends_with(".lora_B.bias"))
    return diag << "a bias on B is not supported";
  if (role != "A.weight" && role != "B.weight")
    return diag
           << "it is not a low-rank matrix; tensors of the base model that "
              "were trained in full are not supported, merge the adapter "
              "with PEFT and compile the result";
  std::vector<std::string_view> names;
  for (const GraphModule &known : modules) {
    std::string_view path = known.seen;
    if (path == std::string_view(owner))
      return diag << "adapter_config.json does not target '" << owner << "'";
    names.push_back(path);
  }
  return diag << "the model has no module '" << owner << "'"
              << lora_rt::suggestion(owner, names);
}

/// Adapters and models may come with or without the head; without it,
/// transformers drops the leading "model." of paths. The rules were written for
/// the adapter's.
static void seeAsAdapter(MutableArrayRef<GraphModule> modules, bool headless) {
  bool hasPrefix = llvm::any_of(modules, [](const GraphModule &known) {
    return StringRef(known.info.path).starts_with("model.");
  });
  for (GraphModule &known : modules) {
    StringRef path = known.info.path;
    if (headless && hasPrefix)
      known.seen = path.consume_front("model.") ? path.str() : "";
    else if (!headless && !hasPrefix)
      known.seen = "model." + path.str();
  }
}

/// Whether a slot's value reads an adapter of this name.
static bool hasAdapter(ModuleOp module, StringRef name) {
  bool found = false;
  AttrTypeWalker walker;
  walker.addWalk([&](AdapterAttr leaf) {
    found |= leaf.getAdapter().getValue() == name;
    return WalkResult::advance();
  });
  module.walk([&](Operation *op) { walker.walk(op->getAttrDictionary()); });
  return found;
}

FailureOr<BranchStatistics>
lora::attachAdapter(ModuleOp module, const peft::PeftAdapter &adapter,
                    const AdapterOptions &options) {
  const peft::PeftConfig &config = adapter.config();
  if (options.name.empty() || StringRef(options.name).contains('.'))
    return module.emitError()
           << "expected an adapter's name without '.', but got '"
           << options.name << "'";
  if (hasAdapter(module, options.name))
    return module.emitError()
           << "expected no adapter '" << options.name
           << "' in the module yet; give another name to attach a second one "
              "beside it";
  if (config.init == peft::PeftConfig::Init::Pissa ||
      config.init == peft::PeftConfig::Init::Olora)
    return module.emitError()
           << config.where
           << ": the base weights of PiSSA and OLoRA are not supported; merge "
              "the adapter with PEFT";
  if (options.train && failed(refuseDropout(module, config)))
    return failure();
  std::vector<GraphModule> modules = collectModules(module);
  seeAsAdapter(modules, adapter.isHeadless());
  FailureOr<peft::TargetSelection> selection =
      selectModules(module, config, modules);
  if (failed(selection))
    return failure();

  std::set<std::string> used;
  std::vector<Branch> branches;
  for (const peft::Target &target : selection->targets) {
    const GraphModule &linear = modules[target.module];
    FailureOr<Attribute> a =
        leafOf(module, adapter, linear, "lora_A.weight",
               {target.rank, linear.in}, options.name, used);
    if (failed(a))
      return failure();
    FailureOr<Attribute> b =
        leafOf(module, adapter, linear, "lora_B.weight",
               {linear.out, target.rank}, options.name, used);
    if (failed(b))
      return failure();
    branches.push_back(
        {linear.path, linear.local, *a, *b,
         splatScale(module.getContext(), target.rank, target.scale),
         options.name});
  }
  for (std::string_view name : adapter.names())
    if (!used.count(adapter.find(name) ? adapter.find(name)->name : ""))
      return refuseTensor(module, adapter, name, modules);
  return addBranches(module, branches, options.train);
}

namespace {

struct Attach : public lora::impl::AttachBase<Attach> {
  using Base::Base;

  void runOnOperation() override {
    if (adapterDir.empty()) {
      getOperation().emitError() << "expected the option adapter-dir";
      return signalPassFailure();
    }
    lora_rt::Expected<peft::PeftAdapter> adapter =
        peft::PeftAdapter::open(adapterDir);
    if (!adapter) {
      getOperation().emitError() << adapter.message();
      return signalPassFailure();
    }
    FailureOr<BranchStatistics> statistics =
        attachAdapter(getOperation(), *adapter, {name, train});
    if (failed(statistics))
      return signalPassFailure();
    reportStatistics(getOperation(), getArgument(), *statistics);
    numBranches += statistics->branches;
    numParameters += statistics->parameters;
    numOperations += statistics->operations;
  }
};

} // namespace
