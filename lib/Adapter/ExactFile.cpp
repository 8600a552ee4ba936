//===- ExactFile.cpp - What rounding lost ---------------------------------===//
//
// Writes and reads lora_exact.safetensors (ExactFile.h has the format). The
// reader trusts nothing: names, types, shapes and positions are checked before
// use, and what it restores is compared with the recorded checksum.
//
//===----------------------------------------------------------------------===//

#include "ExactFile.h"
#include "ModelFolder.h"
#include "lora-mlir/Adapter/Rounding.h"

#include <cstring>
#include <filesystem>

using namespace lora;
using lora_rt::DType;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::TensorView;

static constexpr const char *kFormat = "lora-exact-1";
static constexpr int8_t kElsewhere = -128;

/// The bits of a floating-point number as an integer that has the same order as
/// the numbers. The inverse is `fromOrder`.
template <typename Bits> static Bits toOrder(Bits bits) {
  constexpr Bits sign = Bits(Bits(1) << (8 * sizeof(Bits) - 1));
  return Bits(bits & sign ? ~bits : bits | sign);
}
template <typename Bits> static Bits fromOrder(Bits order) {
  constexpr Bits sign = Bits(Bits(1) << (8 * sizeof(Bits) - 1));
  return Bits(order & sign ? order ^ sign : ~order);
}

/// The signed distance original - predicted in this order, modulo the size of
/// the type.
template <typename Bits>
static std::vector<int32_t> distances(std::span<const std::byte> original,
                                      std::span<const std::byte> predicted) {
  std::vector<int32_t> result(original.size() / sizeof(Bits));
  for (size_t i = 0; i < result.size(); ++i) {
    Bits was, is;
    std::memcpy(&was, original.data() + i * sizeof(Bits), sizeof(Bits));
    std::memcpy(&is, predicted.data() + i * sizeof(Bits), sizeof(Bits));
    result[i] = std::make_signed_t<Bits>(Bits(toOrder(was) - toOrder(is)));
  }
  return result;
}

template <typename Bits>
static void move(std::span<std::byte> bytes, size_t index, int32_t distance) {
  Bits value;
  std::memcpy(&value, bytes.data() + index * sizeof(Bits), sizeof(Bits));
  value = fromOrder(Bits(toOrder(value) + Bits(distance)));
  std::memcpy(bytes.data() + index * sizeof(Bits), &value, sizeof(Bits));
}

Expected<ExactWriter> ExactWriter::create(const StagedFolder &folder,
                                          const std::string &adapter,
                                          unsigned mode) {
  ExactWriter writer;
  writer.mode = mode;
  writer.target = folder.pathOf(kExactFile);
  writer.spoolPath = folder.pathOf("lora_exact.spool");
  auto sum = adapterChecksum(adapter);
  if (!sum)
    return sum.takeError();
  writer.metadata = {{"format", kFormat}, {"adapter", *sum}};
  auto spool = lora_rt::OutputFile::create(writer.spoolPath, mode);
  if (!spool)
    return spool.takeError();
  writer.spool = std::make_unique<lora_rt::OutputFile>(std::move(*spool));
  return writer;
}

Error ExactWriter::add(lora_rt::TensorSpec spec,
                       std::span<const std::byte> bytes) {
  parts.push_back({std::move(spec), spool->position(), bytes.size()});
  return spool->append(bytes);
}

void ExactWriter::addMerged(const std::string &name,
                            std::span<const std::byte> merged) {
  metadata["merged." + name] = checksum(merged);
}

Error ExactWriter::addOriginal(const TensorView &original) {
  metadata["original." + original.name] = checksum(original.bytes);
  return add({"original." + original.name, original.dtype, original.shape},
             original.bytes);
}

static constexpr std::string_view kFilePrefix = "file.";

Error ExactWriter::addTokenizer(const TokenizerFiles &former) {
  metadata["tokenizer"] = "1";
  for (const std::string &name : former.files) {
    std::string path = former.folder + "/" + name;
    std::error_code code;
    // An empty file cannot be mapped.
    lora_rt::MappedFile file;
    if (std::filesystem::file_size(path, code) != 0 || code) {
      auto opened = lora_rt::MappedFile::open(path);
      if (!opened)
        return opened.takeError();
      file = std::move(*opened);
    }
    if (Error error = addOriginal({std::string(kFilePrefix) + name,
                                   DType::U8,
                                   {int64_t(file.bytes().size())},
                                   file.bytes()}))
      return error;
  }
  return Error::success();
}

