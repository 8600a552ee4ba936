//===- Stored.h - Arrays that are used where they are stored ----*- C++ -*-===//
//
// A tokenizer's tables are built once, from its files, and stored in a compiled
// file. A program uses them there, and reads only the parts that a text needs.
// `Stored` is such an array, in memory or in a file. StoreWriter and
// StoreReader write and read arrays one after the other, each at a multiple of
// 8 bytes. All numbers are in the byte order of x86-64.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_STORED_H
#define LORA_RUNTIME_TEXT_STORED_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt::text {

template <typename T> struct Stored {
  std::span<const T> view;

  Stored() = default;
  explicit Stored(std::vector<T> values)
      : owned(std::make_shared<std::vector<T>>(std::move(values))) {
    view = *owned;
  }
  explicit Stored(std::span<const T> view) : view(view) {}

private:
  std::shared_ptr<std::vector<T>> owned;
};

class StoreWriter {
public:
  template <typename T> void add(std::span<const T> values) {
    addBytes(
        {reinterpret_cast<const char *>(values.data()), values.size_bytes()});
  }
  void addBytes(std::string_view bytes) {
    uint64_t size = bytes.size();
    out.append(reinterpret_cast<const char *>(&size), sizeof size);
    out.append(bytes);
    out.append((8 - out.size() % 8) % 8, '\0');
  }
  std::string take() { return std::move(out); }

private:
  std::string out;
};

class StoreReader {
public:
  StoreReader(std::span<const std::byte> bytes, const std::string &where)
      : bytes(bytes), where(where) {}

  /// The next array; empty after an error.
  template <typename T> Stored<T> take() {
    std::string_view text = takeBytes();
    if (text.size() % sizeof(T) ||
        reinterpret_cast<uintptr_t>(text.data()) % alignof(T)) {
      isDamaged = true;
      return Stored<T>();
    }
    return Stored<T>(std::span<const T>(
        reinterpret_cast<const T *>(text.data()), text.size() / sizeof(T)));
  }

  std::string_view takeBytes() {
    uint64_t size = 0;
    if (isDamaged || bytes.size() - at < sizeof size)
      return damaged();
    std::memcpy(&size, bytes.data() + at, sizeof size);
    at += sizeof size;
    if (size > bytes.size() - at)
      return damaged();
    auto *start = reinterpret_cast<const char *>(bytes.data() + at);
    at += size;
    at += (8 - at % 8) % 8;
    at = at < bytes.size() ? at : bytes.size();
    return {start, size};
  }

  /// Reports an error that only the user of an array can detect.
  std::string_view damaged() {
    isDamaged = true;
    return {};
  }
  bool isSound() const { return !isDamaged; }

  Error finish() const {
    if (isDamaged || at != bytes.size())
      return makeError(ErrorCode::InvalidFile, where,
                       ": the stored tokenizer is damaged; compile the model "
                       "again");
    return Error::success();
  }

private:
  std::span<const std::byte> bytes;
  const std::string &where;
  size_t at = 0;
  bool isDamaged = false;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_STORED_H
