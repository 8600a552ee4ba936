//===- StepLog.cpp - log.csv ----------------------------------------------===//

#include "StepLog.h"
#include "lora-runtime/File.h"

#include <cerrno>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

Expected<StepLog> StepLog::create(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    return lora_rt::makeError(ErrorCode::System, path, ": cannot be written: ",
                              lora_rt::systemMessage(errno));
  std::fputs("step,loss,gradient_norm,learning_rate,tokens,seconds\n", file);
  return StepLog(path, file);
}

Error StepLog::add(const StepReport &report, double learningRate) {
  std::fprintf(file.get(), "%lld,%.9g,%.9g,%.9g,%lld,%.6f\n",
               static_cast<long long>(report.step), report.loss,
               report.gradientNorm, learningRate,
               static_cast<long long>(report.tokens), report.seconds);
  if (std::fflush(file.get()) != 0)
    return lora_rt::makeError(ErrorCode::System, path, ": cannot be written: ",
                              lora_rt::systemMessage(errno));
  return Error::success();
}
