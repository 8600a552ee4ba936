//===- Warpers.cpp - From scores to the tokens that are drawn from --------===//
//
// torch computes in f32, with an order of additions that depends on the CPU.
// Here values are f32, too, and sums are f64, so that a result is within a few
// units in the last place of any of torch's. torch's cumsum adds f32 in f64.
//
//===----------------------------------------------------------------------===//

#include "Warpers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace lora_rt;
using namespace lora_rt::generation;

static constexpr float infinity = std::numeric_limits<float>::infinity();

double generation::exponentials(std::span<const float> values, float largest,
                                std::span<float> terms) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    terms[i] = std::exp(values[i] - largest);
    sum += terms[i];
  }
  return sum;
}

static float largestOf(std::span<const float> values) {
  float largest = -infinity;
  for (float value : values)
    largest = value > largest ? value : largest;
  return largest;
}

/// The logarithm of the sum of the values' exponentials, less the largest.
static float logOfSum(double sum) { return float(std::log(sum)); }

Error generation::checkScores(std::span<const float> scores,
                              const SamplingOptions &options) {
  uint32_t isBad = 0, isPossible = 0;
  for (float score : scores) {
    isBad |= uint32_t(!(score < infinity));
    isPossible |= uint32_t(score > -infinity);
  }
  if (isBad) {
    auto at = std::find_if(scores.begin(), scores.end(),
                           [](float score) { return !(score < infinity); });
    return makeError(
        ErrorCode::InvalidArgument, "the score of token ", at - scores.begin(),
        " is ", *at, " after biases and penalties, at temperature ",
        options.temperature, "; set options that change the logits less");
  }
  if (!isPossible)
    return makeError(ErrorCode::InvalidArgument,
                     "no token is left to choose from: the options exclude all "
                     "tokens that the model finds possible");
  return Error::success();
}

Error Warpers::apply(std::span<float> scores) {
  vocabularySize = scores.size();
  if (float temperature = float(options.temperature); temperature != 1)
    for (float &score : scores)
      score /= temperature;
  if (Error error = checkScores(scores, options))
    return error;
  if (options.topH != 0)
    topH(scores);
  if (options.topK != 0)
    topK(scores);
  else
    takeAll(scores);
  if (options.topP < 1)
    topP();
  if (options.minP > 0)
    minP();
  if (options.typicalP < 1)
    typicalP();
  if (options.epsilonCutoff > 0 || options.etaCutoff > 0)
    cutOff();
  if (options.renormalizeLogits)
    normalize();
  softmax();
  return Error::success();
}

Error Warpers::applyNone(std::span<const float> scores) {
  if (Error error = checkScores(scores, options))
    return error;
  takeAll(scores);
  if (options.renormalizeLogits)
    normalize();
  softmax();
  return Error::success();
}

void Warpers::takeAll(std::span<const float> scores) {
  tokens.resize(scores.size());
  kept.resize(scores.size());
  // Without branches, because most tokens are kept or most are not.
  size_t count = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    tokens[count] = int32_t(i);
    kept[count] = scores[i];
    count += scores[i] != -infinity;
  }
  tokens.resize(count);
  kept.resize(count);
}

float Warpers::kthLargest(std::span<const float> values, size_t k) {
  // A heap of the k largest is fast if few values enter it.
  if (k <= values.size() / 64) {
    work.resize(k);
    std::partial_sort_copy(values.begin(), values.end(), work.begin(),
                           work.end(), std::greater<>());
    return work.back();
  }
  work.assign(values.begin(), values.end());
  auto at = work.begin() + ptrdiff_t(k - 1);
  std::nth_element(work.begin(), at, work.end(), std::greater<>());
  return *at;
}

