//===- AdapterTensors.cpp - The tensors of an adapter as leaves -----------===//
//
// Makes leaves, compares tensors that must be equal, and keeps the account:
// refuseUnused reports what is left. ReplacedParameters.cpp and TrainedRows.cpp
// have the tensors that are no branch.
//
//===----------------------------------------------------------------------===//

#include "AdapterTensors.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"
#include "lora-runtime/Numeric.h"

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

FailureOr<Attribute> AdapterTensors::get(const std::string &tensor,
                                         StringRef path,
                                         RankedTensorType type) {
  const lora_rt::TensorView *view = adapter.find(tensor);
  Type element = elementType(module.getContext(), view->dtype);
  if (!element)
    return module.emitError()
           << adapter.folder() << ": expected tensor '" << view->name
           << "' to be of F32, F16, BF16 or F64, but got "
           << std::string(lora_rt::safetensorsName(view->dtype));
  if (ArrayRef<int64_t>(view->shape) != type.getShape())
    return module.emitError() << adapter.folder() << ": expected tensor '"
                              << view->name << "' to have shape "
                              << lora_rt::shapeText({type.getShape().data(),
                                                     type.getShape().size()})
                              << ", but got " << lora_rt::shapeText(view->shape)
                              << "; does the adapter belong to this model?";
  use(*view);
  StringRef local = tensor;
  if (!path.empty())
    local = local.drop_front(path.size() + 1);
  MLIRContext *context = module.getContext();
  return Attribute(AdapterAttr::get(
      context, StringAttr::get(context, name), StringAttr::get(context, local),
      RankedTensorType::get(type.getShape(), element, type.getEncoding())));
}

FailureOr<Attribute> AdapterTensors::getOf(const GraphLayer &target,
                                           StringRef suffix,
                                           ArrayRef<int64_t> shape) {
  std::string tensor = joinPath(target.info.path, suffix);
  if (!adapter.find(tensor))
    return module.emitError()
           << adapter.folder() << ": no tensor '" << adapter.keyOf(tensor)
           << "', although adapter_config.json targets '" << target.info.path
           << "'" << lora_rt::suggestion(tensor, adapter.names());
  return get(
      tensor, target.path,
      RankedTensorType::get(shape, Float32Type::get(module.getContext())));
}

LogicalResult AdapterTensors::refuseUnused(ArrayRef<GraphLayer> layers) {
  std::string_view unused;
  for (std::string_view tensor : adapter.names())
    if (!used.count(adapter.findOwn(tensor)->name)) {
      unused = tensor;
      break;
    }
  if (unused.empty())
    return success();
  const peft::PeftConfig &config = adapter.config();
  InFlightDiagnostic diag = module.emitError()
                            << adapter.folder() << ": tensor '"
                            << peft::fileKey(unused) << "' is not used: ";
  auto [owner, role] = StringRef(unused).rsplit(".lora_");
  bool isBranch = !role.empty();
  if (role == "magnitude_vector" && !config.dora)
    return diag << "adapter_config.json does not say 'use_dora'";
  if (role == "B.bias" && !config.loraBias)
    return diag << "adapter_config.json does not say 'lora_bias'";
  if (role.starts_with("velora_") || role.starts_with("monteclora_"))
    return diag << "adapter_config.json has neither 'velora_config' nor "
                   "'monteclora_config'";
  if (!isBranch)
    owner = StringRef(unused).rsplit(".token_adapter.").first;
  bool isRows = !isBranch && owner != StringRef(unused);
  if (!isBranch && !isRows)
    owner = StringRef(unused).rsplit('.').first;
  if (owner.ends_with(".base_layer"))
    owner = owner.drop_back(StringRef(".base_layer").size());
  std::vector<std::string_view> names;
  for (const GraphLayer &known : layers) {
    std::string_view path = known.seen;
    if (path == std::string_view(owner))
      return isBranch ? diag << "adapter_config.json does not target '" << owner
                             << "'"
             : isRows ? diag << "'trainable_token_indices' does not name '"
                             << owner << "'"
                      : diag << "'" << owner
                             << "' has no such parameter in this model";
    names.push_back(path);
  }
  return diag << "the model has no layer '" << owner << "'"
              << lora_rt::suggestion(std::string_view(owner), names);
}

/// Whether two tensors have the same values, in any types.
static bool haveSameNumbers(const lora_rt::TensorView &a,
                            const lora_rt::TensorView &b) {
  if (a.shape != b.shape || a.dtype == b.dtype)
    return lora_rt::haveSameBytes(a, b);
  std::vector<float> x(size_t(a.elements())), y(x.size());
  return !lora_rt::convertToFloat(a.dtype, a.bytes.data(), x) &&
         !lora_rt::convertToFloat(b.dtype, b.bytes.data(), y) && x == y;
}

LogicalResult AdapterTensors::refuseParameters(const BaseTensors &baseTensor) {
  for (std::string_view tensor : adapter.names()) {
    if (tensor.find(".lora_") != std::string_view::npos)
      continue;
    const lora_rt::TensorView *view = adapter.findOwn(tensor);
    std::string parameter(tensor);
    if (size_t at = parameter.rfind(".base_layer."); at != std::string::npos)
      parameter.erase(at, StringRef(".base_layer").size());
    const lora_rt::TensorView *base =
        baseTensor ? baseTensor(parameter) : nullptr;
    if (base && haveSameNumbers(*view, *base)) {
      use(*view);
      sameAsBase.insert(view->name);
      continue;
    }
    return module.emitError()
           << adapter.folder() << ": tensor '" << peft::fileKey(tensor)
           << "' replaces a parameter of the base model"
           << (base ? " by other values" : "")
           << ", but training writes only low-rank matrices; train with PEFT"
           << (base ? ", or give the model that the adapter was made on" : "");
  }
  return success();
}

LogicalResult AdapterTensors::refuseDifference(const lora_rt::TensorView *a,
                                               const lora_rt::TensorView *b) {
  if (!a || !b || haveSameNumbers(*a, *b))
    return success();
  return module.emitError()
         << adapter.folder() << ": tensors '" << a->name << "' and '" << b->name
         << "' differ, but are one parameter of the model, which ties them";
}
