//===- ConfigReader.h - Checked fields of a JSON object ---------*- C++ -*-===//
//
// Every getter checks the type and the range of its value. The first error is
// kept, and getters then return a harmless value. The caller checks for an
// error once, at the end.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGREADER_H
#define LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGREADER_H

#include "Json.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lora {

class ConfigReader {
public:
  /// `object` must live as long as the reader; `where` begins every message.
  ConfigReader(const lora_rt::Json &object, std::string where)
      : object(object), where(std::move(where)) {}

  /// The value of a key, or nullptr if it is absent or null.
  const lora_rt::Json *find(std::string_view key) const;

  /// Whether the key exists; its value may be null.
  bool contains(std::string_view key) const;

  /// Whether the value is absent, null, false, 0, "", [] or {}.
  bool isUnset(std::string_view key) const;

  /// A whole number in [1, largest]. An absent key is an error.
  int64_t size(std::string_view key, int64_t largest);
  /// The same with a default for an absent or null key.
  int64_t size(std::string_view key, int64_t largest, int64_t absent);

  /// A finite number greater than zero; `absent` for an absent or null key.
  double positive(std::string_view key, double absent);
  /// The same; nullopt for a null key, `absent` for an absent one.
  std::optional<double> positiveOrNull(std::string_view key,
                                       std::optional<double> absent);
  /// A list of `count` finite numbers greater than zero. An absent key is an
  /// error.
  std::vector<double> positives(std::string_view key, size_t count);

  /// A null means false. It is refused if an absent key does not mean false.
  bool flag(std::string_view key, bool absent);

  /// Records an error if the key is null.
  void refuseNull(std::string_view key);

  /// A text; "" for an absent or null key.
  std::string text(std::string_view key);

  /// One token id, a list of them, or null.
  std::vector<int64_t> tokenIds(std::string_view key);

  /// The keys that no getter was asked for and whose value is not null, false,
  /// 0, "", [] or {}.
  std::vector<std::string> unread() const;

  /// Records an error, unless there is one already.
  template <typename... Parts>
  void fail(lora_rt::ErrorCode code, const Parts &...parts) {
    if (!error)
      error = lora_rt::makeError(code, where, ": ", parts...);
  }
  template <typename... Parts> void unsupported(const Parts &...parts) {
    fail(lora_rt::ErrorCode::Unsupported, parts...);
  }
  template <typename... Parts> void invalid(const Parts &...parts) {
    fail(lora_rt::ErrorCode::InvalidFile, parts...);
  }

  /// Takes over the error of a part's reader, unless there is one already.
  void adopt(ConfigReader &part) {
    if (!error)
      error = part.takeError();
  }

  bool failed() const { return bool(error); }
  lora_rt::Error takeError() { return std::move(error); }

private:
  const lora_rt::Json &object;
  std::string where;
  mutable std::set<std::string, std::less<>> asked;
  lora_rt::Error error;
};

/// A value as JSON text, shortened.
std::string show(const lora_rt::Json &value);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CONFIG_CONFIGREADER_H
