//===- CheckpointTensors.cpp - The tensors of a checkpoint ----------------===//
//
// Makes the list from the importer's plan, so that programs that write
// checkpoints agree with the importer.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/CheckpointTensors.h"
#include "CheckpointNames.h"
#include "ModelPlan.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

using namespace lora;
using lora::transformer::joinPath;

using Kind = CheckpointTensor::Kind;

int64_t CheckpointTensor::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

static Kind kindOf(const Parameter &parameter, bool isTable) {
  if (parameter.shape.size() == 2) {
    if (isTable)
      return Kind::Table;
    return parameter.form == ParameterForm::Conv1D ? Kind::Conv1D
                                                   : Kind::Linear;
  }
  if (parameter.form == ParameterForm::OnePlus)
    return Kind::NormLessOne;
  return llvm::StringRef(parameter.name).ends_with("bias") ? Kind::Bias
                                                           : Kind::Norm;
}

std::vector<CheckpointTensor>
lora::checkpointTensors(const ModelConfig &config) {
  ModelPlan plan = planModel(config);
  std::vector<CheckpointTensor> tensors;
  auto add = [&](const BlockPlan &block, bool isTable, bool isLayer) {
    for (const Parameter &parameter : block.parameters) {
      CheckpointTensor tensor;
      tensor.name = joinPath(block.path, parameter.name);
      tensor.shape.assign(parameter.shape.begin(), parameter.shape.end());
      tensor.kind = kindOf(parameter, isTable);
      if (isLayer)
        tensor.nameInLayer = parameter.name;
      tensors.push_back(std::move(tensor));
    }
  };
  add(plan.embedding, /*isTable=*/true, /*isLayer=*/false);
  if (plan.positions)
    add(*plan.positions, /*isTable=*/true, /*isLayer=*/false);
  for (const BlockPlan &layer : plan.layers)
    add(layer, /*isTable=*/false, /*isLayer=*/true);
  for (const std::optional<BlockPlan> *block : {&plan.norm, &plan.pooler})
    if (*block)
      add(**block, /*isTable=*/false, /*isLayer=*/false);
  if (!plan.head)
    return tensors;
  size_t first = tensors.size();
  add(*plan.head, /*isTable=*/false, /*isLayer=*/false);
  if (!config.tied)
    return tensors;
  for (size_t i = first; i < tensors.size(); ++i)
    for (CheckpointTensor &table : tensors)
      if (canBeTied(tensors[i].name, table.name)) {
        table.isTiedHead = true;
        tensors.erase(tensors.begin() + ptrdiff_t(i));
        return tensors;
      }
  return tensors;
}