void Warpers::topK(std::span<const float> scores) {
  size_t k = size_t(std::min<int64_t>(options.topK, int64_t(scores.size())));
  float limit = kthLargest(scores, k);
  tokens.clear();
  kept.clear();
  for (size_t i = 0; i < scores.size(); ++i)
    if (scores[i] >= limit && scores[i] != -infinity) {
      tokens.push_back(int32_t(i));
      kept.push_back(scores[i]);
    }
}

/// torch's `topk`, which does not say which of several equal values it takes:
/// the same algorithms on the same values take the same ones.
template <typename Queue> static void takeLargest(Queue &queue, size_t k) {
  auto greater = [](const auto &a, const auto &b) { return a.key > b.key; };
  auto end = queue.begin() + ptrdiff_t(k);
  if (k * 64 <= queue.size())
    return std::partial_sort(queue.begin(), end, queue.end(), greater);
  std::nth_element(queue.begin(), end - 1, queue.end(), greater);
  std::sort(queue.begin(), end - 1, greater);
}

void Warpers::topH(std::span<float> scores) {
  constexpr size_t most = 100;
  size_t count = std::min(most, scores.size());
  queue.resize(scores.size());
  for (size_t i = 0; i < scores.size(); ++i)
    queue[i] = {scores[i], uint32_t(i)};
  takeLargest(queue, count);

  // torch's Categorical normalizes the logits, and computes the probabilities
  // from that.
  float logits[most], terms[most];
  for (size_t i = 0; i < count; ++i)
    logits[i] = queue[i].key;
  double sum = exponentials({logits, count}, logits[0], {terms, count});
  float shift = logits[0] + logOfSum(sum);
  for (size_t i = 0; i < count; ++i)
    logits[i] -= shift;
  sum = exponentials({logits, count}, logits[0], {terms, count});
  double entropy = 0;
  for (size_t i = 0; i < count; ++i) {
    terms[i] /= float(sum);
    if (terms[i] > 0)
      entropy -= logits[i] * terms[i];
  }
  float limit = float(entropy) * float(options.topH);

  std::fill(scores.begin(), scores.end(), -infinity);
  double passed = 0;
  for (size_t i = 0; i < count; ++i) {
    passed += -terms[i] * std::log(terms[i]);
    // A term of a probability of 0 is NaN, and ends the selection.
    if (i > 0 && !(float(passed) <= limit))
      break;
    scores[queue[i].index] = queue[i].key;
  }
}

void Warpers::softmax() {
  probs.resize(kept.size());
  float sum = float(exponentials(kept, largestOf(kept), probs));
  for (float &probability : probs)
    probability /= sum;
}

template <typename Predicate> void Warpers::keepIf(Predicate keep) {
  size_t count = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (keep(i)) {
      tokens[count] = tokens[i];
      kept[count] = kept[i];
      ++count;
    }
  tokens.resize(count);
  kept.resize(count);
}

void Warpers::keepFirst(size_t count) {
  std::sort(order.begin(), order.begin() + ptrdiff_t(count),
            [](Ranked a, Ranked b) { return a.index < b.index; });
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = tokens[order[i].index];
    kept[i] = kept[order[i].index];
  }
  tokens.resize(count);
  kept.resize(count);
}

void Warpers::beginOrder(std::span<const float> keys) {
  order.resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i)
    order[i] = {keys[i], uint32_t(i)};
  sorted = 0;
}

template <typename Less> void Warpers::sortUpTo(size_t count, Less less) {
  while (sorted < count) {
    // The last part is a whole sort, the ones before are small.
    size_t next = std::min(order.size(), std::max<size_t>(128, sorted * 8));
    auto from = order.begin() + ptrdiff_t(sorted);
    auto to = order.begin() + ptrdiff_t(next);
    if (next < order.size())
      std::nth_element(from, to - 1, order.end(), less);
    std::sort(from, to, less);
    sorted = next;
  }
}

