//===- SavedState.cpp - A session's cache in a file -----------------------===//
//
// Implements Session::save and Session::load. The file is safetensors: `ids`,
// `types` if the model has them, `calls` if rotary frequencies depend on calls,
// the rows of each state that belong to the tokens, and checksums of all of
// these. Its metadata names the executable, because the cache of another one
// would silently give wrong results.
//
//===----------------------------------------------------------------------===//

#include "SessionState.h"
#include "lora-runtime/Payload.h"
#include "lora-runtime/Safetensors.h"

#include <charconv>
#include <cstring>

namespace lora_rt {

namespace {

constexpr const char *formatKey = "format", *formatName = "lora-state-1",
                     *ownerKey = "executable";

/// The tensors of a file with `tokens` tokens and `calls` recorded calls.
std::vector<TensorSpec> tensorsOf(const Manifest &manifest, int64_t tokens,
                                  int64_t calls) {
  std::vector<TensorSpec> specs = {{"ids", DType::I32, {tokens}}};
  if (manifest.model.tokenTypes)
    specs.push_back({"types", DType::I32, {tokens}});
  if (manifest.model.rope)
    specs.push_back({"calls", DType::I64, {calls, 2}});
  for (const Manifest::State &state : manifest.states) {
    TensorSpec spec = {"state." + state.name, state.dtype, state.shape};
    spec.shape[0] = tokens;
    specs.push_back(std::move(spec));
  }
  return specs;
}

/// The name of the tensor with the checksums of the others, in their order.
constexpr const char *checksumsName = "checksums";

/// XXH3 of a tensor's bytes.
int64_t checksumOf(std::span<const std::byte> bytes) {
  std::string digits = checksum(bytes);
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return int64_t(value);
}

template <typename T> std::vector<T> valuesOf(const TensorView &tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  return values;
}

Error checkStates(const Manifest &manifest) {
  for (const Manifest::State &state : manifest.states)
    if (state.shape.empty() || state.shape[0] != -1)
      return makeError(ErrorCode::Unsupported, "the state '", state.name,
                       "' does not have a row for each token, so it cannot be "
                       "saved");
  return Error::success();
}

} // namespace

Error Session::save(const std::string &path) {
  State &s = *state;
  Instance &instance = this->instance();
  const Manifest &manifest = instance.manifest();
  if (model().isBidirectional || s.position == 0)
    return makeError(ErrorCode::InvalidArgument, path,
                     ": there is nothing to save: ",
                     model().isBidirectional
                         ? "a model with bidirectional attention has no cache"
                         : "no token was fed");
  if (Error error = checkStates(manifest))
    return error;
  std::vector<TensorSpec> specs =
      tensorsOf(manifest, s.position, int64_t(s.callStarts.size()));
  specs.push_back({checksumsName, DType::I64, {int64_t(specs.size())}});
  Expected<SafetensorsWriter> writer = SafetensorsWriter::create(
      path, specs,
      {{formatKey, formatName}, {ownerKey, instance.loaded().identity()}});
  if (!writer)
    return writer.takeError();
  std::vector<int64_t> sums;
  auto write = [&](const std::string &name, std::span<const std::byte> bytes) {
    sums.push_back(checksumOf(bytes));
    return writer->write(name, bytes);
  };
  if (Error error = write("ids", std::as_bytes(std::span(s.fed))))
    return error;
  if (model().tokenTypes)
    if (Error error = write("types", std::as_bytes(std::span(s.fedTypes))))
      return error;
  if (model().rope) {
    std::vector<int64_t> calls;
    for (const State::CallStart &call : s.callStarts)
      calls.insert(calls.end(), {call.position, call.mark});
    if (Error error = write("calls", std::as_bytes(std::span(calls))))
      return error;
  }
  for (size_t i = 0; i < manifest.states.size(); ++i) {
    const Manifest::State &state = manifest.states[i];
    Expected<HostView> view =
        instance.view(instance.state(i), state.bytes(s.position));
    if (!view)
      return view.takeError();
    if (Error error = write("state." + state.name, view->bytes()))
      return error;
  }
  if (Error error =
          writer->write(checksumsName, std::as_bytes(std::span(sums))))
    return error;
  return writer->commit();
}

Error Session::load(const std::string &path) {
  State &s = *state;
  Instance &instance = this->instance();
  const Manifest &manifest = instance.manifest();
  reset();
  Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  auto refuse = [&](const auto &...what) {
    return makeError(ErrorCode::InvalidFile, path, ": ", what...);
  };
  auto metadata = [&](const char *key) {
    auto found = file->metadata().find(key);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  if (metadata(formatKey) != formatName)
    return refuse("this is not a saved state of a compiled model; write one "
                  "with --save-state");
  if (model().isBidirectional)
    return refuse("a model with bidirectional attention has no cache");
  if (metadata(ownerKey) != instance.loaded().identity() ||
      metadata(ownerKey).empty())
    return refuse("the state was saved by another program: another model, "
                  "adapter, type or version; save it again with this one");
  Expected<const TensorView *> ids = file->get("ids");
  if (!ids)
    return ids.takeError();
  const TensorView *calls = file->find("calls");
  int64_t tokens = (*ids)->elements(),
          callCount = calls && calls->shape.size() == 2 ? calls->shape[0] : 0;
  for (const TensorSpec &spec : tensorsOf(manifest, tokens, callCount)) {
    Expected<const TensorView *> tensor = file->get(spec.name);
    if (!tensor)
      return tensor.takeError();
    if ((*tensor)->dtype != spec.dtype || (*tensor)->shape != spec.shape)
      return refuse("the tensor '", spec.name, "' is ",
                    manifestName((*tensor)->dtype), " ",
                    shapeText((*tensor)->shape), ", but expected ",
                    manifestName(spec.dtype), " ", shapeText(spec.shape));
  }
  if (tokens == 0)
    return refuse("the state has no tokens");
  std::vector<TensorSpec> specs = tensorsOf(manifest, tokens, callCount);
  const TensorView *sums = file->find(checksumsName);
  if (!sums || sums->dtype != DType::I64 ||
      sums->elements() != int64_t(specs.size()))
    return refuse("the state has no checksums of its tensors; save it again");
  std::vector<int64_t> expected = valuesOf<int64_t>(*sums);
  for (size_t i = 0; i < specs.size(); ++i)
    if (checksumOf(file->find(specs[i].name)->bytes) != expected[i])
      return refuse("the tensor '", specs[i].name,
                    "' is damaged (its checksum differs); save the state "
                    "again");
  if (Error error = s.checkContext(tokens))
    return refuse(error.message());
  std::vector<int32_t> fed = valuesOf<int32_t>(**ids), types;
  if (model().tokenTypes)
    types = valuesOf<int32_t>(*file->find("types"));
  if (Error error = checkTokens(model(), {fed, types}))
    return refuse(error.message());
  std::vector<int64_t> marks;
  if (calls)
    marks = valuesOf<int64_t>(*calls);
  for (size_t i = 0; i < marks.size(); i += 2) {
    bool follows = i == 0 ? marks[0] == 0 : marks[i] > marks[i - 2];
    if (!follows || marks[i] >= tokens || marks[i + 1] < 0 ||
        marks[i + 1] > model().maxPositions)
      return refuse("the tensor 'calls' has no ascending positions of tokens");
  }
  if (s.rope && marks.empty())
    return refuse("the tensor 'calls' is empty");

  for (size_t i = 0; i < manifest.states.size(); ++i) {
    const TensorView *rows = file->find("state." + manifest.states[i].name);
    if (Error error = instance.write(instance.state(i), rows->bytes))
      return error;
  }
  s.fed = std::move(fed);
  s.fed.reserve(size_t(std::min(s.context, defaultContext)));
  s.fedTypes = std::move(types);
  s.position = tokens;
  s.heldCount = 0;
  for (size_t i = 0; i < marks.size(); i += 2)
    s.callStarts.push_back({marks[i], marks[i + 1]});
  // The next call finds what the last one left.
  if (s.rope) {
    s.rope->restore(s.callStarts.back().mark);
    s.rope->call(tokens);
  }
  return Error::success();
}

} // namespace lora_rt
