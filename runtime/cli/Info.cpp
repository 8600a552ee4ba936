//===- Info.cpp - What a compiled file contains ---------------------------===//
//
// Prints --info: the model, the adapter, the target, the sizes, the backend,
// and whether the file runs on this machine. It runs no code of the file.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/EncoderSettings.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace lora_rt::cli {

namespace {

void printModel(const Manifest::Model &model) {
  std::printf("model      %s, %s, vocabulary %lld, hidden size %lld, positions "
              "%lld\n",
              readableMessage(model.family).c_str(),
              std::string(manifestName(model.dtype)).c_str(),
              (long long)model.vocabSize, (long long)model.hiddenSize,
              (long long)model.maxPositions);
  std::string text = model.isBidirectional ? "bidirectional" : "causal";
  if (model.tokenTypes)
    text += ", " + std::to_string(model.tokenTypes) + " token types";
  if (model.padTokenId >= 0)
    text += ", padding token " + std::to_string(model.padTokenId);
  if (model.rope)
    text += ", other rotary frequencies above " +
            std::to_string(model.rope->switchLength) + " tokens";
  std::printf("attention  %s\n", text.c_str());
  text = headName(model.head);
  std::replace(text.begin(), text.end(), '_', ' ');
  if (model.hasHead())
    text += ", " + std::to_string(model.outputs) + " outputs";
  std::printf("head       %s\n", text.c_str());
}

/// Prints where the backend is, and whether the file runs here. A copy on
/// another machine may be complete, but lack the backend.
Error printBackend(const Manifest &manifest, const Payload &payload) {
  Expected<BackendReport> report = reportBackend(manifest, payload);
  if (!report)
    return report.takeError();
  if (report->isCarried)
    std::printf("backend    in the file\n");
  else if (!report->recordedProblem)
    std::printf("backend    %s, which is there; a copy of this file on another "
                "machine needs it there, or --portable\n",
                readableMessage(report->recorded).c_str());
  else if (report->recorded.empty())
    std::printf("backend    neither in the file nor recorded\n");
  else
    std::printf("backend    %s\n", report->recordedProblem.message().c_str());
  if (report->problem)
    std::printf("runs here  no: %s\n", report->problem.message().c_str());
  else if (report->isCarried || report->opened == report->recorded)
    std::printf("runs here  yes\n");
  else
    std::printf("runs here  yes, with %s\n", report->opened.c_str());
  return Error::success();
}

/// Prints what a file knows of text.
Error printTextFacts(const Manifest &manifest, const Payload &payload) {
  if (!TextModel::isPresent(payload)) {
    std::printf("text       none: token ids alone\n");
    return Error::success();
  }
  Expected<TextModel> text = TextModel::open(payload, manifest.model.vocabSize);
  if (!text)
    return text.takeError();
  const TextSettings &settings = text->settings();
  auto of = [](const std::string &adapter) -> std::string {
    return adapter.empty() ? "" : " of the adapter " + readableMessage(adapter);
  };
  std::string line = "tokenizer with " +
                     std::to_string(text->tokenizer().idLimit()) + " ids" +
                     of(settings.tokenizerOf);
  if (settings.templates.size() == 1)
    line += ", chat template";
  else if (!settings.templates.empty())
    line +=
        ", " + std::to_string(settings.templates.size()) + " chat templates";
  if (!settings.templates.empty())
    line += of(settings.templatesOf);
  if (!settings.generation.empty() && settings.generation != "{}")
    line += ", defaults of generation";
  std::printf("text       %s\n", line.c_str());
  if (!settings.pooling.empty()) {
    Expected<PoolingSettings> pooling =
        PoolingSettings::parse(settings.pooling, payload.path());
    if (!pooling)
      return pooling.takeError();
    std::printf("pooling    %s%s\n",
                readableMessage(pooling->describe()).c_str(),
                of(settings.poolingOf).c_str());
  }
  if (!settings.labels.empty())
    std::printf("labels     %s\n",
                readableMessage(quotedNames(settings.labels, 8)).c_str());
  return Error::success();
}

} // namespace

Error printInfo(const std::string &path) {
  Expected<Payload> payload = Payload::open(path);
  if (!payload)
    return payload.takeError();
  Expected<Manifest> manifest = Manifest::read(*payload);
  if (!manifest)
    return manifest.takeError();
  Expected<std::optional<CarriedAdapter>> adapter = readAdapterPart(*payload);
  if (!adapter)
    return adapter.takeError();
  const Manifest::Model &model = manifest->model;
  printModel(model);
  if (*adapter)
    std::printf("adapter    %s, %s the weights\n",
                readableMessage((*adapter)->name).c_str(),
                (*adapter)->merged ? "merged into" : "beside");
  else
    std::printf("adapter    %s\n",
                payload->find(graphPart) ? "none" : "not recorded");
  if (Error error = printTextFacts(*manifest, *payload))
    return error;
  std::string features;
  for (const std::string &feature : manifest->target.features)
    features += " " + readableMessage(feature);
  std::printf("target     %s (%s)\nneeds     %s\n",
              readableMessage(manifest->target.engine).c_str(),
              readableMessage(manifest->target.cpu).c_str(), features.c_str());

  if (Error error = printBackend(*manifest, *payload))
    return error;

  std::map<std::string, std::pair<int, uint64_t>> layouts;
  for (const Manifest::Param &param : manifest->params) {
    auto &[count, bytes] =
        layouts[std::string(manifestName(param.dtype)) + " " + param.layout];
    ++count;
    bytes += param.bytes;
  }
  for (const auto &[layout, sum] : layouts)
    std::printf("weights    %d tensors %s, %s\n", sum.first, layout.c_str(),
                sizeText(sum.second).c_str());
  uint64_t perToken = 0;
  for (const Manifest::State &state : manifest->states)
    perToken += state.bytes(2) - state.bytes(1);
  if (!model.isBidirectional)
    std::printf("cache      %s per token of context\n",
                sizeText(perToken).c_str());
  std::printf("primitives %zu\n", manifest->primitives.size());
  for (const Manifest::Entry &entry : manifest->entries)
    std::printf("entry      %s, frame %s\n",
                readableMessage(entry.name).c_str(),
                sizeText(entry.frameBytes).c_str());
  for (const Payload::Part &part : payload->parts())
    std::printf("part       %-12s %s\n", part.name.c_str(),
                sizeText(part.bytes).c_str());
  return flushOutput();
}

} // namespace lora_rt::cli
