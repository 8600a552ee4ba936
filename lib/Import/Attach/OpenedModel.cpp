//===- OpenedModel.cpp - A model and its adapters -------------------------===//
//
// Implements OpenedModel.h. Checkpoint and adapters are opened before anything
// is imported, so that a wrong folder is the first thing that is reported.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/OpenedModel.h"
#include "lora-mlir/DiagnosticText.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Folder.h"


using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::TensorView;

Error OpenedModel::openAdapters(const std::vector<NamedAdapter> &named) {
  for (const NamedAdapter &adapter : named) {
    Expected<peft::PeftAdapter> opened =
        peft::PeftAdapter::open(adapter.folder);
    if (!opened)
      return opened.takeError();
    adapters.push_back({adapter.name, adapter.weight, std::move(*opened)});
  }
  return Error::success();
}

Expected<OpenedModel> OpenedModel::open(mlir::MLIRContext &context,
                                        const std::string &folder,
                                        const std::vector<NamedAdapter> &named,
                                        ImportOptions options) {
  OpenedModel model;
  Expected<lora_rt::Checkpoint> tensors = lora_rt::Checkpoint::open(folder);
  if (!tensors) {
    // A model that is not supported is so with its weights, too.
    if (Expected<std::string> place =
            lora_rt::findFolder(folder, lora_rt::FolderKind::Model);
        place && lora_rt::isFile(*place + "/config.json"))
      if (auto config = readModelConfig(*place, options.head); !config)
        return config.takeError();
    return tensors.takeError();
  }
  model.checkpoint = std::move(*tensors);
  if (Error error = model.openAdapters(named))
    return error;
  std::vector<const peft::PeftAdapter *> pointers;
  for (const OpenedAdapter &adapter : model.adapters)
    pointers.push_back(&adapter.files);
  if (Error error = fitToAdapters(options, pointers))
    return error;
  model.head = options.head;
  auto graph = importModel(context, folder, model.checkpoint, options);
  if (!graph)
    return graph.takeError();
  model.graph = std::move(*graph);
  return model;
}

Error OpenedModel::attach(
    bool train, const Note &warning,
    const std::function<void(const OpenedAdapter &, const BranchStatistics &)>
        &attached) {
  DiagnosticText diagnostics(*graph->getContext(), warning);
  AdapterOptions options;
  options.train = train;
  options.baseTensor = [&](std::string_view name) {
    return resolveTensor(checkpoint, name);
  };
  std::vector<AdapterTerm> terms;
  for (const OpenedAdapter &adapter : adapters) {
    AdapterTerm term{adapter.name, &adapter.files, adapter.weight};
    auto statistics = attachAdapter(*graph, term, terms, options);
    if (mlir::failed(statistics))
      return diagnostics.takeError(
          terms.empty() ? "the adapter does not fit the model"
                        : "the adapter " + adapter.files.folder() +
                              " does not fit the model and the adapters "
                              "before it");
    if (attached)
      attached(adapter, *statistics);
    terms.push_back(std::move(term));
  }
  return Error::success();
}

Expected<const TensorView *> OpenedModel::find(mlir::Attribute leaf,
                                               const std::string &name) const {
  auto part = mlir::dyn_cast<transformer::AdapterAttr>(leaf);
  if (!part)
    return getTensor(checkpoint, name);
  std::string folder = part.getAdapter().str();
  for (const OpenedAdapter &adapter : adapters)
    if (part.getAdapter().getValue() == adapter.name) {
      if (const TensorView *tensor = adapter.files.find(name))
        return tensor;
      folder = adapter.files.folder();
    }
  return lora_rt::makeError(ErrorCode::InvalidFile, folder, ": has no tensor '",
                            name, "'");
}

std::string_view OpenedModel::fileOf(const TensorView &tensor) const {
  // Several folders may have tensors of one name.
  if (checkpoint.find(tensor.name) == &tensor)
    return checkpoint.fileOf(tensor.name);
  for (const OpenedAdapter &adapter : adapters)
    for (std::string_view name : adapter.files.names())
      if (adapter.files.findOwn(name) == &tensor)
        return adapter.files.fileOf(tensor);
  return {};
}
