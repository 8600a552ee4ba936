//===- ModelCalls.cpp - Calling hidden_states and logits ------------------===//
//
// Implements ModelCalls.h: finds the entries by their names, checks their
// inputs and outputs against the manifest's model, and copies between host and
// engine.
//
//===----------------------------------------------------------------------===//

#include "ModelCalls.h"
#include "Chunks.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>

namespace lora_rt {

namespace {

/// A value that an entry must have; without a type, any floating-point type is
/// permitted.
struct Wanted {
  const char *name;
  std::optional<DType> dtype;
  std::vector<int64_t> shape;
};

bool matches(const std::vector<Manifest::Value> &values,
             const std::vector<Wanted> &wanted) {
  return std::equal(
      values.begin(), values.end(), wanted.begin(), wanted.end(),
      [](const Manifest::Value &value, const Wanted &want) {
        return value.name == want.name && value.shape == want.shape &&
               (want.dtype ? value.dtype == *want.dtype : isFloat(value.dtype));
      });
}

std::string names(const std::vector<Wanted> &values) {
  std::string text;
  for (const Wanted &value : values)
    text += (text.empty() ? "" : ", ") + std::string(value.name) +
            shapeText(value.shape);
  return "(" + text + ")";
}

Error check(const Manifest::Entry &entry, const std::vector<Wanted> &inputs,
            const std::vector<Wanted> &outputs) {
  if (entry.tokens > 0 && matches(entry.inputs, inputs) &&
      matches(entry.outputs, outputs))
    return Error::success();
  return makeError(ErrorCode::InvalidFile, "entry '", entry.name,
                   "': expected ", names(inputs), " -> ", names(outputs));
}

} // namespace

Error ModelCalls::checkEntries() {
  const Manifest::Model &model = this->model();
  int64_t width = model.hiddenSize;
  for (const Manifest::Entry *entry : body) {
    int64_t tokens = entry->tokens;
    std::vector<Wanted> inputs = {{"ids", DType::I32, {tokens}},
                                  {"sequence", DType::I32, {4, tokens}}};
    if (model.tokenTypes)
      inputs.push_back({"token_types", DType::I32, {tokens}});
    if (model.rope)
      inputs.push_back({"frequencies", DType::F32, {model.rope->count()}});
    if (Error error = check(*entry, inputs, {{"hidden", {}, {tokens, width}}}))
      return error;
    hiddenType = entry->outputs[0].dtype;
    bodySizes.push_back(tokens);
  }
  for (const Manifest::Entry *entry : head) {
    int64_t tokens = entry->tokens;
    if (Error error = check(*entry, {{"hidden", hiddenType, {tokens, width}}},
                            {{"logits", {}, {tokens, model.outputs}}}))
      return error;
    logitsType = entry->outputs[0].dtype;
    headSizes.push_back(tokens);
  }
  return Error::success();
}

Error ModelCalls::allocate() {
  const Manifest::Model &model = this->model();
  auto most = uint64_t(bodySizes.back());
  uint64_t mostLogits = head.empty() ? 0 : uint64_t(headSizes.back());
  struct Need {
    EngineMemory &memory;
    uint64_t bytes;
  };
  Need needs[] = {
      {ids, most * 4},
      {sequence, most * 16},
      {types, model.tokenTypes ? most * 4 : 0},
      {frequencies, model.rope ? uint64_t(model.rope->count()) * 4 : 0},
      {hidden, std::max(most, mostLogits) * hiddenRowBytes()},
      {logitsMemory, mostLogits * uint64_t(model.outputs) * sizeOf(logitsType)},
  };
  for (Need &need : needs) {
    if (need.bytes == 0)
      continue;
    Expected<EngineMemory> memory = instance->allocate(need.bytes);
    if (!memory)
      return memory.takeError();
    need.memory = std::move(*memory);
  }
  return Error::success();
}

Expected<std::unique_ptr<ModelCalls>>
ModelCalls::create(std::shared_ptr<Executable> executable, int64_t stateRows) {
  auto calls = std::make_unique<ModelCalls>();
  const Manifest &manifest = executable->manifest();
  calls->body = manifest.entriesOf("hidden_states");
  if (calls->body.empty())
    return makeError(
        ErrorCode::InvalidFile,
        "the executable was not compiled for inference: it has no entry "
        "for hidden_states");
  if (manifest.model.hasHead()) {
    calls->head = manifest.entriesOf("logits");
    if (calls->head.empty())
      return makeError(ErrorCode::InvalidFile,
                       "the executable has no entry for logits");
  }
  Expected<std::unique_ptr<Instance>> instance =
      Instance::create(std::move(executable), stateRows);
  if (!instance)
    return instance.takeError();
  calls->instance = std::move(*instance);
  if (Error error = calls->checkEntries())
    return error;
  if (Error error = calls->allocate())
    return error;
  return calls;
}

Error ModelCalls::setFrequencies(std::span<const float> values) {
  return instance->write(frequencies.address(), std::as_bytes(values));
}

Error ModelCalls::hiddenStates(const CallInput &input) {
  auto found = std::lower_bound(bodySizes.begin(), bodySizes.end(),
                                int64_t(input.size()));
  const Manifest::Entry &entry = *body[size_t(found - bodySizes.begin())];
  std::vector<void *> inputs;
  auto write = [&](const EngineMemory &memory,
                   const std::vector<int32_t> &values) {
    inputs.push_back(memory.address());
    return instance->write(memory.address(), std::as_bytes(std::span(values)));
  };
  if (Error error = write(ids, input.ids))
    return error;
  if (Error error = write(sequence, input.sequence))
    return error;
  if (model().tokenTypes)
    if (Error error = write(types, input.types))
      return error;
  if (model().rope)
    inputs.push_back(frequencies.address());
  void *outputs[] = {hidden.address()};
  return instance->call(entry, inputs, outputs, input.tokens);
}

Expected<std::vector<std::byte>> ModelCalls::readHidden(int64_t count) {
  std::vector<std::byte> rows(uint64_t(count) * hiddenRowBytes());
  if (Error error = instance->read(hidden.address(), rows))
    return error;
  return rows;
}

Error ModelCalls::convertHidden(std::span<const std::byte> rows, int64_t first,
                                const Rows &sink) const {
  std::vector<float> values(rows.size() / sizeOf(hiddenType));
  if (Error error = convertToFloat(hiddenType, rows.data(), values))
    return error;
  return sink(first, values);
}

Error ModelCalls::logits(std::span<const std::byte> rows, int64_t first,
                         const Rows &sink) {
  uint64_t rowBytes = hiddenRowBytes();
  for (int64_t size : planChunks(headSizes, int64_t(rows.size() / rowBytes))) {
    const Manifest::Entry &entry =
        *head[size_t(std::find(headSizes.begin(), headSizes.end(), size) -
                     headSizes.begin())];
    uint64_t count = std::min(uint64_t(size), rows.size() / rowBytes);
    std::vector<std::byte> input(uint64_t(size) * rowBytes);
    std::copy_n(rows.begin(), count * rowBytes, input.begin());
    rows = rows.subspan(count * rowBytes);
    if (Error error = instance->write(hidden.address(), input))
      return error;
    void *inputs[] = {hidden.address()}, *outputs[] = {logitsMemory.address()};
    if (Error error = instance->call(entry, inputs, outputs, int64_t(count)))
      return error;
    std::vector<float> values(count * uint64_t(model().outputs));
    std::vector<std::byte> raw(values.size() * sizeOf(logitsType));
    if (Error error = instance->read(logitsMemory.address(), raw))
      return error;
    if (Error error = convertToFloat(logitsType, raw.data(), values))
      return error;
    if (Error error = sink(first, values))
      return error;
    first += int64_t(count);
  }
  return Error::success();
}

uint64_t ModelCalls::memory() const {
  uint64_t bytes = 0;
  for (const EngineMemory *memory :
       {&ids, &sequence, &types, &frequencies, &hidden, &logitsMemory})
    bytes += memory->size();
  return bytes;
}

} // namespace lora_rt
