//===- CApi.cpp - The C interface -----------------------------------------===//
//
// Implements lora_runtime.h over Executable and Session: checks pointers and
// structures of the caller, and turns errors into statuses. Nothing is computed
// here, and nothing throws.
//
//===----------------------------------------------------------------------===//

#include "CApi.h"
#include "lora-runtime/Payload.h"

using namespace lora_rt;
using namespace lora_rt::api;

namespace {

lora_status feed(lora_session *session, const int32_t *ids, size_t count,
                 float *rows, Session::Output output, lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  if (!ids)
    return missing("ids", error);
  int64_t start = session->session->position();
  Session::Rows copy;
  if (rows)
    copy = [&](const ResultSpan &part) {
      std::copy(part.values.begin(), part.values.end(),
                rows + size_t(part.first - start) * part.width);
      return Error::success();
    };
  return report(session->session->feed({{ids, count}}, copy, output), error);
}

/// Opens the executable in `payload`.
lora_status open(Expected<Payload> payload, const lora_module_options *given,
                 lora_module **result, lora_error *error) {
  lora_module_options options;
  if (Error failure = readOptions(given, "lora_module_options", options))
    return report(failure, error);
  if (!payload)
    return report(payload.takeError(), error);
  ExecutableOptions executableOptions;
  executableOptions.threads = options.threads;
  executableOptions.verifyPack = options.verify != 0;
  if (options.warn)
    executableOptions.warn = [&](const std::string &text) {
      options.warn(text.c_str(), options.user);
    };
  Expected<std::shared_ptr<Executable>> executable =
      Executable::open(std::move(*payload), executableOptions);
  if (!executable)
    return report(executable.takeError(), error);
  uint64_t bytes = 0;
  for (const Manifest::Param &param : (*executable)->manifest().params)
    bytes += param.bytes;
  Expected<std::shared_ptr<const TextSide>> text = openText(**executable);
  if (!text)
    return report(text.takeError(), error);
  *result = new lora_module{std::move(*executable), bytes, std::move(*text)};
  return LORA_OK;
}

/// Continues greedily. `token` gets each id, and returns whether to continue.
Error generate(lora_session &session, size_t count, bool stopAtEos,
               const std::function<bool(int32_t)> &token) {
  Session &target = *session.session;
  session.use = lora_session::Use::Tokens;
  Error failure = target.generate(
      int64_t(std::min<uint64_t>(count, INT64_MAX)), [&](int32_t id) {
        bool goesOn = token(id);
        return goesOn && !(stopAtEos && target.model().isEnd(id));
      });
  session.use = lora_session::Use::Free;
  return failure;
}

} // namespace

uint32_t lora_runtime_api_version(void) { return LORA_RUNTIME_API_VERSION; }

lora_status lora_module_open(const char *path, const lora_module_options *given,
                             lora_module **result, lora_error *error) {
  if (!path)
    return missing("path", error);
  if (!result)
    return missing("module", error);
  return open(Payload::open(path), given, result, error);
}

lora_status lora_module_open_memory(const void *bytes, size_t size,
                                    const lora_module_options *given,
                                    lora_module **result, lora_error *error) {
  if (!bytes)
    return missing("bytes", error);
  if (!result)
    return missing("module", error);
  return open(
      Payload::openMemory({static_cast<const std::byte *>(bytes), size}), given,
      result, error);
}

lora_status lora_module_open_fd(int fd, const lora_module_options *given,
                                lora_module **result, lora_error *error) {
  if (!result)
    return missing("module", error);
  return open(Payload::openDescriptor(fd), given, result, error);
}

void lora_module_close(lora_module *module) { delete module; }

lora_status lora_module_get_info(const lora_module *module,
                                 lora_module_info *info) {
  if (!module)
    return LORA_INVALID_ARGUMENT;
  const Manifest::Model &model = module->executable->manifest().model;
  lora_module_info value = {};
  value.threads = module->executable->threads();
  value.family = model.family.c_str();
  value.engine = module->executable->engineDescription().c_str();
  value.vocab_size = model.vocabSize;
  value.hidden_size = model.hiddenSize;
  value.max_positions = model.maxPositions;
  value.parameter_bytes = int64_t(module->parameterBytes);
  value.has_head = model.hasHead();
  value.head = uint32_t(model.head);
  value.is_bidirectional = model.isBidirectional;
  value.outputs = model.outputs;
  value.token_types = model.tokenTypes;
  value.pad_token_id = model.padTokenId;
  value.eos_token_ids = model.eosTokenIds.data();
  value.eos_token_count = model.eosTokenIds.size();
  if (const TextSide *text = module->text.get()) {
    value.has_text = 1;
    value.has_chat_template = text->hasChatTemplate;
    value.embedding_width = text->embeddingWidth;
    value.labels = text->labels.empty() ? nullptr : text->labels.data();
    value.label_count = text->labels.size();
  }
  return fill(info, value);
}

lora_status lora_session_create(lora_module *module,
                                const lora_session_options *given,
                                lora_session **result, lora_error *error) {
  if (!module)
    return missing("module", error);
  if (!result)
    return missing("session", error);
  lora_session_options options;
  if (Error failure = readOptions(given, "lora_session_options", options))
    return report(failure, error);
  Expected<std::unique_ptr<Session>> session =
      Session::create(module->executable, options.context);
  if (!session)
    return report(session.takeError(), error);
  *result = new lora_session{std::move(*session), module->text};
  return LORA_OK;
}

void lora_session_destroy(lora_session *session) { delete session; }

void lora_session_reset(lora_session *session) {
  if (!checkFree(session))
    session->session->reset();
}

