//===- Inputs.cpp - Generated inputs --------------------------------------===//
//
// Makes inputs for the arguments of a function. They depend only on the seed,
// and all values differ.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Weights/WeightEvaluator.h"

#include <random>

using namespace lora;
using namespace lora::check;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

using Generator = std::mt19937_64;

void fillUniform(Value &value, double low, double high, Generator &generator) {
  std::uniform_real_distribution<double> distribution(low, high);
  for (double &element : value.values)
    element = distribution(generator);
}

void fillIds(Value &value, int64_t count, bool skipSome, Generator &generator) {
  std::uniform_int_distribution<int64_t> distribution(0, count - 1);
  int64_t index = 0;
  for (double &element : value.values)
    element =
        skipSome && ++index % 3 == 0 ? -100 : double(distribution(generator));
}

/// Row r of the table [4, tokens] at token t.
double &at(Value &table, int64_t row, int64_t token) {
  return table.values[size_t(row * table.shape[1] + token)];
}

/// Two sequences of different lengths side by side on one token axis; the last
/// token has no keys.
void fillPackedSequences(Value &table) {
  int64_t tokens = table.shape[1], split = tokens * 2 / 5;
  for (int64_t token = 0; token < tokens; ++token) {
    int64_t first = token < split ? 0 : split;
    at(table, 0, token) = double(token - first);
    at(table, 1, token) = double(first);
    at(table, 2, token) = double(token + 1);
    at(table, 3, token) = double(token);
  }
  at(table, 2, tokens - 1) = at(table, 1, tokens - 1);
}

/// The last tokens of one sequence whose earlier keys are in a cache.
void fillCachedSequence(Value &table, int64_t rows) {
  int64_t tokens = table.shape[1];
  for (int64_t token = 0; token < tokens; ++token) {
    int64_t position = rows - tokens + token;
    at(table, 0, token) = double(position);
    at(table, 1, token) = 0;
    at(table, 2, token) = double(position + 1);
    at(table, 3, token) = double(position);
  }
}

Value makeValue(mlir::RankedTensorType type) {
  Value value;
  value.dtype = getRuntimeType(type.getElementType());
  value.shape.assign(type.getShape().begin(), type.getShape().end());
  value.values.resize(size_t(type.getNumElements()));
  return value;
}

/// The meaning of an integer argument, by the operations that read it; empty if
/// they do not determine it.
std::string readAs(mlir::BlockArgument argument) {
  auto type = mlir::cast<mlir::RankedTensorType>(argument.getType());
  if (!type.getElementType().isInteger(32))
    return {};
  auto count = [](mlir::Value value, unsigned dim) {
    return std::to_string(
        mlir::cast<mlir::RankedTensorType>(value.getType()).getDimSize(dim));
  };
  for (mlir::OpOperand &use : argument.getUses()) {
    mlir::Operation *user = use.getOwner();
    if (mlir::isa<transformer::EmbeddingOp, EmbeddingOp>(user))
      return "ids " + count(user->getOperand(1), 0);
    if (auto loss = mlir::dyn_cast<transformer::CrossEntropyOp>(user))
      return "labels " + count(loss.getLogits(), 1);
  }
  return type.getRank() == 2 && type.getDimSize(0) == 4 ? "sequence" : "";
}

} // namespace

Value lora::check::makeRandom(mlir::Type type, uint64_t seed) {
  Generator generator(seed);
  Value value = makeValue(mlir::cast<mlir::RankedTensorType>(type));
  fillUniform(value, -1, 1, generator);
  return value;
}

Expected<std::vector<Value>>
lora::check::makeInputs(mlir::func::FuncOp function, uint64_t seed) {
  Generator generator(seed);
  std::vector<Value> inputs;
  for (auto [index, argument] : llvm::enumerate(function.getArgumentTypes())) {
    auto type = mlir::dyn_cast<mlir::RankedTensorType>(argument);
    if (!type || !type.hasStaticShape())
      return lora_rt::makeError(ErrorCode::InvalidArgument, "function '",
                                function.getSymName().str(),
                                "': expected arguments that are tensors of "
                                "static shapes");
    auto attribute = function.getArgAttrOfType<mlir::StringAttr>(
        index, LoRADialect::kInputAttr);
    std::string text = attribute ? attribute.getValue().str()
                                 : readAs(function.getArgument(index));
    auto [kind, number] = llvm::StringRef(text).split(' ');
    int64_t count = 0;
    bool hasCount = !number.getAsInteger(10, count) && count > 0;
    Value value = makeValue(type);
    if (kind.empty() && value.isFloat())
      fillUniform(value, -1, 1, generator);
    else if (kind == "positive" && value.isFloat())
      fillUniform(value, 0.5, 1.5, generator);
    else if ((kind == "ids" || kind == "labels") && hasCount)
      fillIds(value, count, kind == "labels", generator);
    else if (kind == "sequence" && type.getRank() == 2)
      hasCount ? fillCachedSequence(value, count) : fillPackedSequences(value);
    else
      return lora_rt::makeError(
          ErrorCode::InvalidArgument, "function '", function.getSymName().str(),
          "', argument ", index, ": ",
          attribute ? "no inputs can be made for lora.input = \"" + text + "\""
                    : std::string("what its integers are is not to be seen"),
          "; expected lora.input = \"positive\", \"ids N\", \"labels N\", "
          "\"sequence\" or \"sequence N\"");
    inputs.push_back(std::move(value));
  }
  return inputs;
}
