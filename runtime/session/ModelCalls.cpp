//===- ModelCalls.cpp - Calling the entries for inference -----------------===//
//
// Implements ModelCalls.h: finds the entries by their names, checks their
// inputs and outputs against the manifest's model, and copies between host and
// engine.
//
//===----------------------------------------------------------------------===//

#include "ModelCalls.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <array>

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
  std::vector<int64_t> bodySizes, headSizes;
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
                            {{model.hasHead() ? "logits" : "pooled",
                              {},
                              {tokens, headWidth()}}}))
      return error;
    headType = entry->outputs[0].dtype;
    headSizes.push_back(tokens);
  }
  bodyPlanner.emplace(std::move(bodySizes));
  headPlanner.emplace(std::move(headSizes));
  return Error::success();
}

Error ModelCalls::allocate() {
  const Manifest::Model &model = this->model();
  int64_t most = sizes().back();
  uint64_t mostRows = head.empty() ? 0 : uint64_t(headPlanner->sizes().back());
  callInput = CallInput(most, model.tokenTypes > 0);
  struct Need {
    EngineMemory &memory;
    uint64_t bytes;
  };
  Need needs[] = {
      {inputMemory, callInput.mostBytes()},
      {frequencies, model.rope ? uint64_t(model.rope->count()) * 4 : 0},
      {hiddenMemory, uint64_t(most) * hiddenRowBytes()},
      {picked, mostRows * hiddenRowBytes()},
      {headMemory, mostRows * uint64_t(headWidth()) * sizeOf(headType)},
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
  calls->head =
      manifest.entriesOf(manifest.model.hasHead() ? "logits" : "pooled");
  if (manifest.model.hasHead() && calls->head.empty())
    return makeError(ErrorCode::InvalidFile,
                     "the executable has no entry for logits");
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
  if (std::equal(values.begin(), values.end(), frequenciesNow.begin(),
                 frequenciesNow.end()))
    return Error::success();
  frequenciesNow.clear();
  if (Error error =
          instance->write(frequencies.address(), std::as_bytes(values)))
    return error;
  frequenciesNow.assign(values.begin(), values.end());
  return Error::success();
}

/// The entry that was compiled for `size` tokens.
static const Manifest::Entry &
entryOf(std::span<const Manifest::Entry *const> entries, int64_t size) {
  return **std::find_if(
      entries.begin(), entries.end(),
      [&](const Manifest::Entry *entry) { return entry->tokens == size; });
}

Error ModelCalls::hiddenStates() {
  seen = {};
  auto *block = static_cast<std::byte *>(inputMemory.address());
  if (Error error = instance->write(block, callInput.block()))
    return error;
  std::array<void *, 5> addresses;
  size_t count = 0;
  addresses[count++] = block;
  addresses[count++] = block + callInput.sequenceOffset();
  if (model().tokenTypes)
    addresses[count++] = block + callInput.typesOffset();
  if (model().rope)
    addresses[count++] = frequencies.address();
  addresses[count++] = hiddenMemory.address();
  return instance->call(entryOf(body, callInput.size()),
                        std::span(addresses).first(count), callInput.tokens());
}

Expected<std::span<const float>> ModelCalls::read(void *address, DType type,
                                                  uint64_t count) {
  Expected<HostView> view = instance->view(address, count * sizeOf(type));
  if (!view)
    return view.takeError();
  const std::byte *bytes = view->bytes().data();
  if (type == DType::F32) {
    seen = std::move(*view);
    return std::span(reinterpret_cast<const float *>(bytes), count);
  }
  converted.resize(std::max(converted.size(), size_t(count)));
  std::span<float> values = std::span(converted).first(count);
  if (Error error = convertToFloat(type, bytes, values))
    return error;
  return std::span<const float>(values);
}

Expected<std::span<const float>> ModelCalls::hidden(TokenRange tokens) {
  seen = {};
  return read(rowOf(hiddenMemory, tokens.first), hiddenType,
              uint64_t(tokens.count * model().hiddenSize));
}

Expected<std::span<const float>> ModelCalls::callHead(void *rows, int64_t count,
                                                      int64_t size) {
  seen = {};
  void *addresses[] = {rows, headMemory.address()};
  if (Error error = instance->call(entryOf(head, size), addresses, count))
    return error;
  return read(headMemory.address(), headType, uint64_t(count * headWidth()));
}

Expected<std::span<const float>> ModelCalls::logits(TokenRange tokens,
                                                    int64_t size) {
  // The input of an entry must be aligned like allocated memory, and have all
  // of its rows. The rows after the tokens may have any values, because rows
  // are independent of each other.
  bool isWhole = tokens.first + size <= sizes().back();
  if (isWhole && uint64_t(tokens.first) * hiddenRowBytes() % 64 == 0)
    return callHead(rowOf(hiddenMemory, tokens.first), tokens.count, size);
  seen = {};
  if (Error error =
          instance->copy(rowOf(hiddenMemory, tokens.first), picked.address(),
                         uint64_t(tokens.count) * hiddenRowBytes()))
    return error;
  return callHead(picked.address(), tokens.count, size);
}

Error ModelCalls::results(bool asLogits, TokenRange tokens, int64_t position,
                          const Session::Rows &sink) {
  auto handOut = [&](int64_t count, int64_t width,
                     Expected<std::span<const float>> values) {
    if (!values)
      return values.takeError();
    Error error = sink({position, *values, size_t(width)});
    position += count;
    return error;
  };
  if (!asLogits)
    return handOut(tokens.count, model().hiddenSize, hidden(tokens));
  for (int64_t size : headPlanner->plan(tokens.count)) {
    int64_t count = std::min(size, tokens.count);
    if (Error error = handOut(count, model().outputs,
                              logits({tokens.first, count}, size)))
      return error;
    tokens = {tokens.first + count, tokens.count - count};
  }
  return Error::success();
}

Error ModelCalls::pick(int64_t token, int64_t place) {
  seen = {};
  return instance->copy(rowOf(hiddenMemory, token), rowOf(picked, place),
                        hiddenRowBytes());
}

Expected<std::span<const float>> ModelCalls::headOfPicked(int64_t count,
                                                          int64_t size) {
  return callHead(picked.address(), count, size);
}

uint64_t ModelCalls::memory() const {
  uint64_t bytes = 0;
  for (const EngineMemory *memory :
       {&inputMemory, &frequencies, &hiddenMemory, &picked, &headMemory})
    bytes += memory->size();
  return bytes;
}

} // namespace lora_rt
