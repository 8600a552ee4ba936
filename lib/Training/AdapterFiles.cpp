//===- AdapterFiles.cpp - Trained values as files -------------------------===//
//
// Separates the regions of the trainables into the tensors of the adapter.
//
//===----------------------------------------------------------------------===//

#include "AdapterFiles.h"
#include "TrainingProgram.h"
#include "lora-mlir/Dialect/LoRA/Transforms/UnfuseTrainable.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Safetensors.h"
#include "mlir/IR/Location.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

/// One region as tensors of the adapter, by their keys in its file.
static Expected<std::vector<peft::AdapterTensor>>
takeApart(TrainingProgram &program, lora_rt::Instance::Region region) {
  std::vector<peft::AdapterTensor> tensors;
  lora_rt::Instance &instance = program.instance();
  for (auto [trainable, bound] : llvm::zip_equal(
           instance.manifest().trainables, program.description().trainables)) {
    std::span<float> data = instance.region(region, trainable);
    std::vector<LeafTensor> leaves;
    if (mlir::failed(
            unfuseTrainable(mlir::UnknownLoc::get(bound.value.getContext()),
                            bound.value, {data.data(), data.size()}, leaves)))
      return lora_rt::makeError(ErrorCode::Unsupported, "the trained slot '",
                                bound.name,
                                "' cannot be taken apart into tensors");
    for (LeafTensor &leaf : leaves)
      tensors.push_back({program.adapter().keyOf(
                             transformer::joinPath(bound.path, leaf.name)),
                         std::move(leaf.shape), std::move(leaf.values)});
  }
  return tensors;
}

Error lora::writeAdapter(const std::string &folder, TrainingProgram &program) {
  auto tensors = takeApart(program, lora_rt::Instance::Region::Theta);
  if (!tensors)
    return tensors.takeError();
  // The last update comes after the last loss, so its result must be checked.
  for (const peft::AdapterTensor &tensor : *tensors)
    if (auto at =
            std::find_if_not(tensor.values.begin(), tensor.values.end(),
                             [](float value) { return std::isfinite(value); });
        at != tensor.values.end())
      return lora_rt::makeError(
          ErrorCode::InvalidArgument, "after the last step, number ",
          at - tensor.values.begin(), " of the trained tensor '", tensor.key,
          "' is ", *at,
          "; training has diverged; try a smaller --lr or a "
          "--clip");
  return peft::writePeftAdapter(folder, program.adapter().config(), *tensors);
}

Error lora::writeGradients(const std::string &path, TrainingProgram &program) {
  auto tensors = takeApart(program, lora_rt::Instance::Region::Gradient);
  if (!tensors)
    return tensors.takeError();
  std::vector<lora_rt::TensorSpec> specs;
  for (const peft::AdapterTensor &tensor : *tensors)
    specs.push_back({tensor.key, lora_rt::DType::F32, tensor.shape});
  auto writer = lora_rt::SafetensorsWriter::create(path, std::move(specs));
  if (!writer)
    return writer.takeError();
  for (const peft::AdapterTensor &tensor : *tensors)
    if (Error error = writer->writeFloats(tensor.key, tensor.values))
      return error;
  return writer->commit();
}
