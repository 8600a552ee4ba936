//===- Safetensors.h - Reading and writing safetensors files ----*- C++ -*-===//
//
// The reader trusts nothing: each field of the header is checked before use,
// and tensors must fill the data without gaps or overlaps, as the format
// requires. The writer streams: tensors are declared first, then written in any
// order, and the file gets its name when all bytes are written.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SAFETENSORS_H
#define LORA_RUNTIME_SAFETENSORS_H

#include "lora-runtime/File.h"
#include "lora-runtime/Numeric.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt {

/// A tensor in a mapped file. `bytes` is valid as long as the file is open.
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  /// The elements, row-major.
  std::span<const std::byte> bytes;

  /// The product of the dimensions; 1 for a scalar.
  int64_t elements() const;
};

/// Whether two tensors have one type, one shape and the same bytes.
bool haveSameBytes(const TensorView &a, const TensorView &b);

/// Fails if a tensor of `file` contains NaN or infinity. The message says how
/// many there are, and where the first one is. Reads the whole tensor.
Error checkFinite(const TensorView &tensor, std::string_view file);

/// A shape as text: "[144, 48]".
std::string shapeText(std::span<const int64_t> shape);

/// A safetensors file, mapped.
class SafetensorsFile {
public:
  /// Maps a file and checks its header: names, types, shapes and ranges.
  static Expected<SafetensorsFile> open(const std::string &path);

  /// Parses bytes that stay valid as long as this object; `path` is for
  /// messages.
  static Expected<SafetensorsFile> parse(std::span<const std::byte> bytes,
                                         const std::string &path);

  const std::string &path() const { return name; }

  /// The tensors in the order of their data.
  const std::vector<TensorView> &tensors() const { return views; }

  /// nullptr if there is no such tensor.
  const TensorView *find(std::string_view tensor) const;

  /// The same as find, but an error that names the file and similar tensors.
  Expected<const TensorView *> get(std::string_view tensor) const;

  /// The entries of `__metadata__`.
  const std::map<std::string, std::string> &metadata() const { return texts; }

private:
  Error parseHeader(std::span<const std::byte> bytes);
  Error checkLayout(std::span<const std::byte> data);

  MappedFile file;
  std::string name;
  std::vector<TensorView> views;
  std::map<std::string, size_t, std::less<>> index;
  std::map<std::string, std::string> texts;
};

/// The name, type and shape of a tensor to be written.
struct TensorSpec {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
};

/// Writes a safetensors file in the order of the safetensors library: first by
/// element type, higher ones first (I64, F64, F32, BF16, F16, U8), then
/// bytewise by name.
class SafetensorsWriter {
public:
  static Expected<SafetensorsWriter> create(
      const std::string &path, std::vector<TensorSpec> tensors,
      const std::map<std::string, std::string> &metadata = {{"format", "pt"}});

  /// Writes bytes of a tensor from `offset` on. A tensor may come in pieces,
  /// which must not overlap, and tensors in any order.
  Error write(std::string_view tensor, std::span<const std::byte> bytes,
              uint64_t offset = 0);

  /// Converts f32 values to the tensor's type and writes them all.
  Error writeFloats(std::string_view tensor, std::span<const float> values);

  /// Checks that every byte was written, and gives the file its name.
  Error commit();

private:
  struct Entry {
    TensorSpec spec;
    uint64_t offset;
    uint64_t bytes;
    uint64_t written = 0;
  };

  Expected<Entry *> lookup(std::string_view tensor);

  OutputFile file;
  std::vector<Entry> entries;
  std::map<std::string, size_t, std::less<>> index;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SAFETENSORS_H
