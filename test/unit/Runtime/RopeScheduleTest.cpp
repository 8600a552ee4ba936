//===- RopeScheduleTest.cpp - The frequencies of transformers -------------===//
//
// Recorded from LlamaRotaryEmbedding of transformers 5.24 with torch 2.15.0 in
// f32, which was called with one length after the other.
//
//===----------------------------------------------------------------------===//

#include "session/RopeSchedule.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

struct Call {
  int64_t length;
  std::vector<float> frequencies;
};

/// torch's powers have an error of at most one unit in the last place, like
/// those of the C library. Three of them and a division stay within the four
/// units of EXPECT_FLOAT_EQ.
void expectCalls(RopeSchedule &schedule, const std::vector<Call> &calls) {
  for (size_t call = 0; call < calls.size(); ++call) {
    std::span<const float> actual = schedule.call(calls[call].length);
    ASSERT_EQ(actual.size(), calls[call].frequencies.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_FLOAT_EQ(actual[i], calls[call].frequencies[i])
          << "call " << call << " of " << calls[call].length << " tokens, "
          << i;
  }
}

Manifest::Rope dynamic(int64_t width, int64_t switchLength, double theta,
                       double factor) {
  Manifest::Rope rope;
  rope.kind = Manifest::Rope::Kind::Dynamic;
  rope.width = width;
  rope.switchLength = switchLength;
  rope.theta = theta;
  rope.factor = factor;
  return rope;
}

TEST(RopeSchedule, DynamicGrowsKeepsAndResets) {
  Manifest::Rope rope = dynamic(10, 24, 10000, 2.5);
  RopeSchedule schedule(rope);
  std::vector<Call> calls = {
      {7, {1, 0.158489317f, 0.0251188632f, 0.00398107059f, 0.000630957307f}},
      {24, {1, 0.158489317f, 0.0251188632f, 0.00398107059f, 0.000630957307f}},
      {25, {1, 0.154611334f, 0.0239046644f, 0.00369593152f, 0.000571432989f}},
      {26, {1, 0.151165709f, 0.0228510741f, 0.00345429848f, 0.000522171555f}},
      {25, {1, 0.151165709f, 0.0228510741f, 0.00345429848f, 0.000522171555f}},
      {40, {1, 0.1240246f, 0.0153820999f, 0.00190775853f, 0.000236609005f}},
      {33, {1, 0.1240246f, 0.0153820999f, 0.00190775853f, 0.000236609005f}},
      {24, {1, 0.1240246f, 0.0153820999f, 0.00190775853f, 0.000236609005f}},
      {23, {1, 0.158489317f, 0.0251188632f, 0.00398107059f, 0.000630957307f}},
      {24, {1, 0.158489317f, 0.0251188632f, 0.00398107059f, 0.000630957307f}},
      {31, {1, 0.138210416f, 0.019102117f, 0.00264011137f, 0.000364890933f}},
      {1, {1, 0.158489317f, 0.0251188632f, 0.00398107059f, 0.000630957307f}},
      {100,
       {1, 0.0917169005f, 0.00841198862f, 0.000771521358f, 7.07615618e-05f}},
  };
  expectCalls(schedule, calls);
  // A new session begins as a new model does.
  schedule.reset();
  expectCalls(schedule, calls);
}

TEST(RopeSchedule, RestoresWhatCallsHadLeft) {
  Manifest::Rope rope = dynamic(10, 24, 10000, 2.5);
  RopeSchedule schedule(rope);
  for (int64_t length : {7, 26, 40, 30})
    schedule.call(length);
  RopeSchedule other(rope);
  other.call(7);
  other.call(26);
  schedule.restore(other.mark());
  for (int64_t length : {25, 24, 33, 23}) {
    std::span<const float> x = schedule.call(length), y = other.call(length);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << length;
  }
  schedule.restore(RopeSchedule(rope).mark());
  EXPECT_FLOAT_EQ(schedule.call(24)[1], 0.158489317f);
}

TEST(RopeSchedule, DynamicWithOtherNumbers) {
  Manifest::Rope wide = dynamic(20, 37, 500000, 3);
  RopeSchedule schedule(wide);
  expectCalls(schedule,
              {
                  {36,
                   {1, 0.269217312f, 0.0724779591f, 0.0195123218f,
                    0.0052530556f, 0.00141421345f, 0.000380730664f,
                    0.00010249934f, 2.75945895e-05f, 7.42894463e-06f}},
                  {37,
                   {1, 0.269217312f, 0.0724779591f, 0.0195123218f,
                    0.0052530556f, 0.00141421345f, 0.000380730664f,
                    0.00010249934f, 2.75945895e-05f, 7.42894463e-06f}},
                  {38,
                   {1, 0.266895324f, 0.0712331161f, 0.0190117825f,
                    0.00507415598f, 0.00135426864f, 0.000361447834f,
                    9.64687933e-05f, 2.57470601e-05f, 6.87177317e-06f}},
                  {61,
                   {1, 0.23876293f, 0.0570077412f, 0.0136113334f,
                    0.00324988225f, 0.000775951485f, 0.000185268393f,
                    4.42352502e-05f, 1.05617346e-05f, 2.52175209e-06f}},
                  {200,
                   {1, 0.200454518f, 0.0401820205f, 0.00805466715f,
                    0.0016145946f, 0.000323652843f, 6.48776549e-05f,
                    1.30050284e-05f, 2.60691604e-06f, 5.22568428e-07f}},
                  {37,
                   {1, 0.200454518f, 0.0401820205f, 0.00805466715f,
                    0.0016145946f, 0.000323652843f, 6.48776549e-05f,
                    1.30050284e-05f, 2.60691604e-06f, 5.22568428e-07f}},
                  {36,
                   {1, 0.269217312f, 0.0724779591f, 0.0195123218f,
                    0.0052530556f, 0.00141421345f, 0.000380730664f,
                    0.00010249934f, 2.75945895e-05f, 7.42894463e-06f}},
              });
  Manifest::Rope narrow = dynamic(6, 12, 1234.5, 1.7);
  RopeSchedule other(narrow);
  expectCalls(other, {
                         {12, {1, 0.0932186767f, 0.00868972205f}},
                         {13, {1, 0.0872435421f, 0.00761143584f}},
                         {30, {1, 0.0494753346f, 0.00244780886f}},
                         {4096, {1, 0.00387214124f, 1.49934785e-05f}},
                     });
}

TEST(RopeSchedule, LongRopeTakesOneOfTwo) {
  Manifest::Rope rope;
  rope.kind = Manifest::Rope::Kind::LongRope;
  rope.switchLength = 10;
  rope.shortFrequencies = {1, 0.0909090936f, 0.0076923077f, 0.00066666666f};
  rope.longFrequencies = {0.666666687f, 0.0500000007f, 0.00249999994f,
                          0.000111111112f};
  RopeSchedule schedule(rope);
  expectCalls(schedule, {{9, rope.shortFrequencies},
                         {10, rope.shortFrequencies},
                         {11, rope.longFrequencies},
                         {40, rope.longFrequencies},
                         {10, rope.shortFrequencies}});
}

} // namespace
