//===- Session.cpp --------------------------------------------------------===//

#include "lora-runtime/Session.h"
#include "Chunks.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lora_rt {

struct Session::State {
  std::unique_ptr<ModuleInstance> instance;
  /// Fewest tokens first.
  std::vector<const Manifest::Entry *> body, head;
  int64_t context = 0;
  int64_t position = 0;
  DType hiddenType = DType::F32, logitsType = DType::F32;
  EngineMemory ids, sequence, hidden, logits;
  /// The final hidden state of the last token, in the engine's type.
  std::vector<std::byte> lastHidden;

  const Manifest::Model &model() const { return instance->manifest().model; }
  uint64_t hiddenRowBytes() const {
    return uint64_t(model().hiddenSize) * sizeOf(hiddenType);
  }

  Error checkEntries();
  Error allocate();
  Error checkIds(std::span<const int32_t> tokens) const;
  Error runChunk(const Manifest::Entry &entry, std::span<const int32_t> tokens);
  Error logitsOf(std::span<const std::byte> rows, int64_t count, int64_t first,
                 const Rows &sink);
  Error hiddenRows(std::span<const std::byte> rows, int64_t first,
                   const Rows &sink);
};

namespace {

/// The entries that `tokens` are run with, one after the other.
std::vector<const Manifest::Entry *>
plan(const std::vector<const Manifest::Entry *> &entries, size_t tokens) {
  std::vector<int64_t> sizes;
  for (const Manifest::Entry *entry : entries)
    sizes.push_back(entry->tokens);
  std::vector<const Manifest::Entry *> result;
  for (int64_t size : planChunks(sizes, int64_t(tokens)))
    result.push_back(entries[size_t(
        std::find(sizes.begin(), sizes.end(), size) - sizes.begin())]);
  return result;
}

bool isValue(const Manifest::Value &value, const char *name,
             std::vector<int64_t> shape) {
  return value.name == name && value.shape == shape;
}

} // namespace

Session::Session(std::unique_ptr<State> state) : state(std::move(state)) {}
Session::~Session() = default;

/// Refuses entries that do not look as docs/module-format.md says.
Error Session::State::checkEntries() {
  auto fail = [](const Manifest::Entry &entry, const char *expected) {
    return makeError(ErrorCode::InvalidFile, "entry '", entry.name,
                     "': expected ", expected);
  };
  int64_t width = model().hiddenSize, outputs = model().outputs;
  for (const Manifest::Entry *entry : body) {
    int64_t tokens = entry->tokens;
    if (entry->inputs.size() != 2 || entry->outputs.size() != 1 ||
        !isValue(entry->inputs[0], "ids", {tokens}) ||
        entry->inputs[0].dtype != DType::I32 ||
        !isValue(entry->inputs[1], "sequence", {4, tokens}) ||
        entry->inputs[1].dtype != DType::I32 ||
        !isValue(entry->outputs[0], "hidden", {tokens, width}) ||
        !isFloat(entry->outputs[0].dtype))
      return fail(*entry, "(ids, sequence) -> hidden");
    hiddenType = entry->outputs[0].dtype;
  }
  for (const Manifest::Entry *entry : head) {
    int64_t tokens = entry->tokens;
    if (entry->inputs.size() != 1 || entry->outputs.size() != 1 ||
        !isValue(entry->inputs[0], "hidden", {tokens, width}) ||
        entry->inputs[0].dtype != hiddenType ||
        !isValue(entry->outputs[0], "logits", {tokens, outputs}) ||
        !isFloat(entry->outputs[0].dtype))
      return fail(*entry, "(hidden) -> logits");
    logitsType = entry->outputs[0].dtype;
  }
  return Error::success();
}

Error Session::State::allocate() {
  int64_t most = body.back()->tokens;
  int64_t mostLogits = head.empty() ? 0 : head.back()->tokens;
  int64_t hiddenRows = std::max(most, mostLogits);
  struct Need {
    EngineMemory &memory;
    uint64_t bytes;
  };
  Need needs[] = {
      {ids, uint64_t(most) * 4},
      {sequence, uint64_t(most) * 16},
      {hidden, uint64_t(hiddenRows) * hiddenRowBytes()},
      {logits,
       uint64_t(mostLogits) * uint64_t(model().outputs) * sizeOf(logitsType)},
  };
  for (Need &need : needs) {
    Expected<EngineMemory> memory = instance->allocate(need.bytes);
    if (!memory)
      return memory.takeError();
    need.memory = std::move(*memory);
  }
  return Error::success();
}

