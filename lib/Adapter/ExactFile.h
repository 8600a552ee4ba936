//===- ExactFile.h - What rounding lost -------------------------*- C++ -*-===//
//
// The file lora_exact.safetensors keeps what a merge lost by rounding, so that
// unmerging restores the original bits. Let W' be a merged tensor, and P =
// round(W' - delta) the prediction of the original W. If the bits of a
// floating-point type are read as sign and magnitude, they are in the order of
// the numbers. The distance of W from P in this order, a few units in the last
// place, is stored as
//   NAME             I8, W's shape; -128 where it is in the next two
//   NAME.positions   I64 [n], elements in row-major order
//   NAME.values      I32 [n], their distances, modulo 2^32
// A tensor whose change is not a delta is kept whole, as `original.NAME`. The
// file's metadata says what the file was made from:
//   format           "lora-exact-1"
//   adapter          checksum of the adapter's two files
//   config           config.json as it was, if the merge changed it
//   tokenizer        "1" if the merge took the adapter's tokenizer: the files
//                    of the model's are original.file.NAME, U8
//   merged.NAME      checksum of every tensor of the merged folder
//   original.NAME    checksum of every tensor that the merge changed
// A tensor without the entry `original.NAME` was not changed, or did not exist
// before if there is an entry `added.NAME`.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_EXACTFILE_H
#define LORA_MLIR_LIB_ADAPTER_EXACTFILE_H

#include "Companions.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/Checkpoint.h"

#include <map>
#include <memory>
#include <optional>
#include <set>

namespace lora {

using peft::adapterChecksum;

class ExactWriter {
public:
  /// Collects the data in files of `folder`.
  static lora_rt::Expected<ExactWriter> create(const StagedFolder &folder,
                                               const std::string &adapter,
                                               unsigned mode = 0666);

  /// `original`, `predicted` and `merged` belong to the same tensor.
  lora_rt::Error addDifference(const lora_rt::TensorView &original,
                               std::span<const std::byte> predicted);
  /// Stores what `merged`, the rounded sum of `original` and `delta`, has lost.
  lora_rt::Error addLost(const lora_rt::TensorView &original,
                         std::span<const float> delta,
                         std::span<const std::byte> merged);
  lora_rt::Error addOriginal(const lora_rt::TensorView &original);
  void addMerged(const std::string &name, std::span<const std::byte> merged);
  void addNew(const std::string &name) { metadata["added." + name] = "1"; }
  void setConfig(const std::string &text) { metadata["config"] = text; }
  /// Keeps the model's tokenizer, which the merge does not copy, or the fact
  /// that there was none.
  lora_rt::Error addTokenizer(const TokenizerFiles &former);

  lora_rt::Error commit();

private:
  /// Bytes of a tensor that wait in the spool file.
  struct Part {
    lora_rt::TensorSpec spec;
    uint64_t offset, bytes;
  };
  lora_rt::Error add(lora_rt::TensorSpec spec,
                     std::span<const std::byte> bytes);

  std::string target, spoolPath;
  std::unique_ptr<lora_rt::OutputFile> spool;
  std::vector<Part> parts;
  std::map<std::string, std::string> metadata;
  unsigned mode = 0666;
};

class ExactReader {
public:
  /// nullopt if the folder has no such file.
  static lora_rt::Expected<std::optional<ExactReader>>
  open(const std::string &mergedFolder);

  /// The same from the bytes of a compiled file's part. They must outlive the
  /// reader. `where` is for messages.
  static lora_rt::Expected<ExactReader> parse(std::span<const std::byte> bytes,
                                              const std::string &where);

  /// Fails unless the file was made from this adapter and this merged folder.
  /// Reads the whole checkpoint.
  lora_rt::Error check(const std::string &adapterFolder,
                       const lora_rt::Checkpoint &merged) const;

  /// The former config.json, if the merge changed it.
  const std::string *config() const { return entry("config"); }
  /// Whether the model had another tokenizer, or none.
  bool hasTokenizer() const { return entry("tokenizer") != nullptr; }
  /// The files of that tokenizer.
  lora_rt::Expected<
      std::vector<std::pair<std::string, std::span<const std::byte>>>>
  tokenizer() const;
  bool wasAdded(const std::string &name) const {
    return entry("added." + name) != nullptr;
  }
  bool wasChanged(const std::string &name) const {
    return entry("original." + name) != nullptr;
  }
  /// The original tensor, if it is kept whole.
  const lora_rt::TensorView *original(const std::string &name) const {
    return file.find("original." + name);
  }
  /// Turns `predicted` into the original bytes in place, and compares them with
  /// the recorded checksum.
  lora_rt::Error restore(const std::string &name, lora_rt::DType dtype,
                         std::span<std::byte> predicted) const;
  /// Compares the bytes of a tensor that is kept whole with their checksum.
  lora_rt::Error checkOriginal(const std::string &name,
                               std::span<const std::byte> bytes) const;

private:
  const std::string *entry(const std::string &key) const {
    auto found = file.metadata().find(key);
    return found == file.metadata().end() ? nullptr : &found->second;
  }
  lora_rt::Error checkFormat() const;

  lora_rt::SafetensorsFile file;
  /// What the user can do if the original cannot be restored.
  std::string wayOut = "remove the file to subtract without exactness";
};

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_EXACTFILE_H
