//===- Link.cpp - LLD, called as a library --------------------------------===//
//
// LLD reads and writes files, so the object and the result are temporary files
// while it runs.
//
//===----------------------------------------------------------------------===//

#include "Link.h"
#include "lld/Common/Driver.h"
#include "lora-runtime/Temporary.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace lora;
using lora_rt::ErrorCode;
using lora_rt::makeError;

static lora_rt::Error writeFile(const std::string &path,
                                llvm::StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (!code) {
    stream << bytes;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return makeError(ErrorCode::System, "cannot write ", path, ": ",
                     code.message());
  return lora_rt::Error::success();
}

static lora_rt::Error runLinker(llvm::ArrayRef<std::string> arguments) {
  // LLD has global state, so there is one link at a time.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  // At its first link, LLD registers options of LLVM's code generator (--march,
  // ...), and it parses an empty command line at each link. The options of a
  // tool would conflict with these.
  static const bool forgotten = [] {
    llvm::cl::ResetCommandLineParser();
    return true;
  }();
  (void)forgotten;
  llvm::SmallVector<const char *> strings{
      "ld.lld", "-shared", "-z",          "defs",
      "-z",     "now",     "--threads=1", "--build-id=none"};
  for (const std::string &argument : arguments)
    strings.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result =
      lld::lldMain(strings, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0 || !result.canRunAgain)
    return makeError(ErrorCode::System,
                     "cannot link generated code: ", messages);
  return lora_rt::Error::success();
}

lora_rt::Expected<std::string> lora::linkSharedObject(llvm::StringRef object,
                                                      llvm::StringRef libm) {
  auto folder = lora_rt::TemporaryFolder::create(
      lora_rt::temporaryRoot() + "/lora-link", 0700);
  if (!folder)
    return folder.takeError();
  std::string libmObject = *folder / "libm.o", libmShared = *folder / "libm.so",
              input = *folder / "module.o", output = *folder / "module.so";
  if (lora_rt::Error error = writeFile(libmObject, libm))
    return error;
  if (lora_rt::Error error = writeFile(input, object))
    return error;
  if (lora_rt::Error error =
          runLinker({"-soname", "libm.so.6", "-o", libmShared, libmObject}))
    return error;
  if (lora_rt::Error error = runLinker(
          {"--as-needed", "--gc-sections", "-o", output, input, libmShared}))
    return error;
  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    return makeError(ErrorCode::System, "cannot read ", output, ": ",
                     buffer.getError().message());
  return (*buffer)->getBuffer().str();
}