Expected<std::unique_ptr<Session>>
Session::create(std::shared_ptr<Module> module, int64_t context) {
  const Manifest &manifest = module->manifest();
  int64_t limit = manifest.model.maxPositions;
  if (context < 0 || context > limit)
    return makeError(ErrorCode::InvalidArgument, "a context of ", context,
                     " tokens: the model has positions for ", limit);
  auto state = std::make_unique<State>();
  state->context = context ? context : std::min(limit, defaultContext);
  state->body = manifest.entriesOf("hidden_states");
  state->head = manifest.entriesOf("logits");
  if (state->body.empty())
    return makeError(
        ErrorCode::InvalidFile,
        "the module was not compiled for inference: it has no entry "
        "for hidden_states");
  if (manifest.model.hasHead() && state->head.empty())
    return makeError(ErrorCode::InvalidFile,
                     "the module has no entry for logits");
  // The spare row takes what padding tokens write.
  Expected<std::unique_ptr<ModuleInstance>> instance =
      ModuleInstance::create(std::move(module), state->context + 1);
  if (!instance)
    return instance.takeError();
  state->instance = std::move(*instance);
  if (Error error = state->checkEntries())
    return error;
  if (Error error = state->allocate())
    return error;
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Error Session::State::checkIds(std::span<const int32_t> tokens) const {
  if (tokens.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "expected at least one token id");
  for (int32_t id : tokens)
    if (id < 0 || id >= model().vocabSize)
      return makeError(ErrorCode::InvalidArgument, "token id ", id,
                       " is outside the vocabulary (0 to ",
                       model().vocabSize - 1, ")");
  if (int64_t(tokens.size()) > context - position)
    return makeError(
        ErrorCode::InvalidArgument, position + int64_t(tokens.size()),
        " tokens do not fit the context of ", context,
        context < model().maxPositions
            ? "; --context takes up to " + std::to_string(model().maxPositions)
            : ", which is all that the model has positions for");
  return Error::success();
}

Error Session::State::runChunk(const Manifest::Entry &entry,
                               std::span<const int32_t> tokens) {
  size_t size = size_t(entry.tokens);
  std::vector<int32_t> padded(size, 0), rows(4 * size, 0);
  std::copy(tokens.begin(), tokens.end(), padded.begin());
  // Rows of `sequence`: position, first key, end of keys, cache row to write.
  int32_t *positions = rows.data(), *end = positions + 2 * size,
          *cacheRow = positions + 3 * size;
  for (size_t i = 0; i < size; ++i) {
    bool isPadding = i >= tokens.size();
    int64_t at = position + int64_t(i);
    positions[i] = isPadding ? 0 : int32_t(at);
    end[i] = isPadding ? 0 : int32_t(at + 1);
    cacheRow[i] = int32_t(isPadding ? context : at);
  }
  if (Error error =
          instance->write(ids.address(), std::as_bytes(std::span(padded))))
    return error;
  if (Error error =
          instance->write(sequence.address(), std::as_bytes(std::span(rows))))
    return error;
  void *inputs[] = {ids.address(), sequence.address()};
  void *outputs[] = {hidden.address()};
  if (Error error = instance->call(entry, inputs, outputs))
    return error;
  position += int64_t(tokens.size());
  return Error::success();
}

Error Session::State::hiddenRows(std::span<const std::byte> rows, int64_t first,
                                 const Rows &sink) {
  std::vector<float> values(rows.size() / sizeOf(hiddenType));
  if (Error error = convertToFloat(hiddenType, rows.data(), values))
    return error;
  return sink(first, values);
}

Error Session::State::logitsOf(std::span<const std::byte> rows, int64_t count,
                               int64_t first, const Rows &sink) {
  uint64_t rowBytes = hiddenRowBytes();
  int64_t done = 0;
  for (const Manifest::Entry *entry : plan(head, size_t(count))) {
    int64_t piece = std::min(entry->tokens, count - done);
    std::vector<std::byte> input(size_t(entry->tokens) * rowBytes);
    std::copy_n(rows.begin() + ptrdiff_t(uint64_t(done) * rowBytes),
                uint64_t(piece) * rowBytes, input.begin());
    if (Error error = instance->write(hidden.address(), input))
      return error;
    void *inputs[] = {hidden.address()}, *outputs[] = {logits.address()};
    if (Error error = instance->call(*entry, inputs, outputs))
      return error;
    std::vector<float> values(size_t(piece) * size_t(model().outputs));
    std::vector<std::byte> raw(values.size() * sizeOf(logitsType));
    if (Error error = instance->read(logits.address(), raw))
      return error;
    if (Error error = convertToFloat(logitsType, raw.data(), values))
      return error;
    if (Error error = sink(first + done, values))
      return error;
    done += piece;
  }
  return Error::success();
}

const Manifest::Model &Session::model() const { return state->model(); }
int64_t Session::context() const { return state->context; }
int64_t Session::position() const { return state->position; }
ModuleInstance &Session::instance() { return *state->instance; }
void Session::reset() { state->position = 0; }

int64_t Session::rowSize() const {
  return model().hasHead() ? model().outputs : model().hiddenSize;
}

MemoryReport Session::memory() const {
  MemoryReport report = state->instance->memory();
  for (const EngineMemory *memory :
       {&state->ids, &state->sequence, &state->hidden, &state->logits})
    report.workspace += memory->size();
  return report;
}

Error Session::feed(std::span<const int32_t> ids, const Rows &rows,
                    Output output) {
  State &s = *state;
  if (Error error = s.checkIds(ids))
    return error;
  bool isLogits = output == Output::Logits && model().hasHead();
  uint64_t rowBytes = s.hiddenRowBytes();
  for (const Manifest::Entry *entry : plan(s.body, ids.size())) {
    size_t count = std::min(size_t(entry->tokens), ids.size());
    int64_t first = s.position;
    if (Error error = s.runChunk(*entry, ids.first(count)))
      return error;
    ids = ids.subspan(count);
    if (!rows && !ids.empty())
      continue;
    std::vector<std::byte> hidden(count * rowBytes);
    if (Error error = s.instance->read(s.hidden.address(), hidden))
      return error;
    s.lastHidden.assign(hidden.end() - ptrdiff_t(rowBytes), hidden.end());
    if (!rows)
      continue;
    if (Error error = isLogits ? s.logitsOf(hidden, int64_t(count), first, rows)
                               : s.hiddenRows(hidden, first, rows))
      return error;
  }
  return Error::success();
}

Expected<std::vector<float>> Session::last() {
  State &s = *state;
  if (s.lastHidden.empty())
    return makeError(ErrorCode::InvalidArgument, "no token was fed yet");
  std::vector<float> result;
  Rows keep = [&](int64_t, std::span<const float> rows) {
    result.assign(rows.begin(), rows.end());
    return Error::success();
  };
  if (Error error = model().hasHead() ? s.logitsOf(s.lastHidden, 1, 0, keep)
                                      : s.hiddenRows(s.lastHidden, 0, keep))
    return error;
  return result;
}

Expected<int32_t> Session::greedy() {
  if (!model().hasHead())
    return makeError(ErrorCode::Unsupported,
                     "the model has no head, so it cannot continue a text");
  Expected<std::vector<float>> logits = last();
  if (!logits)
    return logits.takeError();
  size_t best = 0;
  for (size_t i = 0; i < logits->size(); ++i) {
    if (std::isnan((*logits)[i]))
      return makeError(ErrorCode::System, "the model computed NaN at position ",
                       position() - 1);
    if ((*logits)[i] > (*logits)[best])
      best = i;
  }
  return int32_t(best);
}

Error Session::checkRoom(int64_t promptTokens, int64_t count) const {
  // The last token is not fed back.
  int64_t prompt = position() + promptTokens;
  if (prompt + std::max<int64_t>(count - 1, 0) <= context())
    return Error::success();
  return makeError(
      ErrorCode::InvalidArgument, "a prompt of ", prompt, " tokens and ", count,
      " more do not fit the context of ", context(),
      context() < model().maxPositions
          ? "; --context takes up to " + std::to_string(model().maxPositions)
          : ", which is all that the model has positions for");
}

Error Session::generate(int64_t count,
                        const std::function<bool(int32_t)> &token) {
  if (Error error = checkRoom(0, count))
    return error;
  for (int64_t i = 0; i < count; ++i) {
    Expected<int32_t> next = greedy();
    if (!next)
      return next.takeError();
    if (!token(*next) || i + 1 == count)
      break;
    if (Error error = feed(std::span(&*next, 1)))
      return error;
  }
  return Error::success();
}

} // namespace lora_rt
