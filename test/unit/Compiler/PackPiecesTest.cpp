//===- PackPiecesTest.cpp - Pieces against whole parameters ---------------===//
//
// The pack is written in pieces by several threads. Each parameter must have
// the bytes that its expression gives when it is evaluated and packed as a
// whole.
//
//===----------------------------------------------------------------------===//

#include "PackPieces.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Layouts.h"
#include "mlir/AsmParser/AsmParser.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace lora;
using lora_rt::DType;

namespace {

class PackPiecesTest : public testing::Test {
protected:
  PackPiecesTest() {
    context.loadDialect<LoRADialect, transformer::TransformerDialect>();
  }

  /// Stores a bf16 tensor in which neighbouring elements differ.
  void store(const std::string &name, int64_t n, int64_t k, float step) {
    std::vector<float> values(size_t(n * k));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(float(i % 100003) * step);
    auto &data = bytes[name];
    data.resize(values.size() * 2);
    ASSERT_FALSE(lora_rt::convert(DType::F32, values.data(), DType::BF16,
                                  data.data(), values.size()));
    tensors[name] = {name, DType::BF16, {n, k}, data};
  }

  void add(const std::string &expr, const std::string &layout) {
    mlir::Attribute value = mlir::parseAttribute(expr, &context);
    ASSERT_TRUE(value) << expr;
    values.push_back(
        {expr, value, "",
         mlir::cast<transformer::WeightExprAttrInterface>(value).getValueType(),
         layout});
  }

  /// The packed form of a parameter, computed as a whole.
  std::vector<std::byte> whole(const BoundValue &value) {
    int64_t n = value.type.getDimSize(0), k = value.type.getDimSize(1);
    std::vector<std::byte> plain(size_t(n * k) * 2);
    lora_rt::Error error =
        WeightEvaluator(resolver()).evaluate(value.value, "", plain);
    EXPECT_FALSE(error) << error.message();
    if (value.layout == lora_rt::plainLayout)
      return plain;
    std::vector<std::byte> packed(
        *lora_rt::packedBytes(value.layout, n, k, DType::BF16));
    EXPECT_FALSE(lora_rt::repack(lora_rt::plainLayout, plain.data(),
                                 value.layout, packed.data(), n, k,
                                 DType::BF16));
    return packed;
  }

  LeafResolver resolver() {
    return [this](mlir::Attribute, const std::string &name)
               -> lora_rt::Expected<const lora_rt::TensorView *> {
      auto it = tensors.find(name);
      if (it == tensors.end())
        return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile,
                                  "no tensor '", name, "'");
      return &it->second;
    };
  }

  mlir::MLIRContext context;
  std::map<std::string, std::vector<std::byte>> bytes;
  std::map<std::string, lora_rt::TensorView> tensors;
  std::vector<BoundValue> values;
};

TEST_F(PackPiecesTest, FollowEachOtherToTheWhole) {
  // 19 MiB with a rest of rows; and a rank that is not a multiple of any block.
  store("big", 9731, 1024, 0.37f);
  store("small", 70, 96, 0.11f);
  store("a", 3, 1024, 0.23f);
  store("b", 9731, 3, 0.19f);
  const std::string big = "#transformer.base<\"big\", tensor<9731x1024xbf16>>";
  const std::string merged =
      "#lora.merge<" + big +
      ", #transformer.adapter<\"default\", \"b\", tensor<9731x3xbf16>>, "
      "#transformer.adapter<\"default\", \"a\", tensor<3x1024xbf16>>, "
      "dense<0.5> : tensor<3xf32>>";
  for (const char *layout : {"plain", "BA16a64b2a"}) {
    add(big, layout);
    add("#transformer.base<\"small\", tensor<70x96xbf16>>", layout);
    add(merged, layout);
  }
  PackPieces pieces(values, resolver());
  size_t index = 0;
  int64_t row = 0;
  std::vector<std::byte> joined;
  std::vector<size_t> counts(values.size());
  while (true) {
    auto piece = pieces.next();
    ASSERT_TRUE(piece) << piece.message();
    if (!*piece)
      break;
    ASSERT_LT(index, values.size());
    EXPECT_EQ(&(*piece)->weight->value, &values[index]);
    EXPECT_EQ((*piece)->begin, row);
    row = (*piece)->end;
    joined.insert(joined.end(), (*piece)->bytes.begin(), (*piece)->bytes.end());
    ++counts[index];
    if (!(*piece)->isLast())
      continue;
    EXPECT_EQ((*piece)->weight->nonFinite, 0u);
    EXPECT_TRUE(joined == whole(values[index])) << index;
    joined.clear();
    row = 0;
    ++index;
  }
  EXPECT_EQ(index, values.size());
  EXPECT_EQ(counts, (std::vector<size_t>{3, 1, 3, 3, 1, 3}));
}

TEST_F(PackPiecesTest, CountWhatIsNotFinite) {
  store("w", 5000, 1024, 0.37f);
  auto *numbers = reinterpret_cast<uint16_t *>(bytes["w"].data());
  numbers[3] = 0x7fc0;               // NaN
  numbers[4999 * 1024 + 7] = 0xff80; // Minus infinity.
  for (const char *layout : {"plain", "BA16a64b2a"})
    add("#transformer.base<\"w\", tensor<5000x1024xbf16>>", layout);
  PackPieces pieces(values, resolver());
  int lasts = 0;
  while (true) {
    auto piece = pieces.next();
    ASSERT_TRUE(piece) << piece.message();
    if (!*piece)
      break;
    if (!(*piece)->isLast())
      continue;
    ++lasts;
    EXPECT_EQ((*piece)->weight->nonFinite, 2u);
  }
  EXPECT_EQ(lasts, 2);
}

TEST_F(PackPiecesTest, AnErrorComesInItsPlace) {
  store("w", 9000, 1024, 0.37f);
  add("#transformer.base<\"w\", tensor<9000x1024xbf16>>", "BA16a64b2a");
  add("#transformer.base<\"missing\", tensor<70x96xbf16>>", "plain");
  add("#transformer.base<\"w\", tensor<9000x1024xbf16>>", "plain");
  PackPieces pieces(values, resolver());
  for (int i = 0; i < 3; ++i) {
    auto piece = pieces.next();
    ASSERT_TRUE(piece) << piece.message();
    ASSERT_NE(*piece, nullptr);
    EXPECT_EQ(&(*piece)->weight->value, &values[0]);
  }
  auto piece = pieces.next();
  EXPECT_FALSE(piece);
  EXPECT_EQ(piece.message(), "no tensor 'missing'");
}

TEST_F(PackPiecesTest, CanBeGivenUp) {
  store("w", 9000, 1024, 0.37f);
  for (int i = 0; i < 8; ++i)
    add("#transformer.base<\"w\", tensor<9000x1024xbf16>>", "BA16a64b2a");
  PackPieces unused(values, resolver());
  PackPieces pieces(values, resolver());
  auto piece = pieces.next();
  ASSERT_TRUE(piece) << piece.message();
}

} // namespace
