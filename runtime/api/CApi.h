//===- CApi.h - What the sources of the C interface share -------*- C++ -*-===//
//
// The objects behind the pointers of lora_runtime.h, and checks of what callers
// pass.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_API_CAPI_H
#define LORA_RUNTIME_API_CAPI_H

#include "lora-runtime/Generator.h"
#include "lora-runtime/TextEncoder.h"
#include "lora-runtime/lora_runtime.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace lora_rt::api {

/// The text side of an executable. It is constant, and all sessions use it.
struct TextSide {
  TextModel model;
  EncoderSettings settings;
  std::vector<std::string> labelNames = {};
  /// The same as C strings.
  std::vector<const char *> labels = {};
  /// 0 if the model cannot make vectors.
  int64_t embeddingWidth = 0;
  bool hasChatTemplate = false;
};

/// Null for a file without a text side. A damaged one is an error.
Expected<std::shared_ptr<const TextSide>> openText(const Executable &loaded);

} // namespace lora_rt::api

struct lora_module {
  std::shared_ptr<lora_rt::Executable> executable;
  uint64_t parameterBytes = 0;
  std::shared_ptr<const lora_rt::api::TextSide> text;
};

struct lora_session {
  std::unique_ptr<lora_rt::Session> session;
  std::shared_ptr<const lora_rt::api::TextSide> text;
  /// Made when they are first needed.
  std::optional<lora_rt::Generator> generator = {};
  std::optional<lora_rt::TextEncoder> encoder = {};
  /// Whether the session is generating, so that a callback of its caller may be
  /// running.
  enum class Use { Free, Tokens, Text } use = Use::Free;
};

namespace lora_rt::api {

/// Passes an error to the caller. Returns its status.
inline lora_status report(const Error &failure, lora_error *error) {
  auto status = lora_status(failure.code());
  if (!failure || !error)
    return status;
  if (error->struct_size > offsetof(lora_error, message)) {
    error->status = status;
    size_t size =
        std::min<size_t>(error->struct_size - offsetof(lora_error, message),
                         sizeof(error->message));
    size_t length = std::min(size - 1, failure.message().size());
    std::memcpy(error->message, failure.message().data(), length);
    error->message[length] = '\0';
  }
  return status;
}

inline lora_status missing(const char *what, lora_error *error) {
  return report(makeError(ErrorCode::InvalidArgument, what, " is NULL"), error);
}

/// No structure of any version is larger.
inline constexpr size_t mostOptions = 4096;

inline Error checkSize(uint32_t size, const char *name) {
  if (size >= sizeof(uint32_t) && size <= mostOptions)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, name, ": struct_size is ", size,
                   "; set it to sizeof(", name, ")");
}

/// Copies a caller's structure, if there is one, into one of this library's
/// size. Members that the caller does not know are zero. Members that this
/// library does not know must be zero.
template <typename T>
Error readOptions(const T *given, const char *name, T &options) {
  options = {};
  if (!given)
    return Error::success();
  size_t size = given->struct_size;
  if (Error error = checkSize(given->struct_size, name))
    return error;
  auto bytes = reinterpret_cast<const unsigned char *>(given);
  std::memcpy(&options, bytes, std::min(size, sizeof(T)));
  if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size,
                                      [](unsigned char byte) { return byte; }))
    return makeError(ErrorCode::Unsupported, name,
                     ": members behind its first ", sizeof(T),
                     " bytes are set, which this version of liblora_runtime "
                     "does not know; use a later one");
  return Error::success();
}

/// Copies as much of a result as the caller's structure holds.
template <typename T> lora_status fill(T *target, T value) {
  if (!target || target->struct_size < sizeof(uint32_t))
    return LORA_INVALID_ARGUMENT;
  value.struct_size = target->struct_size;
  std::memcpy(target, &value, std::min<size_t>(target->struct_size, sizeof(T)));
  return LORA_OK;
}

/// Fails if a callback is running that must not use the session.
inline Error checkFree(const lora_session *session) {
  if (!session)
    return makeError(ErrorCode::InvalidArgument, "session is NULL");
  if (session->use != lora_session::Use::Free)
    return makeError(ErrorCode::InvalidArgument,
                     "the session is generating: the callback that gets its "
                     "results cannot change it");
  return Error::success();
}

/// The text side of an object, or the error that says why it has none. No
/// callback may be using the session.
Expected<const TextSide *> textOf(const lora_module *module);
Expected<const TextSide *> textOf(lora_session *session);

/// Gives values to the caller, who frees them. A zero follows them. `count` may
/// be null.
template <typename T>
lora_status give(std::span<const T> values, T **result, size_t *count,
                 lora_error *error) {
  auto *memory = static_cast<T *>(std::malloc(values.size_bytes() + sizeof(T)));
  if (!memory)
    return report(makeError(ErrorCode::System, "there is no memory for ",
                            values.size_bytes(), " bytes of results"),
                  error);
  std::copy(values.begin(), values.end(), memory);
  memory[values.size()] = 0;
  *result = memory;
  if (count)
    *count = values.size();
  return LORA_OK;
}

inline lora_status give(const std::string &text, char **result, size_t *size,
                        lora_error *error) {
  return give(std::span<const char>(text), result, size, error);
}

} // namespace lora_rt::api

#endif // LORA_RUNTIME_API_CAPI_H
