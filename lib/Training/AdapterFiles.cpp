//===- AdapterFiles.cpp - Trained values as files -------------------------===//
//
// Takes the regions of the trainables apart into the adapter's tensors.
//
//===----------------------------------------------------------------------===//

#include "AdapterFiles.h"
#include "TrainingProgram.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Safetensors.h"
#include "mlir/IR/Location.h"

#include <filesystem>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

Error lora::makeFolder(const std::string &path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code || !std::filesystem::is_directory(path, code))
    return lora_rt::makeError(ErrorCode::System, path,
                              ": cannot be made a folder: ", code.message());
  return Error::success();
}

/// One region as tensors of the adapter, by their keys in its file.
static Expected<std::vector<peft::AdapterTensor>>
takeApart(TrainingProgram &program, lora_rt::ModuleInstance::Region region) {
  std::vector<peft::AdapterTensor> tensors;
  lora_rt::ModuleInstance &instance = program.instance();
  for (auto [trainable, bound] : llvm::zip_equal(
           instance.manifest().trainables, program.manifest().trainables)) {
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
  auto tensors = takeApart(program, lora_rt::ModuleInstance::Region::Theta);
  if (!tensors)
    return tensors.takeError();
  return peft::writePeftAdapter(folder, program.adapter().config(), *tensors);
}

Error lora::writeGradients(const std::string &path, TrainingProgram &program) {
  auto tensors = takeApart(program, lora_rt::ModuleInstance::Region::Gradient);
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
