//===- RunFolder.cpp - The folder of a training run -----------------------===//
//
// A signal may arrive at any time. Its handler removes empty folders and prints
// a text that was prepared. It calls only functions that a signal handler may
// call.
//
//===----------------------------------------------------------------------===//

#include "RunFolder.h"
#include "AdapterFiles.h"
#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/File.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <filesystem>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
namespace fs = std::filesystem;

namespace {

/// The data of the handler.
struct Ending {
  /// Folders to remove if they are empty, the deepest last.
  std::vector<std::string> made;
  std::string text;
};

constexpr int endingSignals[] = {SIGHUP, SIGINT, SIGTERM};
struct sigaction former[std::size(endingSignals)];
std::atomic<const Ending *> ending;
static_assert(std::atomic<const Ending *>::is_always_lock_free);

void endRun(int number) {
  if (const Ending *now = ending.load()) {
    for (size_t i = now->made.size(); i-- > 0;)
      if (rmdir(now->made[i].c_str()) != 0)
        break;
    ssize_t ignored = write(STDERR_FILENO, now->text.data(), now->text.size());
    (void)ignored;
  }
  for (size_t i = 0; i < std::size(endingSignals); ++i)
    if (endingSignals[i] == number)
      sigaction(number, &former[i], nullptr);
  raise(number);
}

void watchSignals() {
  static bool watches = false;
  if (std::exchange(watches, true))
    return;
  for (size_t i = 0; i < std::size(endingSignals); ++i) {
    struct sigaction action = {};
    // A signal that is ignored, as under nohup, stays ignored.
    if (sigaction(endingSignals[i], nullptr, &former[i]) != 0 ||
        former[i].sa_handler == SIG_IGN)
      continue;
    action.sa_handler = endRun;
    sigaction(endingSignals[i], &action, nullptr);
  }
}

/// Sets what a signal does from now on.
void setEnding(Ending next) {
  // A handler may be reading an older entry, so entries are never freed.
  static auto *all = new std::deque<Ending>();
  ending = &all->emplace_back(std::move(next));
  watchSignals();
}

} // namespace

RunFolder::~RunFolder() {
  setEnding({});
  if (log && steps == 0)
    unlink((path + "/log.csv").c_str());
  for (size_t i = made.size(); i-- > 0;)
    if (rmdir(made[i].c_str()) != 0)
      break;
}

Error RunFolder::open(const std::string &folder) {
  if (Error error = checkNewFolder(folder))
    return error;
  path = folder;
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  std::vector<std::string> missing;
  std::error_code code;
  for (fs::path at = path; !at.empty() && !fs::exists(at, code);
       at = at.parent_path())
    missing.push_back(at.string());
  for (; !missing.empty(); missing.pop_back()) {
    if (mkdir(missing.back().c_str(), 0777) == 0)
      made.push_back(missing.back());
    else if (errno != EEXIST)
      return lora_rt::makeError(
          ErrorCode::System, path,
          ": cannot be made a folder: ", lora_rt::systemMessage(errno));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0)
    return lora_rt::makeError(
        ErrorCode::System, path,
        ": cannot be written to: ", lora_rt::systemMessage(errno));
  setEnding({made, "lora-train: ended by a signal before the first step; "
                   "nothing is written\n"});
  return Error::success();
}

Error RunFolder::add(const StepReport &report, double learningRate) {
  std::string file = path + "/log.csv";
  if (!log) {
    Expected<StepLog> created = StepLog::create(file);
    if (!created)
      return created.takeError();
    log.emplace(std::move(*created));
    setEnding(
        {{},
         "lora-train: ended by a signal; the adapter is not saved, only " +
             file + " of the steps that were done\n"});
  }
  if (Error error = log->add(report, learningRate))
    return error;
  ++steps;
  return Error::success();
}

Error RunFolder::writeAdapter(TrainingProgram &program) {
  Expected<StagedFolder> staged = StagedFolder::createAddition(path);
  if (!staged)
    return staged.takeError();
  if (Error error = lora::writeAdapter(staged->path(), program))
    return error;
  setEnding({{},
             "lora-train: ended by a signal while the adapter was saved; " +
                 path + " has it whole, or only log.csv\n"});
  return staged->commit();
}

std::string RunFolder::remains() const {
  if (steps == 0)
    return "";
  return "; " + path + " holds log.csv of " + std::to_string(steps) +
         (steps == 1 ? " step" : " steps") + ", and no adapter";
}
