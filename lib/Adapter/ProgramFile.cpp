//===- ProgramFile.cpp - A compiled file whose weights can change ---------===//
//
// Opens a compiled file for merging, and converts its parameters between
// row-major order and the layouts of the file.
//
//===----------------------------------------------------------------------===//

#include "ProgramFile.h"
#include "lora-runtime/Layouts.h"

#include <filesystem>
#include <set>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::Manifest;

static std::string_view textOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

static uint64_t plainBytes(const Manifest::Param &param) {
  uint64_t bytes = lora_rt::sizeOf(param.dtype);
  for (int64_t extent : param.shape)
    bytes *= uint64_t(extent);
  return bytes;
}

bool ProgramFile::isFile(const std::string &path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code);
}

Expected<ProgramFile> ProgramFile::open(const std::string &path) {
  ProgramFile program;
  auto payload = lora_rt::Payload::open(path);
  if (!payload)
    return payload.takeError();
  program.payload = std::move(*payload);
  if (Error error = program.read())
    return error;
  return std::move(program);
}

Error ProgramFile::read() {
  auto adapter = lora_rt::readAdapterPart(payload);
  if (!adapter)
    return adapter.takeError();
  merged = std::move(*adapter);
  if (merged && !merged->merged)
    return makeError(ErrorCode::Unsupported, path(), ": was compiled with ",
                     "--unmerged: the adapter '", merged->name,
                     "' is code beside the weights, and cannot be exchanged; "
                     "compile the model without --unmerged");
  if (!payload.find(lora_rt::graphPart))
    return makeError(ErrorCode::Unsupported, path(),
                     ": has no part 'graph', as files of older versions; "
                     "compile the model again");
  auto graph = payload.verified(lora_rt::graphPart);
  if (!graph)
    return graph.takeError();
  graphText = textOf(*graph);
  auto manifest = Manifest::read(payload);
  if (!manifest)
    return manifest.takeError();
  contents = std::move(*manifest);
  return readParameters();
}

Error ProgramFile::readParameters() {
  const lora_rt::Payload::Part *pack = payload.find(lora_rt::packPart);
  if (!pack)
    return makeError(ErrorCode::InvalidFile, path(),
                     ": it has no part 'pack'; compile the model again");
  packBytes = payload.bytes(*pack);
  std::set<std::string> known;
  for (const Manifest::Param &param : contents.params) {
    auto fail = [&](const auto &...what) {
      return makeError(ErrorCode::InvalidFile, path(), ": parameter '",
                       param.name, "' ", what...,
                       "; copy or compile the file again");
    };
    if (!param.bytes || param.offset > packBytes.size() ||
        param.bytes > packBytes.size() - param.offset || param.offset % 64 != 0)
      return fail("lies outside the pack");
    if (!lora_rt::isFloat(param.dtype))
      return fail("is of ", lora_rt::manifestName(param.dtype),
                  ", but weights are floating-point numbers");
    if (param.layout != lora_rt::plainLayout) {
      auto bytes = lora_rt::packedBytes(param.layout, param.shape[0],
                                        param.shape[1], param.dtype);
      if (!bytes)
        return bytes.takeError();
      if (*bytes != param.bytes || plainBytes(param) > *bytes)
        return fail("has ", param.bytes, " bytes, but its layout ",
                    param.layout, " needs ", *bytes);
    }
    std::string key = param.name;
    if (!known.insert(key).second) {
      key += "@" + param.layout;
      if (!known.insert(key).second)
        return fail("is there twice");
    }
    keys.push_back(std::move(key));
  }
  return Error::success();
}

lora_rt::Checkpoint ProgramFile::tensors() const {
  std::vector<lora_rt::TensorView> views;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Manifest::Param &param = contents.params[i];
    views.push_back({keys[i], param.dtype, param.shape,
                     packBytes.subspan(param.offset, param.bytes)});
  }
  return lora_rt::Checkpoint::fromTensors(path(), std::move(views));
}

Expected<std::span<const std::byte>> ProgramFile::packed(size_t index) const {
  const Manifest::Param &param = contents.params[index];
  std::span<const std::byte> bytes =
      packBytes.subspan(param.offset, param.bytes);
  if (lora_rt::checksum(bytes) != param.checksum)
    return makeError(ErrorCode::InvalidFile, path(), ": parameter '",
                     param.name,
                     "' is damaged (its checksum differs); copy or compile "
                     "the file again");
  return bytes;
}

Expected<lora_rt::TensorView> ProgramFile::plain(size_t index,
                                                 TensorBuffer &buffer) const {
  auto bytes = packed(index);
  if (!bytes)
    return bytes.takeError();
  const Manifest::Param &param = contents.params[index];
  lora_rt::TensorView view{param.name, param.dtype, param.shape, *bytes};
  if (param.layout == lora_rt::plainLayout)
    return view;
  std::span<std::byte> target = buffer.get(plainBytes(param));
  if (Error error = lora_rt::repack(
          param.layout, bytes->data(), lora_rt::plainLayout, target.data(),
          param.shape[0], param.shape[1], param.dtype))
    return error;
  view.bytes = target;
  return view;
}

Expected<std::span<const std::byte>>
ProgramFile::pack(size_t index, std::span<const std::byte> plain,
                  TensorBuffer &buffer) const {
  const Manifest::Param &param = contents.params[index];
  if (plain.size() != plainBytes(param))
    return makeError(ErrorCode::InvalidArgument, path(), ": parameter '",
                     param.name, "': expected ", plainBytes(param),
                     " bytes, but got ", plain.size());
  if (param.layout == lora_rt::plainLayout)
    return plain;
  std::span<std::byte> target = buffer.get(param.bytes);
  if (Error error = lora_rt::pack(param.layout, plain.data(), target.data(),
                                  param.shape[0], param.shape[1], param.dtype))
    return error;
  return std::span<const std::byte>(target);
}
