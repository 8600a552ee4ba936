//===- ResultRows.cpp - Writing and comparing results ---------------------===//
//
// Implements ResultRows: writes results to a safetensors file, or compares them
// with a tensor, row by row as they are computed.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lora_rt::cli {

struct ResultRows::State {
  std::optional<SafetensorsWriter> writer;
  std::string tensor;
  std::optional<SafetensorsFile> reference;
  const TensorView *expected = nullptr;
  double worst = 0, largest = 0;
};

ResultRows::ResultRows(std::vector<int64_t> rowLengths, int64_t width,
                       bool isPooled)
    : lengths(std::move(rowLengths)), width(width) {
  if (isPooled)
    std::fill(lengths.begin(), lengths.end(), 1);
  longest = *std::max_element(lengths.begin(), lengths.end());
  shape = {int64_t(lengths.size()), longest, width};
  if (isPooled)
    shape = {int64_t(lengths.size()), width};
}
ResultRows::~ResultRows() = default;

Error ResultRows::writeTo(const std::string &path, const std::string &tensor) {
  if (!state)
    state = std::make_unique<State>();
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, {{tensor, DType::F32, shape}});
  if (!writer)
    return writer.takeError();
  state->writer = std::move(*writer);
  state->tensor = tensor;
  return Error::success();
}

Error ResultRows::compareWith(const std::string &reference) {
  if (!state)
    state = std::make_unique<State>();
  size_t colon = reference.rfind(':');
  if (colon == std::string::npos)
    return makeError(ErrorCode::InvalidArgument,
                     "--compare: expected FILE.safetensors:TENSOR, but got '",
                     reference, "'");
  Expected<SafetensorsFile> file =
      SafetensorsFile::open(reference.substr(0, colon));
  if (!file)
    return file.takeError();
  state->reference = std::move(*file);
  Expected<const TensorView *> view =
      state->reference->get(reference.substr(colon + 1));
  if (!view)
    return view.takeError();
  state->expected = *view;
  if (!isFloat((*view)->dtype) ||
      (*view)->elements() != int64_t(lengths.size()) * longest * width)
    return makeError(ErrorCode::InvalidArgument, reference, ": is ",
                     safetensorsName((*view)->dtype), " ",
                     shapeText((*view)->shape), ", but the result is F32 ",
                     shapeText(shape));
  return Error::success();
}

Error ResultRows::take(size_t row, int64_t first, std::span<const float> rows) {
  uint64_t start =
      (uint64_t(row) * uint64_t(longest) + uint64_t(first)) * uint64_t(width);
  if (state->writer)
    if (Error error = state->writer->write(state->tensor, std::as_bytes(rows),
                                           start * sizeof(float)))
      return error;
  if (!state->expected)
    return Error::success();
  std::vector<float> expected(rows.size());
  const TensorView &view = *state->expected;
  if (Error error = convertToFloat(
          view.dtype, view.bytes.data() + start * sizeOf(view.dtype), expected))
    return error;
  for (size_t i = 0; i < rows.size(); ++i) {
    double difference = std::abs(double(rows[i]) - expected[i]);
    // A comparison with NaN is always false. NaN counts as the largest error.
    state->worst =
        std::isnan(difference) ? INFINITY : std::max(state->worst, difference);
    state->largest = std::max(state->largest, std::abs(double(expected[i])));
  }
  return Error::success();
}

Error ResultRows::writeZeros() {
  std::vector<float> zeros(size_t(longest * width));
  for (size_t row = 0; row < lengths.size(); ++row) {
    int64_t end = int64_t(row + 1) * longest,
            begin = end - (longest - lengths[row]);
    if (begin == end)
      continue;
    if (Error error =
            state->writer->write(state->tensor,
                                 std::as_bytes(std::span(zeros).first(
                                     size_t((end - begin) * width))),
                                 uint64_t(begin * width) * sizeof(float)))
      return error;
  }
  return Error::success();
}

Error ResultRows::finish(std::optional<double> absolute,
                         std::optional<double> relative) {
  if (state->writer) {
    if (Error error = writeZeros())
      return error;
    if (Error error = state->writer->commit())
      return error;
  }
  if (!state->expected)
    return Error::success();
  double share =
      state->largest > 0 ? state->worst / state->largest : state->worst;
  std::printf("max|a-b| %.3g, max|a-b|/max|b| %.3g\n", state->worst, share);
  if (Error error = flushOutput())
    return error;
  if (absolute && !(state->worst <= *absolute))
    return makeError(ErrorCode::System, "the largest error ", state->worst,
                     " is above the tolerance ", *absolute);
  if (relative && !(share <= *relative))
    return makeError(ErrorCode::System, "the largest relative error ", share,
                     " is above the tolerance ", *relative);
  return Error::success();
}

} // namespace lora_rt::cli