lora_status lora_session_rewind(lora_session *session, int64_t tokens,
                                lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  return report(session->session->rewind(tokens), error);
}

int64_t lora_session_position(const lora_session *session) {
  return session ? session->session->position() : 0;
}

int64_t lora_session_row_size(const lora_session *session) {
  return session ? session->session->rowSize() : 0;
}

int64_t lora_session_context(const lora_session *session) {
  return session ? session->session->context() : 0;
}

lora_status lora_session_run(lora_session *session, const lora_batch *given,
                             lora_output output, float *results,
                             size_t capacity, lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  lora_batch batch;
  if (Error failure = readOptions(given, "lora_batch", batch))
    return report(failure, error);
  if (!batch.rows || !batch.lengths || !batch.ids)
    return missing("the batch's list of rows", error);
  if (!results)
    return missing("results", error);
  std::vector<TokenRow> rows;
  size_t longest = 0;
  for (size_t row = 0; row < batch.rows; ++row) {
    size_t length = batch.lengths[row];
    if (!batch.ids[row])
      return missing("the list of a row's ids", error);
    if (length > INT32_MAX)
      return report(makeError(ErrorCode::InvalidArgument, "row ", row + 1,
                              " of ", batch.rows, ": ", length,
                              " tokens are more than any model reads"),
                    error);
    rows.push_back({{batch.ids[row], length}});
    if (batch.token_types && batch.token_types[row])
      rows.back().types = {batch.token_types[row], length};
    longest = std::max(longest, length);
  }
  if (output != LORA_OUTPUT_LOGITS && output != LORA_OUTPUT_HIDDEN &&
      output != LORA_OUTPUT_POOLED)
    return report(makeError(ErrorCode::InvalidArgument,
                            "output: expected a lora_output, but got ",
                            int(output)),
                  error);
  auto kind = output == LORA_OUTPUT_HIDDEN   ? Session::Output::Hidden
              : output == LORA_OUTPUT_POOLED ? Session::Output::Pooled
                                             : Session::Output::Logits;
  Session &target = *session->session;
  if (Error failure = target.checkOutput(kind))
    return report(failure, error);
  // Rows that are too long are reported before the sizes are multiplied.
  if (Error failure = target.checkBatch(rows))
    return report(failure, error);
  auto width = size_t(target.rowSize(kind));
  size_t perRow = (target.isPooled(kind) ? 1 : longest) * width;
  if (capacity / perRow < rows.size())
    return report(makeError(ErrorCode::InvalidArgument, rows.size(),
                            " rows have ", perRow,
                            " values each, but there is space for ", capacity),
                  error);
  std::fill_n(results, rows.size() * perRow, 0.0f);
  return report(target.run(
                    rows,
                    [&](size_t row, const ResultSpan &part) {
                      std::copy(part.values.begin(), part.values.end(),
                                results + row * perRow +
                                    size_t(part.first) * width);
                      return Error::success();
                    },
                    kind),
                error);
}

lora_status lora_session_feed(lora_session *session, const int32_t *ids,
                              size_t count, float *rows, lora_error *error) {
  return feed(session, ids, count, rows, Session::Output::Logits, error);
}

lora_status lora_session_feed_hidden(lora_session *session, const int32_t *ids,
                                     size_t count, float *rows,
                                     lora_error *error) {
  return feed(session, ids, count, rows, Session::Output::Hidden, error);
}

lora_status lora_session_last(lora_session *session, float *row,
                              lora_error *error) {
  if (!session)
    return missing("session", error);
  if (!row)
    return missing("row", error);
  // A piece of text may appear in the middle of a call.
  if (session->use == lora_session::Use::Text)
    return report(checkFree(session), error);
  Expected<std::span<const float>> values = session->session->last();
  if (!values)
    return report(values.takeError(), error);
  std::copy(values->begin(), values->end(), row);
  return LORA_OK;
}

lora_status lora_session_generate(lora_session *session, size_t count,
                                  int32_t stopAtEos, int32_t *ids,
                                  size_t *generated, lora_error *error) {
  if (Error failure = checkFree(session))
    return report(failure, error);
  if (!ids && count)
    return missing("ids", error);
  size_t done = 0;
  Error failure = generate(*session, count, stopAtEos, [&](int32_t id) {
    ids[done++] = id;
    return true;
  });
  if (generated)
    *generated = done;
  return report(failure, error);
}

lora_status lora_session_generate_with(lora_session *session,
                                       const lora_generate_options *given,
                                       size_t *generated, lora_error *error) {
  if (generated)
    *generated = 0;
  if (Error failure = checkFree(session))
    return report(failure, error);
  lora_generate_options options;
  if (Error failure = readOptions(given, "lora_generate_options", options))
    return report(failure, error);
  if (!options.token)
    return missing("options.token, which gets the tokens,", error);
  // The last token is not fed, so it needs no place in the cache.
  const Session &target = *session->session;
  size_t count = options.count
                     ? options.count
                     : size_t(target.context() - target.position()) + 1;
  size_t done = 0;
  Error failure =
      generate(*session, count, options.stop_at_eos, [&](int32_t id) {
        ++done;
        return options.token(id, options.user) != 0;
      });
  if (generated)
    *generated = done;
  return report(failure, error);
}

lora_status lora_session_get_memory(const lora_session *session,
                                    lora_memory_report *report) {
  if (!session)
    return LORA_INVALID_ARGUMENT;
  MemoryReport memory = session->session->memory();
  lora_memory_report value = {};
  value.parameters = memory.parameters;
  value.repacked = memory.repacked;
  value.states = memory.states;
  value.workspace = memory.workspace;
  return fill(report, value);
}
