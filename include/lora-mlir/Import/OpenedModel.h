//===- OpenedModel.h - A model and its adapters -----------------*- C++ -*-===//
//
// The one way from folders to a graph with branches: open the tensors and the
// adapters, fit the model to the adapters, import the graph, attach. Each
// folder is opened once.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_OPENEDMODEL_H
#define LORA_MLIR_IMPORT_OPENEDMODEL_H

#include "lora-mlir/Import/Adapters.h"
#include "lora-mlir/Import/Import.h"

#include <functional>
#include <optional>
#include <vector>

namespace lora {

/// The folder of an adapter, its name in expressions, and the factor of its
/// branches.
struct NamedAdapter {
  std::string folder;
  std::string name = "default";
  double weight = 1;
};

/// An adapter whose folder is open.
struct OpenedAdapter {
  std::string name;
  double weight = 1;
  peft::PeftAdapter files;
};

/// A model's tensors, its adapters, and the graph. The tensors stay mapped as
/// long as it lives.
struct OpenedModel {
  using Note = std::function<void(const std::string &)>;

  lora_rt::Checkpoint checkpoint;
  /// In the order in which they are attached.
  std::vector<OpenedAdapter> adapters;
  mlir::OwningOpRef<mlir::ModuleOp> graph;
  /// The head that the adapters bring, or that they were made for, if they say
  /// so.
  std::optional<HeadRequest> head;

  /// Opens `folder` and the adapters, and imports the graph that fits the
  /// adapters. They are not attached yet.
  static lora_rt::Expected<OpenedModel>
  open(mlir::MLIRContext &context, const std::string &folder,
       const std::vector<NamedAdapter> &adapters, ImportOptions options = {});

  /// Opens the folders of adapters, for a graph that comes from elsewhere.
  lora_rt::Error openAdapters(const std::vector<NamedAdapter> &named);

  /// Attaches all adapters to the graph, in their order; with `train`, as
  /// trainable slots. `attached` is called after each of them.
  lora_rt::Error attach(
      bool train, const Note &warning,
      const std::function<void(const OpenedAdapter &, const BranchStatistics &)>
          &attached = {});

  /// The tensor of a leaf of a weight expression, by its full name.
  lora_rt::Expected<const lora_rt::TensorView *>
  find(mlir::Attribute leaf, const std::string &name) const;

  /// The file that contains a tensor of the checkpoint or of an adapter.
  std::string_view fileOf(const lora_rt::TensorView &tensor) const;
};

} // namespace lora

#endif // LORA_MLIR_IMPORT_OPENEDMODEL_H
