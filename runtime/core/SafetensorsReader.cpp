//===- SafetensorsReader.cpp - Reading safetensors files ------------------===//
//
// The format: u64, little-endian, the length of the header; the header, a JSON
// object from names to {dtype, shape, data_offsets}, and `__metadata__`; the
// data. Every value of the header is checked before it is used; the tensors
// must cover the data without gaps or overlaps.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace lora_rt {

bool haveSameBytes(const TensorView &a, const TensorView &b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         (a.bytes.data() == b.bytes.data() ||
          std::ranges::equal(a.bytes, b.bytes));
}

namespace {

/// The safetensors library has the same limit.
constexpr uint64_t maxHeaderBytes = 100'000'000;

struct Located {
  const std::string &file;
  const std::string &tensor;

  template <typename... Parts> Error error(const Parts &...parts) const {
    return makeError(ErrorCode::InvalidFile, file, ": tensor '", tensor,
                     "': ", parts...);
  }
};

/// The number of bytes of a tensor; nullopt if it does not fit 63 bits, or if
/// the tensor ends within a byte.
std::optional<uint64_t> byteCount(DType type, std::span<const int64_t> shape) {
  // A zero dimension makes the tensor empty. The other dimensions are checked
  // for overflow all the same.
  uint64_t product = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent == 0) {
      empty = true;
      continue;
    }
    if (__builtin_mul_overflow(product, uint64_t(extent), &product) ||
        product > uint64_t(std::numeric_limits<int64_t>::max()))
      return std::nullopt;
  }
  std::optional<uint64_t> bytes = bytesOf(type, product);
  return empty && bytes ? 0 : bytes;
}

/// Reads one entry of the header.
Error parseTensor(const Located &at, const Json &entry,
                  std::span<const std::byte> data, TensorView &view) {
  if (!entry.is_object())
    return at.error("expected an object with dtype, shape and data_offsets");
  for (const auto &[key, value] : entry.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      return at.error("unknown key '", key, "'");
  auto dtype = entry.find("dtype"), shape = entry.find("shape"),
       offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string())
    return at.error("expected dtype to be a text");
  std::string typeName = dtype->get<std::string>();
  std::optional<DType> type = parseSafetensorsName(typeName);
  if (!type)
    return at.error("unknown dtype '", typeName, "'");
  view.dtype = *type;
  if (shape == entry.end() || !shape->is_array())
    return at.error("expected shape to be a list of sizes");
  for (const Json &extent : *shape) {
    if (!isIndex(extent))
      return at.error(
          "expected each size in shape to be a whole number from 0 "
          "to 2^63-1, but got ",
          extent.dump(-1, ' ', false, Json::error_handler_t::replace));
    view.shape.push_back(extent.get<int64_t>());
  }
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 ||
      !isIndex((*offsets)[0]) || !isIndex((*offsets)[1]))
    return at.error("expected data_offsets to be two whole numbers");
  uint64_t begin = (*offsets)[0].get<uint64_t>();
  uint64_t end = (*offsets)[1].get<uint64_t>();
  if (begin > end || end > data.size())
    return at.error("data_offsets [", begin, ", ", end, "] lie outside the ",
                    data.size(),
                    " data bytes; the file is incomplete or damaged, fetch it "
                    "again");
  std::optional<uint64_t> bytes = byteCount(view.dtype, view.shape);
  if (!bytes || *bytes != end - begin)
    return at.error(safetensorsName(view.dtype), " ", shapeText(view.shape),
                    bytes ? " needs " + std::to_string(*bytes) + " bytes"
                          : std::string(" is too large, or ends within a byte"),
                    ", but data_offsets span ", end - begin);
  view.bytes = data.subspan(begin, end - begin);
  return Error::success();
}

} // namespace

int64_t TensorView::elements() const {
  int64_t product = 1;
  for (int64_t extent : shape)
    product *= extent;
  return product;
}

