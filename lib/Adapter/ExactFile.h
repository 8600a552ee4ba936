//===- ExactFile.h - What rounding lost -------------------------*- C++ -*-===//
//
// lora_exact.safetensors. Let P be round(W' - delta) for a merged tensor W'.
// The bits of a floating-point type, taken as sign and magnitude, are in the
// order of the numbers; the distance of W from P in that order, a few units in
// the last place, is
//   NAME             I8, W's shape; -128 where it is in the next two
//   NAME.positions   I64 [n], elements in row-major order
//   NAME.values      I32 [n], their distances, modulo 2^32
// A tensor that is not W + delta is kept as it was, as `original.NAME`. The
// file's metadata says of what it was made:
//   format           "lora-exact-1"
//   adapter          checksum of the adapter's two files
//   config           config.json as it was, if the merge changed it
//   tokenizer        "1" if the merge took the adapter's tokenizer: the files
//                    of the model's are original.file.NAME, U8
//   merged.NAME      checksum of every tensor of the merged folder
//   original.NAME    checksum of every tensor that the merge changed
// A merged tensor without `original.NAME` is what it was, or, if it is named by
// `added.NAME`, was not there.
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
  /// Collects in `folder`.
  static lora_rt::Expected<ExactWriter> create(const StagedFolder &folder,
                                               const std::string &adapter,
                                               unsigned mode = 0666);

  /// `original`, `predicted` and `merged` are one tensor's.
  lora_rt::Error addDifference(const lora_rt::TensorView &original,
                               std::span<const std::byte> predicted);
  /// What `merged`, the rounded sum of `original` and `delta`, has lost.
  lora_rt::Error addLost(const lora_rt::TensorView &original,
                         std::span<const float> delta,
                         std::span<const std::byte> merged);
  lora_rt::Error addOriginal(const lora_rt::TensorView &original);
  void addMerged(const std::string &name, std::span<const std::byte> merged);
  void addNew(const std::string &name) { metadata["added." + name] = "1"; }
  void setConfig(const std::string &text) { metadata["config"] = text; }
  /// Keeps the tokenizer that the merge does not copy, or that there was none.
  lora_rt::Error addTokenizer(const TokenizerFiles &former);

  lora_rt::Error commit();

private:
  /// Bytes that wait in the spool.
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
  /// Nothing if the folder has no such file.
  static lora_rt::Expected<std::optional<ExactReader>>
  open(const std::string &mergedFolder);

  /// The same from the bytes of a compiled file's part, which must outlive the
  /// reader; `where` is for messages.
  static lora_rt::Expected<ExactReader> parse(std::span<const std::byte> bytes,
                                              const std::string &where);

  /// Fails unless the file was made of this adapter and this folder; reads the
  /// whole checkpoint.
  lora_rt::Error check(const std::string &adapterFolder,
                       const lora_rt::Checkpoint &merged) const;

  /// config.json as it was, if it was another.
  const std::string *config() const { return entry("config"); }
  /// Whether the model had another tokenizer, or none.
  bool hasTokenizer() const { return entry("tokenizer") != nullptr; }
  /// Its files.
  lora_rt::Expected<
      std::vector<std::pair<std::string, std::span<const std::byte>>>>
  tokenizer() const;
  bool wasAdded(const std::string &name) const {
    return entry("added." + name) != nullptr;
  }
  bool wasChanged(const std::string &name) const {
    return entry("original." + name) != nullptr;
  }
  /// The tensor as it was, if it is kept whole.
  const lora_rt::TensorView *original(const std::string &name) const {
    return file.find("original." + name);
  }
  /// Turns `predicted` into the original bytes, and checks that it is.
  lora_rt::Error restore(const std::string &name, lora_rt::DType dtype,
                         std::span<std::byte> predicted) const;
  /// Checks bytes that are kept whole.
  lora_rt::Error checkOriginal(const std::string &name,
                               std::span<const std::byte> bytes) const;

private:
  const std::string *entry(const std::string &key) const {
    auto found = file.metadata().find(key);
    return found == file.metadata().end() ? nullptr : &found->second;
  }
  lora_rt::Error checkFormat() const;

  lora_rt::SafetensorsFile file;
  /// What to do where the original cannot be had.
  std::string wayOut = "remove the file to subtract without exactness";
};

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_EXACTFILE_H
