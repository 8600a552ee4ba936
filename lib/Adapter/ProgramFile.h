//===- ProgramFile.h - A compiled file whose weights can change -*- C++ -*-===//
//
// A file of lora-compile, opened so that it can be written again with other
// weights. docs/executable-format.md describes its parts. Everything that is
// read is first compared with its checksum, so that damaged data does not get a
// new checksum.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_PROGRAMFILE_H
#define LORA_MLIR_LIB_ADAPTER_PROGRAMFILE_H

#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/Manifest.h"

#include <functional>

namespace lora {

/// A buffer for a tensor, aligned as oneDNN needs it.
class TensorBuffer {
public:
  std::span<std::byte> get(size_t bytes) {
    lines.resize(bytes / sizeof(Line) + 1);
    return std::as_writable_bytes(std::span(lines)).subspan(0, bytes);
  }

private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines;
};

class ProgramFile {
public:
  /// Whether a path, which may also name a model folder, is a file.
  static bool isFile(const std::string &path);

  /// Fails for a file without its graph (older versions wrote such files), and
  /// for a file with an unmerged adapter.
  static lora_rt::Expected<ProgramFile> open(const std::string &path);

  const std::string &path() const { return payload.path(); }
  const lora_rt::Payload &parts() const { return payload; }
  /// The adapter that is merged into the weights, if there is one.
  const std::optional<lora_rt::CarriedAdapter> &adapter() const {
    return merged;
  }
  /// The graph before an adapter was attached.
  std::string_view graph() const { return graphText; }
  const lora_rt::Manifest &manifest() const { return contents; }
  const std::vector<lora_rt::Manifest::Param> &parameters() const {
    return contents.params;
  }

  /// The name of a parameter, unique in the file. If a tensor is stored twice,
  /// in different layouts, its names are NAME and NAME@LAYOUT.
  const std::string &key(size_t index) const { return keys[index]; }

  /// All parameters by their unique names, with types and shapes. The bytes are
  /// those of the pack, in the layout of the file.
  lora_rt::Checkpoint tensors() const;

  /// The bytes of a parameter in the pack.
  lora_rt::Expected<std::span<const std::byte>> packed(size_t index) const;
  /// Gives back the memory of a parameter's pages; they are read again when
  /// needed.
  void release(size_t index) const {
    lora_rt::releasePages(packBytes.subspan(contents.params[index].offset,
                                            contents.params[index].bytes));
  }

  /// A parameter as a row-major tensor under its name without a layout. If it
  /// is stored in another layout, its bytes are in `buffer`.
  lora_rt::Expected<lora_rt::TensorView> plain(size_t index,
                                               TensorBuffer &buffer) const;

  /// Converts a row-major tensor to the layout of a parameter.
  lora_rt::Expected<std::span<const std::byte>>
  pack(size_t index, std::span<const std::byte> plain,
       TensorBuffer &buffer) const;

private:
  lora_rt::Error read();
  lora_rt::Error readParameters();

  lora_rt::Payload payload;
  lora_rt::Manifest contents;
  std::string_view graphText;
  std::span<const std::byte> packBytes;
  std::vector<std::string> keys;
  std::optional<lora_rt::CarriedAdapter> merged;
};

/// What changes when a file is written again.
struct ProgramEdit {
  /// Whether the parameters of this name change.
  std::function<bool(const std::string &name)> changes;
  /// Computes the new values from the old ones, both row-major; valid until the
  /// next call. A tensor that is stored in several layouts comes once for each;
  /// `again` is true from the second time on.
  std::function<lora_rt::Expected<std::span<const std::byte>>(
      const lora_rt::TensorView &plain, bool again)>
      edit;
  /// Called with each parameter as it is written; may be empty.
  std::function<void(const std::string &key, std::span<const std::byte> bytes)>
      written;
  /// What the file will say about its adapter.
  std::optional<lora_rt::CarriedAdapter> adapter;
  /// The folder of that adapter: its tokenizer and its chat templates go into
  /// the file, if it has any. Without an adapter, those of the base return.
  std::string adapterFolder;
  /// Called when all parameters are written. Makes the file that becomes the
  /// part `exact`, and returns its path; may be empty.
  std::function<lora_rt::Expected<std::string>()> makeExact;
  /// May be empty.
  std::function<void(const std::string &)> progress;
};

/// Writes `source` to `output` with other weights, and with the text of another
/// adapter. Every other part keeps its bytes and its place. One tensor is in
/// memory at a time.
lora_rt::Error writeProgram(const ProgramFile &source,
                            const std::string &output, const ProgramEdit &edit);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_PROGRAMFILE_H