Error ExactWriter::addDifference(const TensorView &original,
                                 std::span<const std::byte> predicted) {
  size_t size = lora_rt::sizeOf(original.dtype);
  if (size != 2 && size != 4)
    return addOriginal(original);
  metadata["original." + original.name] = checksum(original.bytes);
  std::vector<int32_t> exact =
      size == 2 ? distances<uint16_t>(original.bytes, predicted)
                : distances<uint32_t>(original.bytes, predicted);
  std::vector<int8_t> narrow(exact.size());
  std::vector<int64_t> positions;
  std::vector<int32_t> values;
  for (size_t i = 0; i < exact.size(); ++i) {
    bool fits = exact[i] > kElsewhere && exact[i] <= 127;
    narrow[i] = fits ? int8_t(exact[i]) : kElsewhere;
    if (!fits) {
      positions.push_back(int64_t(i));
      values.push_back(exact[i]);
    }
  }
  if (Error error = add({original.name, DType::I8, original.shape},
                        std::as_bytes(std::span(narrow))))
    return error;
  if (positions.empty())
    return Error::success();
  if (Error error = add({original.name + ".positions",
                         DType::I64,
                         {int64_t(positions.size())}},
                        std::as_bytes(std::span(positions))))
    return error;
  return add({original.name + ".values", DType::I32, {int64_t(values.size())}},
             std::as_bytes(std::span(values)));
}

Error ExactWriter::addLost(const TensorView &original,
                           std::span<const float> delta,
                           std::span<const std::byte> merged) {
  TensorView sum = original;
  sum.bytes = merged;
  std::vector<std::byte> predicted(merged.size());
  TensorRounding ignored;
  if (Error error = addRounded(sum, delta, -1, predicted, ignored))
    return error;
  return addDifference(original, predicted);
}

Error ExactWriter::commit() {
  // The header needs the sizes of all tensors before the first byte of data. So
  // the bytes wait in a spool file.
  if (Error error = spool->commit())
    return error;
  std::vector<lora_rt::TensorSpec> specs;
  for (const Part &part : parts)
    specs.push_back(part.spec);
  auto writer =
      lora_rt::SafetensorsWriter::create(target, std::move(specs), metadata);
  if (!writer)
    return writer.takeError();
  auto bytes = lora_rt::MappedFile::open(spoolPath);
  if (!bytes)
    return bytes.takeError();
  for (const Part &part : parts)
    if (Error error = writer->write(
            part.spec.name, bytes->bytes().subspan(part.offset, part.bytes)))
      return error;
  std::error_code ignored;
  std::filesystem::remove(spoolPath, ignored);
  if (Error error = writer->commit())
    return error;
  return limitMode(target, mode);
}

Expected<std::optional<ExactReader>>
ExactReader::open(const std::string &mergedFolder) {
  std::string path = mergedFolder + "/" + kExactFile;
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    return std::optional<ExactReader>();
  auto file = lora_rt::SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  ExactReader reader;
  reader.file = std::move(*file);
  if (Error error = reader.checkFormat())
    return error;
  return std::optional<ExactReader>(std::move(reader));
}

Expected<ExactReader> ExactReader::parse(std::span<const std::byte> bytes,
                                         const std::string &where) {
  auto file = lora_rt::SafetensorsFile::parse(bytes, where);
  if (!file)
    return file.takeError();
  ExactReader reader;
  reader.file = std::move(*file);
  reader.wayOut = "copy or make the file again";
  if (Error error = reader.checkFormat())
    return error;
  return std::move(reader);
}

Error ExactReader::checkFormat() const {
  const std::string *format = entry("format");
  if (format && *format == kFormat)
    return Error::success();
  return makeError(ErrorCode::InvalidFile, file.path(),
                   ": expected the format ", kFormat, ", but got ",
                   format ? *format : "none");
}

