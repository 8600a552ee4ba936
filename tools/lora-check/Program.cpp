//===- Program.cpp - An executable whose functions can be called ----------===//
//
// Compiles a module in memory, loads it, and converts arguments and results
// between f64 values and the types of the manifest.
//
//===----------------------------------------------------------------------===//

#include "Check.h"

using namespace lora;
using namespace lora::check;
using lora_rt::DType;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

namespace {

std::vector<std::byte> toBytes(const Value &value) {
  std::vector<std::byte> bytes(value.values.size() *
                               lora_rt::sizeOf(value.dtype));
  if (value.isFloat()) {
    Error error = lora_rt::convert(DType::F64, value.values.data(), value.dtype,
                                   bytes.data(), value.values.size());
    assert(!error && "inputs have floating-point types");
    (void)bool(error);
    return bytes;
  }
  auto *integers = reinterpret_cast<int32_t *>(bytes.data());
  for (size_t i = 0; i < value.values.size(); ++i)
    integers[i] = int32_t(value.values[i]);
  return bytes;
}

} // namespace

Expected<Program> Program::compile(mlir::ModuleOp module, Kernels kernels,
                                   bool referenceAttention) {
  CompileOptions options;
  options.lowering.kernels = kernels;
  options.lowering.referenceAttention = referenceAttention;
  Expected<CompiledExecutable> compiled = compileInMemory(module, options);
  if (!compiled)
    return compiled.takeError();
  auto noParameters =
      [](const lora_rt::Manifest::Param &param) -> Expected<const void *> {
    return lora_rt::makeError(ErrorCode::InvalidArgument,
                              "functions under test have no parameters, but "
                              "one asks for '",
                              param.name, "'");
  };
  auto loaded =
      lora_rt::Executable::load(std::move(compiled->description.manifest),
                                std::as_bytes(std::span(compiled->code)),
                                noParameters, {}, "the compiled functions");
  if (!loaded)
    return loaded.takeError();
  Program program;
  program.executable = *loaded;
  auto instance = lora_rt::Instance::create(*loaded, /*stateRows=*/0);
  if (!instance)
    return instance.takeError();
  program.instance = std::move(*instance);
  return program;
}

Expected<std::vector<Value>> Program::call(const std::string &function,
                                           const std::vector<Value> &inputs) {
  auto entries = executable->manifest().entriesOf(function);
  if (entries.empty())
    return lora_rt::makeError(ErrorCode::InvalidArgument, "no function '",
                              function, "' was compiled");
  const lora_rt::Manifest::Entry &entry = *entries.front();
  std::vector<std::vector<std::byte>> inputBytes, outputBytes;
  std::vector<std::span<const std::byte>> inputSpans;
  std::vector<std::span<std::byte>> outputSpans;
  for (const Value &input : inputs)
    inputBytes.push_back(toBytes(input));
  for (const lora_rt::Manifest::Value &output : entry.outputs)
    outputBytes.emplace_back(output.bytes());
  inputSpans.assign(inputBytes.begin(), inputBytes.end());
  outputSpans.assign(outputBytes.begin(), outputBytes.end());
  if (Error error =
          instance->callWithHostMemory(entry, inputSpans, outputSpans))
    return error;

  std::vector<Value> results;
  for (auto [output, bytes] : llvm::zip_equal(entry.outputs, outputBytes)) {
    Value value{output.dtype, output.shape, {}};
    value.values.resize(bytes.size() / lora_rt::sizeOf(output.dtype));
    if (Error error =
            lora_rt::convert(output.dtype, bytes.data(), DType::F64,
                             value.values.data(), value.values.size()))
      return error;
    results.push_back(std::move(value));
  }
  return results;
}