std::string shapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Error SafetensorsFile::parseHeader(std::span<const std::byte> bytes) {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, name, ": ", parts...);
  };
  // Says what the file holds instead of a header.
  auto failToStart = [&](const auto &...parts) {
    std::string contents = describeContents(
        {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
    return contents.empty() ? fail(parts...)
                            : fail("not a safetensors file: ", contents);
  };
  if (bytes.size() < 8)
    return failToStart("too short for a safetensors file (", bytes.size(),
                       " bytes)");
  uint64_t headerBytes;
  std::memcpy(&headerBytes, bytes.data(), 8);
  if (headerBytes > maxHeaderBytes)
    return failToStart("not a safetensors file: its header would have ",
                       headerBytes, " bytes");
  if (headerBytes > bytes.size() - 8)
    return failToStart("the header of ", headerBytes,
                       " bytes does not fit the file of ", bytes.size(),
                       " bytes; the file is incomplete, fetch it again");
  std::string_view text(reinterpret_cast<const char *>(bytes.data()) + 8,
                        headerBytes);
  if (text.empty() || text.front() != '{')
    return failToStart(
        "not a safetensors file: the header does not start with '{'");
  Expected<Json> header = parseJson(text, name);
  if (!header)
    return header.takeError();
  std::span<const std::byte> data = bytes.subspan(8 + headerBytes);
  for (const auto &[key, entry] : header->items()) {
    if (key == "__metadata__") {
      if (!entry.is_object())
        return fail("expected __metadata__ to be an object of texts");
      for (const auto &[field, value] : entry.items()) {
        if (!value.is_string())
          return fail("expected __metadata__ '", field, "' to be a text");
        texts[field] = value.get<std::string>();
      }
      continue;
    }
    TensorView view;
    view.name = key;
    if (Error error = parseTensor({name, key}, entry, data, view))
      return error;
    views.push_back(std::move(view));
  }
  return checkLayout(data);
}

Error SafetensorsFile::checkLayout(std::span<const std::byte> data) {
  std::sort(views.begin(), views.end(),
            [](const TensorView &a, const TensorView &b) {
              return std::make_pair(a.bytes.data(), a.bytes.size()) <
                     std::make_pair(b.bytes.data(), b.bytes.size());
            });
  for (size_t i = 0; i < views.size(); ++i)
    index.emplace(views[i].name, i);
  if (views.empty())
    return data.empty()
               ? Error::success()
               : makeError(ErrorCode::InvalidFile, name, ": ", data.size(),
                           " data bytes belong to no tensor");
  uint64_t total = 0;
  const std::byte *start = data.data();
  for (size_t i = 0; i < views.size(); ++i) {
    const TensorView &view = views[i];
    if (view.bytes.data() != start + total)
      return Located{name, view.name}.error(
          "its data ",
          view.bytes.data() < start + total ? "overlap" : "leave a gap",
          i ? " after those of '" + views[i - 1].name + "'"
            : std::string(" at the start"));
    total += view.bytes.size();
  }
  if (total != data.size())
    return makeError(ErrorCode::InvalidFile, name, ": ", data.size(),
                     " data bytes, but the tensors fill ", total);
  return Error::success();
}

Expected<SafetensorsFile>
SafetensorsFile::parse(std::span<const std::byte> bytes,
                       const std::string &path) {
  SafetensorsFile result;
  result.name = path;
  if (Error error = result.parseHeader(bytes))
    return error;
  return result;
}

Expected<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  Expected<SafetensorsFile> result = parse(mapped->bytes(), path);
  if (result)
    result->file = std::move(*mapped);
  return result;
}

const TensorView *SafetensorsFile::find(std::string_view tensor) const {
  auto found = index.find(tensor);
  return found == index.end() ? nullptr : &views[found->second];
}

Expected<const TensorView *>
SafetensorsFile::get(std::string_view tensor) const {
  if (const TensorView *view = find(tensor))
    return view;
  std::vector<std::string_view> names;
  for (const TensorView &view : views)
    names.push_back(view.name);
  return makeError(ErrorCode::InvalidFile, name, ": no tensor '", tensor, "'",
                   suggestion(tensor, names));
}

} // namespace lora_rt
