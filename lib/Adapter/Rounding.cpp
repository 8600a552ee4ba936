//===- Rounding.cpp - Rounding once, with statistics ----------------------===//
//
// Computes old + delta exactly as the compiler's weight evaluator does, so that
// a merged folder and a compiled file have the same weights. The statistics of
// the rounding are summed up in f64, in pieces of a fixed size, so that they do
// not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Rounding.h"
#include "lora-mlir/Support/ParallelFor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

using namespace lora;
using lora_rt::DType;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::makeError;
using lora_rt::TensorView;

namespace {

/// The statistics of a piece of a tensor.
struct Piece {
  double deltaSquares = 0, roundingSquares = 0, roundingSum = 0;
  double largestDelta = 0, largestRounding = 0;
  int64_t swallowed = 0;
  /// The index of the first element that is not finite; -1 if all are finite.
  int64_t bad = -1;
  bool overflowed = false;
};

constexpr size_t kPiece = size_t(1) << 16;

/// Elements as f64. The caller has checked `type`.
void widen(DType type, const std::byte *source, double *target, size_t count) {
  Error error = lora_rt::convert(type, source, DType::F64, target, count);
  (void)bool(error);
}

void narrow(DType type, const double *source, std::byte *target, size_t count) {
  Error error = lora_rt::convert(DType::F64, source, type, target, count);
  (void)bool(error);
}

void narrow(DType type, const float *source, std::byte *target, size_t count) {
  Error error = lora_rt::convert(DType::F32, source, type, target, count);
  (void)bool(error);
}

/// Counts an element whose exact value is old + delta and whose rounded value
/// is `result`.
void count(Piece &piece, int64_t index, double old, double delta,
           double result) {
  if (piece.bad >= 0)
    return;
  if (!std::isfinite(old) || !std::isfinite(delta) || !std::isfinite(result)) {
    piece.bad = index;
    piece.overflowed = std::isfinite(old) && std::isfinite(delta);
    return;
  }
  double rounding = std::abs(result - (old + delta));
  piece.deltaSquares += delta * delta;
  piece.roundingSquares += rounding * rounding;
  piece.roundingSum += rounding;
  piece.largestDelta = std::max(piece.largestDelta, std::abs(delta));
  piece.largestRounding = std::max(piece.largestRounding, rounding);
  piece.swallowed += delta != 0 && result == old;
}

/// Runs `compute` on all pieces and sums up their statistics.
Error account(const std::string &name, DType type, size_t elements,
              TensorRounding &account,
              const std::function<void(size_t, size_t, Piece &)> &compute) {
  std::vector<Piece> pieces((elements + kPiece - 1) / kPiece);
  lora::parallelFor(0, pieces.size(), [&](size_t i) {
    compute(i * kPiece, std::min(elements, (i + 1) * kPiece), pieces[i]);
  });
  account.name = name;
  account.dtype = type;
  account.elements = int64_t(elements);
  double deltaSquares = 0, roundingSquares = 0, roundingSum = 0;
  for (const Piece &piece : pieces) {
    if (piece.bad >= 0)
      return makeError(
          ErrorCode::InvalidFile, "tensor '", name, "': element ", piece.bad,
          piece.overflowed
              ? " of the result is too large for " +
                    std::string(lora_rt::safetensorsName(type)) +
                    "; keep the adapter beside the weights (lora-compile "
                    "--unmerged), or start from a checkpoint of a wider type"
              : std::string(" is infinite or not a number, in the checkpoint "
                            "or in the adapter's change of it; one of the two "
                            "is damaged, or its training diverged"));
    deltaSquares += piece.deltaSquares;
    roundingSquares += piece.roundingSquares;
    roundingSum += piece.roundingSum;
    account.largestDelta = std::max(account.largestDelta, piece.largestDelta);
    account.largestRounding =
        std::max(account.largestRounding, piece.largestRounding);
    account.swallowed += piece.swallowed;
  }
  account.deltaNorm = std::sqrt(deltaSquares);
  account.roundingNorm = std::sqrt(roundingSquares);
  account.meanRounding = elements ? roundingSum / double(elements) : 0;
  return Error::success();
}

} // namespace

Error lora::addRounded(const TensorView &base, std::span<const float> delta,
                       float factor, std::span<std::byte> target,
                       TensorRounding &result) {
  size_t size = lora_rt::sizeOf(base.dtype);
  if (!lora_rt::isFloat(base.dtype) ||
      delta.size() != size_t(base.elements()) ||
      target.size() != base.bytes.size())
    return makeError(ErrorCode::InvalidArgument, "tensor '", base.name,
                     "': expected ", base.elements(),
                     " floating-point numbers, but got ", delta.size());
  return account(base.name, base.dtype, delta.size(), result,
                 [&](size_t begin, size_t end, Piece &piece) {
                   size_t n = end - begin;
                   std::vector<double> old(n), sum(n);
                   widen(base.dtype, base.bytes.data() + begin * size,
                         old.data(), n);
                   std::byte *out = target.data() + begin * size;
                   if (base.dtype == DType::F64) {
                     for (size_t i = 0; i < n; ++i)
                       sum[i] = old[i] + double(factor * delta[begin + i]);
                     narrow(base.dtype, sum.data(), out, n);
                   } else {
                     std::vector<float> narrowSum(n);
                     for (size_t i = 0; i < n; ++i)
                       narrowSum[i] = float(old[i]) + factor * delta[begin + i];
                     narrow(base.dtype, narrowSum.data(), out, n);
                   }
                   widen(base.dtype, out, sum.data(), n);
                   for (size_t i = 0; i < n; ++i)
                     count(piece, int64_t(begin + i), old[i],
                           double(factor) * double(delta[begin + i]), sum[i]);
                 });
}

Error lora::replaceRounded(const TensorView *base, std::span<const float> value,
                           DType dtype, std::span<std::byte> target,
                           TensorRounding &result) {
  size_t size = lora_rt::sizeOf(dtype);
  bool hasOld = base && size_t(base->elements()) == value.size() &&
                lora_rt::isFloat(base->dtype);
  result.replaced = true;
  return account(result.name, dtype, value.size(), result,
                 [&](size_t begin, size_t end, Piece &piece) {
                   size_t n = end - begin;
                   std::vector<double> old(n), now(n);
                   if (hasOld)
                     widen(base->dtype,
                           base->bytes.data() +
                               begin * lora_rt::sizeOf(base->dtype),
                           old.data(), n);
                   std::byte *out = target.data() + begin * size;
                   narrow(dtype, value.data() + begin, out, n);
                   widen(dtype, out, now.data(), n);
                   for (size_t i = 0; i < n; ++i)
                     count(piece, int64_t(begin + i), old[i],
                           double(value[begin + i]) - old[i], now[i]);
                 });
}
