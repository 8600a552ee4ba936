//===- StepLog.cpp - log.csv ----------------------------------------------===//
//
// Writes a line for each step. A text that cannot be written to the file is an
// error of the step.
//
//===----------------------------------------------------------------------===//

#include "StepLog.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;

static Error cannotWrite(const std::string &path) {
  return lora_rt::makeError(ErrorCode::System, path, ": cannot be written: ",
                            lora_rt::systemMessage(errno));
}

Expected<StepLog> StepLog::create(const std::string &path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return cannotWrite(path);
  std::FILE *file = fdopen(fd, "w");
  if (!file) {
    Error error = cannotWrite(path);
    ::close(fd);
    return error;
  }
  StepLog log(path, file);
  std::fputs("step,loss,gradient_norm,learning_rate,tokens,seconds\n", file);
  if (Error error = log.flush()) {
    unlink(path.c_str());
    return error;
  }
  return log;
}

Error StepLog::add(const StepReport &report, double learningRate) {
  std::fprintf(file.get(), "%lld,%.9g,%.9g,%.9g,%lld,%.6f\n",
               static_cast<long long>(report.step), report.loss,
               report.gradientNorm, learningRate,
               static_cast<long long>(report.tokens), report.seconds);
  return flush();
}

Error StepLog::flush() {
  return std::fflush(file.get()) == 0 ? Error::success() : cannotWrite(path);
}