void Warpers::topP() {
  softmax();
  double total = std::accumulate(probs.begin(), probs.end(), 0.0);
  // torch sorts by rising scores, and removes tokens from the beginning. Here
  // the order is from the other end.
  auto isBefore = [](Ranked a, Ranked b) { return a.key > b.key; };
  float limit = float(1 - options.topP);
  double before = 0;
  size_t count = 0;
  beginOrder(kept);
  for (; count < order.size(); ++count) {
    sortUpTo(count + 1, isBefore);
    // The sum of this token's probability and of those that are less likely.
    if (count > 0 && float(total - before) <= limit)
      break;
    before += probs[order[count].index];
  }
  bool isTie = count < order.size() && order[count - 1].key == order[count].key;
  if (isTie)
    keepLastSorted(count);
  else
    keepFirst(count);
}

/// Keeps the last `count` tokens in the order of torch's `sort`, which does not
/// say in which order equal values are: the same algorithm on the same values
/// gives the same one.
void Warpers::keepLastSorted(size_t count) {
  queue.resize(vocabularySize);
  for (size_t i = 0; i < vocabularySize; ++i)
    queue[i] = {-infinity, uint32_t(i)};
  for (size_t i = 0; i < tokens.size(); ++i)
    queue[size_t(tokens[i])].key = kept[i];
  std::sort(queue.begin(), queue.end(),
            [](Ranked a, Ranked b) { return a.key < b.key; });
  auto begin = queue.end() - ptrdiff_t(count);
  std::sort(begin, queue.end(),
            [](Ranked a, Ranked b) { return a.index < b.index; });
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = int32_t(begin[ptrdiff_t(i)].index);
    kept[i] = begin[ptrdiff_t(i)].key;
  }
  tokens.resize(count);
  kept.resize(count);
}

void Warpers::minP() {
  softmax();
  float limit = float(options.minP) * largestOf(probs);
  keepIf([&](size_t i) { return probs[i] >= limit; });
}

void Warpers::typicalP() {
  probs.resize(kept.size());
  work.resize(kept.size());
  float largest = largestOf(kept);
  double sum = exponentials(kept, largest, probs);
  float logSum = logOfSum(sum);
  double entropy = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    float logProbability = kept[i] - largest - logSum;
    work[i] = -logProbability;
    entropy -= double(logProbability * std::exp(logProbability));
    probs[i] /= float(sum);
  }
  // How far a token's information is from the entropy.
  for (float &distance : work)
    distance = std::abs(distance - float(entropy));

  auto isBefore = [](Ranked a, Ranked b) { return a.key < b.key; };
  float mass = float(options.typicalP);
  double before = 0;
  size_t at = 0;
  beginOrder(work);
  for (; at < order.size(); ++at) {
    sortUpTo(at + 1, isBefore);
    before += probs[order[at].index];
    if (!(float(before) < mass))
      break;
  }
  if (at == order.size())
    return;
  float limit = order[at].key;
  keepIf([&](size_t i) { return work[i] <= limit; });
}

void Warpers::cutOff() {
  auto keepFrom = [&](float limit) {
    float largest = largestOf(kept);
    keepIf([&](size_t i) { return probs[i] >= limit || kept[i] >= largest; });
  };
  if (options.epsilonCutoff > 0) {
    softmax();
    keepFrom(float(options.epsilonCutoff));
  }
  if (options.etaCutoff > 0) {
    softmax();
    double entropy = 0;
    float largest = largestOf(kept);
    work.resize(kept.size());
    float logSum = logOfSum(exponentials(kept, largest, work));
    for (size_t i = 0; i < kept.size(); ++i)
      entropy -= double((kept[i] - largest - logSum) * probs[i]);
    float epsilon = float(options.etaCutoff);
    keepFrom(std::min(epsilon, std::sqrt(epsilon) * std::exp(-float(entropy))));
  }
}

void Warpers::normalize() {
  probs.resize(kept.size());
  float largest = largestOf(kept);
  float logSum = logOfSum(exponentials(kept, largest, probs));
  for (float &score : kept)
    score = score - largest - logSum;
}
