//===- SafetensorsWriter.cpp - Writing safetensors files ------------------===//
//
// Writes the header when the file is created, with all tensors in the order of
// the safetensors library. The data may then come in any order. commit fails
// unless every byte was written.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>

namespace lora_rt {

namespace {

Error checkSpec(const std::string &path, const TensorSpec &spec,
                uint64_t &bytes) {
  bytes = 1;
  if (spec.name == "__metadata__")
    return makeError(ErrorCode::InvalidArgument, path,
                     ": a tensor cannot be called __metadata__");
  auto fail = [&] {
    return makeError(ErrorCode::InvalidArgument, path, ": tensor '", spec.name,
                     "': cannot have the shape ", shapeText(spec.shape));
  };
  for (int64_t extent : spec.shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, uint64_t(extent), &bytes))
      return fail();
  std::optional<uint64_t> whole = bytesOf(spec.dtype, bytes);
  if (!whole)
    return fail();
  bytes = *whole;
  return Error::success();
}

} // namespace

Expected<SafetensorsWriter>
SafetensorsWriter::create(const std::string &path,
                          std::vector<TensorSpec> tensors,
                          const std::map<std::string, std::string> &metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorSpec &a, const TensorSpec &b) {
              return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
            });
  SafetensorsWriter writer;
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (TensorSpec &spec : tensors) {
    uint64_t bytes;
    if (Error error = checkSpec(path, spec, bytes))
      return error;
    if (!writer.index.emplace(spec.name, writer.entries.size()).second)
      return makeError(ErrorCode::InvalidArgument, path,
                       ": two tensors called '", spec.name, "'");
    OrderedJson entry;
    entry["dtype"] = std::string(safetensorsName(spec.dtype));
    entry["shape"] = spec.shape;
    entry["data_offsets"] = {offset, offset + bytes};
    header[spec.name] = std::move(entry);
    writer.entries.push_back({std::move(spec), offset, bytes});
    offset += bytes;
  }
  std::string text =
      header.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t headerBytes = text.size();
  for (Entry &entry : writer.entries)
    entry.offset += 8 + headerBytes;

  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  writer.file = std::move(*file);
  if (Error error =
          writer.file.append(std::as_bytes(std::span(&headerBytes, 1))))
    return error;
  if (Error error = writer.file.append(std::as_bytes(std::span(text))))
    return error;
  return writer;
}

Expected<SafetensorsWriter::Entry *>
SafetensorsWriter::lookup(std::string_view tensor) {
  auto found = index.find(tensor);
  if (found == index.end())
    return makeError(ErrorCode::InvalidArgument, file.path(), ": tensor '",
                     tensor, "' was not declared");
  return &entries[found->second];
}

Error SafetensorsWriter::write(std::string_view tensor,
                               std::span<const std::byte> bytes,
                               uint64_t offset) {
  Expected<Entry *> entry = lookup(tensor);
  if (!entry)
    return entry.takeError();
  if (offset > (*entry)->bytes || bytes.size() > (*entry)->bytes - offset)
    return makeError(ErrorCode::InvalidArgument, file.path(), ": tensor '",
                     tensor, "': ", bytes.size(), " bytes at ", offset,
                     " do not fit its ", (*entry)->bytes);
  (*entry)->written += bytes.size();
  return file.writeAt((*entry)->offset + offset, bytes);
}

Error SafetensorsWriter::writeFloats(std::string_view tensor,
                                     std::span<const float> values) {
  Expected<Entry *> entry = lookup(tensor);
  if (!entry)
    return entry.takeError();
  DType type = (*entry)->spec.dtype;
  if (type == DType::F32)
    return write(tensor, std::as_bytes(values));
  std::vector<std::byte> converted(values.size() * sizeOf(type));
  if (Error error = convert(DType::F32, values.data(), type, converted.data(),
                            values.size()))
    return error;
  return write(tensor, converted);
}

Error SafetensorsWriter::commit() {
  for (const Entry &entry : entries)
    if (entry.written != entry.bytes)
      return makeError(ErrorCode::InvalidArgument, file.path(), ": tensor '",
                       entry.spec.name, "': ", entry.written, " of ",
                       entry.bytes, " bytes were written");
  return file.commit();
}

} // namespace lora_rt