Error ExactReader::check(const std::string &adapterFolder,
                         const lora_rt::Checkpoint &merged) const {
  auto sum = adapterChecksum(adapterFolder);
  if (!sum)
    return sum.takeError();
  if (const std::string *made = entry("adapter"); !made || *made != *sum)
    return makeError(ErrorCode::InvalidArgument, adapterFolder,
                     ": is not the adapter that ", file.path(),
                     " was made with; give that one, or ", wayOut);
  auto changed = [&](std::string_view name) {
    return makeError(ErrorCode::InvalidFile, merged.folder(), ": tensor '",
                     name, "' is not what it was when ", file.path(),
                     " was made; the original cannot be recovered exactly; ",
                     wayOut);
  };
  for (std::string_view name : merged.names()) {
    const std::string *made = entry("merged." + std::string(name));
    std::span<const std::byte> bytes = merged.find(name)->bytes;
    if (!made || *made != checksum(bytes))
      return changed(name);
    lora_rt::releasePages(bytes);
  }
  for (const auto &[key, value] : file.metadata())
    if (key.starts_with("merged.") && !merged.find(key.substr(7)))
      return changed(key.substr(7));
  return Error::success();
}

Expected<std::vector<std::pair<std::string, std::span<const std::byte>>>>
ExactReader::tokenizer() const {
  std::vector<std::pair<std::string, std::span<const std::byte>>> files;
  const std::string prefix = "original." + std::string(kFilePrefix);
  for (const TensorView &tensor : file.tensors()) {
    if (!tensor.name.starts_with(prefix))
      continue;
    std::string name = tensor.name.substr(prefix.size());
    // The name becomes part of a path.
    if (!isTokenizerFile(name))
      return makeError(ErrorCode::InvalidFile, file.path(), ": '", name,
                       "' is no file of a tokenizer; the file is damaged");
    if (Error error =
            checkOriginal(std::string(kFilePrefix) + name, tensor.bytes))
      return error;
    files.emplace_back(std::move(name), tensor.bytes);
  }
  return files;
}

Error ExactReader::checkOriginal(const std::string &name,
                                 std::span<const std::byte> bytes) const {
  const std::string *made = entry("original." + name);
  if (made && *made == checksum(bytes))
    return Error::success();
  return makeError(ErrorCode::InvalidFile, file.path(), ": tensor '", name,
                   "' does not come out as it was; the file is damaged");
}

Error ExactReader::restore(const std::string &name, DType dtype,
                           std::span<std::byte> predicted) const {
  size_t size = lora_rt::sizeOf(dtype);
  auto move = size == 2 ? ::move<uint16_t> : ::move<uint32_t>;
  auto narrow = file.get(name);
  if (!narrow)
    return narrow.takeError();
  const TensorView *positions = file.find(name + ".positions");
  const TensorView *values = file.find(name + ".values");
  size_t count = predicted.size() / size;
  auto damaged = [&]() {
    return makeError(ErrorCode::InvalidFile, file.path(), ": tensor '", name,
                     "': expected ", count,
                     " numbers of I8, and positions "
                     "within them; the file is damaged");
  };
  if ((size != 2 && size != 4) || (*narrow)->dtype != DType::I8 ||
      (*narrow)->bytes.size() != count || !positions != !values)
    return damaged();
  const auto *steps = reinterpret_cast<const int8_t *>((*narrow)->bytes.data());
  for (size_t i = 0; i < count; ++i)
    if (steps[i] != 0 && steps[i] != kElsewhere)
      move(predicted, i, steps[i]);
  if (positions) {
    if (positions->dtype != DType::I64 || values->dtype != DType::I32 ||
        positions->elements() != values->elements())
      return damaged();
    for (int64_t i = 0; i < positions->elements(); ++i) {
      int64_t position;
      int32_t value;
      std::memcpy(&position, positions->bytes.data() + 8 * i, 8);
      std::memcpy(&value, values->bytes.data() + 4 * i, 4);
      if (position < 0 || uint64_t(position) >= count)
        return damaged();
      move(predicted, size_t(position), value);
    }
  }
  return checkOriginal(name, predicted);
}
