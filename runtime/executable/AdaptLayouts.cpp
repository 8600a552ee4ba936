//===- AdaptLayouts.cpp - Packed weights on another machine ---------------===//
//
// A pack has the layouts that oneDNN chose on the compiling machine. Another
// CPU or another version of oneDNN may prefer others. If no primitive would
// choose a layout on this machine, the weight is repacked in memory, with a
// warning. Kernels always get the layout for which they were created.
//
//===----------------------------------------------------------------------===//

#include "ExecutableState.h"

#include <algorithm>
#include <map>
#include <set>

namespace lora_rt {

namespace {

/// What primitives and parameters are matched by.
using Key = PrimitiveSpec::Weight;

lora_matrix matrixOf(const Manifest::Param &param, const std::string &layout) {
  return {layout.c_str(), manifestName(param.dtype).data(), param.shape[0],
          param.shape[1]};
}

} // namespace

Error Executable::State::adaptLayouts(
    const std::function<void(const std::string &)> &warn) {
  lora_message message = {};
  // For each kind of packed weight, the choice of each primitive that reads it.
  std::map<Key, std::vector<std::string>> choices;
  for (const PrimitiveSpec &primitive : manifest.primitives) {
    if (!primitive.matmul() || primitive.weight().layout == plainLayout)
      continue;
    char layout[64];
    std::string json = primitive.json();
    if (int32_t status = backend->preferred_layout(
            engine, json.data(), json.size(), layout, &message))
      return backendError(status, message, where);
    choices[primitive.weight()].push_back(layout);
  }
  std::map<Key, std::string> changes;
  for (const auto &[key, layouts] : choices) {
    // As compiled if any primitive would choose it; otherwise what the one with
    // the most tokens, the last one, would.
    const std::string &layout = key.layout;
    if (std::find(layouts.begin(), layouts.end(), layout) == layouts.end())
      changes.emplace(key, layouts.back());
  }
  if (changes.empty())
    return Error::success();

  std::set<std::string> from, to;
  uint64_t total = 0;
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    Manifest::Param &param = manifest.params[i];
    if (param.layout == plainLayout)
      continue;
    auto change = changes.find(
        {param.layout, param.dtype, param.shape[0], param.shape[1]});
    if (change == changes.end())
      continue;
    lora_matrix old = matrixOf(param, param.layout),
                target = matrixOf(param, change->second);
    uint64_t bytes = 0;
    std::string place = where + ": parameter '" + param.name + "'";
    if (int32_t status =
            backend->matrix_bytes(engine, &target, &bytes, &message))
      return backendError(status, message, place);
    Expected<EngineMemory> memory =
        EngineMemory::allocate(backend, engine, bytes);
    if (!memory)
      return memory.takeError();
    if (int32_t status = backend->repack(engine, &old, params[i], &target,
                                         memory->address(), &message))
      return backendError(status, message, place);
    params[i] = memory->address();
    repacked.push_back(std::move(*memory));
    from.insert(param.layout);
    to.insert(change->second);
    total += bytes;
    param.layout = change->second;
  }
  for (PrimitiveSpec &primitive : manifest.primitives)
    if (auto change = changes.find(primitive.weight()); change != changes.end())
      primitive = primitive.withLayout(change->second);
  auto list = [](const std::set<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  warn(where + ": weights are packed for another CPU or oneDNN (" + list(from) +
       "); repacked " + std::to_string(total >> 20) + " MiB in memory as " +
       list(to) + ". Compile the model on this machine to avoid that.");
  return Error::success();
}

} // namespace lora_rt
