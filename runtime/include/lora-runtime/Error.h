//===- Error.h - Failures as values -----------------------------*- C++ -*-===//
//
// Part of the runtime is loaded into processes that build without exceptions,
// so a failure is a value: `Error` (nothing, or a message for the user) and
// `Expected<T>` (a T, or an Error). A message names the file or the tensor,
// what was found, what was expected and, if possible, what to do.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ERROR_H
#define LORA_RUNTIME_ERROR_H

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace lora_rt {

/// The kind of a failure. The values are part of the C API (lora_status).
enum class ErrorCode : int {
  Ok = 0,
  /// The caller passed something that the call does not accept.
  InvalidArgument = 1,
  /// A file is missing, damaged, or not what it claims to be.
  InvalidFile = 2,
  /// The file or request is sound, but this build or machine cannot do it.
  Unsupported = 3,
  /// The operating system or a library refused.
  System = 4,
};

/// Success or a failure. It converts to true if it is a failure: `if (Error
/// error = f()) return error;`
class [[nodiscard]] Error {
public:
  Error() = default;
  Error(ErrorCode code, std::string message)
      : payload(std::make_unique<Payload>(Payload{code, std::move(message)})) {}

  static Error success() { return Error(); }

  explicit operator bool() const { return payload != nullptr; }

  ErrorCode code() const { return payload ? payload->code : ErrorCode::Ok; }

  /// The message; empty for success.
  const std::string &message() const {
    static const std::string empty;
    return payload ? payload->message : empty;
  }

private:
  struct Payload {
    ErrorCode code;
    std::string message;
  };
  std::unique_ptr<Payload> payload;
};

/// A message that can be shown in a terminal. Messages quote files: control
/// characters are replaced, and the middle of a very long text is left out.
inline std::string readableMessage(std::string text) {
  constexpr size_t most = 4000;
  if (text.size() > most)
    text = text.substr(0, most / 4 * 3) + " ... " +
           text.substr(text.size() - most / 4);
  for (char &c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') ||
        c == 0x7f)
      c = '?';
  return text;
}

/// Makes a failure. The parts are concatenated as by a stream.
template <typename... Parts>
Error makeError(ErrorCode code, const Parts &...parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return Error(code, readableMessage(stream.str()));
}

/// A T, or the failure that prevented it. It converts to true if there is a T.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : value(std::move(value)) {}
  Expected(Error error) : error(std::move(error)) {}

  explicit operator bool() const { return value.has_value(); }

  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }

  const std::string &message() const { return error.message(); }

  /// Passes the failure on: `if (!x) return x.takeError();`
  Error takeError() { return std::move(error); }

private:
  std::optional<T> value;
  Error error;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_ERROR_H
