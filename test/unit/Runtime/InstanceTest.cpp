//===- InstanceTest.cpp - Calls with host memory, as in training ----------===//
//
// Loads the tiny executable with parameters from a callback, runs training
// steps and groups of primitives, and checks results and errors.
//
//===----------------------------------------------------------------------===//

#include "TinyExecutable.h"
#include "lora-runtime/Executable.h"

using namespace lora_rt;

namespace {

TEST(Instance, TrainsWithParametersFromACallback) {
  std::string text = tiny::manifest("plain", {0, 264, "0"});
  Expected<Manifest> manifest = Manifest::parse(text, "tiny");
  ASSERT_TRUE(manifest) << manifest.message();
  std::string code = tiny::code(text);
  std::vector<float> table = tiny::table();
  Expected<std::shared_ptr<Executable>> executable = Executable::load(
      std::move(*manifest), std::as_bytes(std::span(code)),
      [&](const Manifest::Param &param) -> Expected<const void *> {
        EXPECT_EQ(param.name, "embed");
        return table.data();
      },
      {}, "tiny");
  ASSERT_TRUE(executable) << executable.message();
  Expected<std::unique_ptr<Instance>> created =
      Instance::create(*executable, 1);
  ASSERT_TRUE(created) << created.message();
  Instance &instance = **created;
  const Manifest::Trainable &trainable = instance.manifest().trainables[0];
  std::span<float> theta = instance.region(Instance::Region::Theta, trainable);
  ASSERT_EQ(theta.size(), 12u);
  theta[3] = 1;
  instance.region(Instance::Region::Gradient)[3] = 0.25f;
  const Manifest::Entry &entry =
      *instance.manifest().entriesOf("train_step").front();
  int32_t ids[] = {4, 5};
  float loss = 0;
  std::span<const std::byte> inputs[] = {std::as_bytes(std::span(ids))};
  std::span<std::byte> outputs[] = {
      std::as_writable_bytes(std::span(&loss, 1))};
  Error error = instance.callWithHostMemory(entry, inputs, outputs);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(loss, 9);
  EXPECT_EQ(theta[3], 1.25f);

  // Groups of primitives that code must not request.
  auto group = [&](int32_t count, int32_t primitive) {
    ids[0] = -count - 1;
    ids[1] = primitive;
    return instance.callWithHostMemory(entry, inputs, outputs).message();
  };
  EXPECT_EQ(group(1, 2), "");
  EXPECT_EQ(group(LORA_RT_MAX_GROUP, 2), "");
  EXPECT_EQ(group(0, 2), "tiny: its code has a group of 0 primitives; there "
                         "may be 1 to 8");
  EXPECT_EQ(group(LORA_RT_MAX_GROUP + 1, 2),
            "tiny: its code has a group of 9 primitives; there may be 1 to 8");
  EXPECT_EQ(group(2, 99),
            "tiny: its code uses primitive 99, but there are only 5");
}

} // namespace
