//===- Process.cpp - Programs that are measured ---------------------------===//
//
// Starts processes with posix_spawn, reads their memory from /proc, and speaks
// with workers over pipes. A process that fails is an error with the last line
// of its log.
//
//===----------------------------------------------------------------------===//

#include "Process.h"
#include "WorkFolder.h"
#include "lora-runtime/Clock.h"
#include "lora-runtime/File.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char **environ;

using namespace lora::bench;
using namespace lora_rt;

void MemoryUse::raise(const MemoryUse &other) {
  privateBytes = std::max(privateBytes, other.privateBytes);
  fileBytes = std::max(fileBytes, other.fileBytes);
}

MemoryUse lora::bench::memoryOf(pid_t process) {
  MemoryUse use;
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);) {
    uint64_t *target = nullptr;
    if (line.starts_with("RssAnon:") || line.starts_with("RssShmem:"))
      target = &use.privateBytes;
    else if (line.starts_with("RssFile:"))
      target = &use.fileBytes;
    if (target)
      *target += std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10)
                 << 10;
  }
  return use;
}

namespace {

/// The last line of a log that is not empty, after ": "; or an empty text.
std::string lastLine(const std::string &log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      last = line;
  return last.empty() ? "" : ": " + last;
}

/// The environment of this process with more variables, or with other values of
/// variables that it has.
std::vector<std::string>
environmentWith(const std::vector<std::string> &variables) {
  auto hasNameOf = [](std::string_view entry, std::string_view variable) {
    return entry.starts_with(variable.substr(0, variable.find('=') + 1));
  };
  std::vector<std::string> result = variables;
  for (char **entry = environ; *entry; ++entry)
    if (std::none_of(variables.begin(), variables.end(),
                     [&](const std::string &variable) {
                       return hasNameOf(*entry, variable);
                     }))
      result.push_back(*entry);
  return result;
}

std::vector<char *> pointers(std::vector<std::string> &texts) {
  std::vector<char *> result;
  for (std::string &text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Starts a program. If `input` or `output` is -1, its standard input is
/// /dev/null or its standard output is the log. Standard error is the log.
Expected<pid_t> spawn(std::vector<std::string> command, int input, int output,
                      const std::string &log,
                      const std::vector<std::string> &variables = {}) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), flags, 0666);
  if (input >= 0)
    posix_spawn_file_actions_adddup2(&actions, input, 0);
  else
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output >= 0 ? output : 2, 1);
  // Signals that this program ignores are not ignored in the child.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t ignored;
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  sigaddset(&ignored, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> environment = environmentWith(variables);
  pid_t process = -1;
  int status =
      posix_spawnp(&process, command[0].c_str(), &actions, &attributes,
                   pointers(command).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (status)
    return makeError(ErrorCode::System, command[0],
                     ": cannot be started: ", systemMessage(status));
  return process;
}

std::string statusText(int status) {
  if (WIFSIGNALED(status))
    return std::string("ended by ") + strsignal(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

} // namespace

Expected<CommandResult>
lora::bench::runCommand(const std::vector<std::string> &command,
                        const std::string &log,
                        const std::vector<std::string> &variables) {
  CommandResult result;
  double start = now();
  Expected<pid_t> process = spawn(command, -1, -1, log, variables);
  if (!process)
    return process.takeError();
  // The handle becomes readable when the process ends. Without it (Linux before
  // 5.3) poll waits for its timeout of a few milliseconds.
  int handle = int(syscall(SYS_pidfd_open, *process, 0));
  int status = 0;
  for (;;) {
    pollfd ended = {handle, POLLIN, 0};
    poll(&ended, 1, /*milliseconds=*/5);
    pid_t waited = waitpid(*process, &status, WNOHANG);
    if (waited == *process || (waited < 0 && errno != EINTR))
      break;
    result.peak.raise(memoryOf(*process));
    if (isEnding())
      kill(*process, SIGTERM);
  }
  result.seconds = now() - start;
  if (handle >= 0)
    close(handle);
  if (status == 0)
    return result;
  return makeError(ErrorCode::System, command[0], ": ", statusText(status),
                   lastLine(log));
}

Expected<std::unique_ptr<Worker>>
Worker::start(std::vector<std::string> command, const std::string &log,
              const std::vector<std::string> &variables) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return makeError(ErrorCode::System,
                     "cannot make a socket: ", systemMessage(errno));
  std::unique_ptr<Worker> worker(new Worker);
  worker->name = command[0];
  worker->log = log;
  worker->channel = sockets[0];
  worker->started = now();
  Expected<pid_t> process =
      spawn(std::move(command), sockets[1], sockets[1], log, variables);
  close(sockets[1]);
  if (!process)
    return process.takeError();
  worker->process = *process;
  Expected<Json> hello = worker->read();
  if (!hello)
    return hello.takeError();
  worker->hello = std::move(*hello);
  return worker;
}

Worker::~Worker() {
  if (channel >= 0)
    close(channel);
  if (process < 0)
    return;
  // A worker ends when its input ends, unless something is wrong with it.
  for (int i = 0; i < 500; ++i) {
    if (waitpid(process, nullptr, WNOHANG) != 0)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
}

double Worker::loadSeconds() const {
  return hello.value("ready", started) - started;
}

Expected<Json> Worker::read() {
  size_t end;
  while ((end = pending.find('\n')) == std::string::npos) {
    char buffer[4096];
    ssize_t count = recv(channel, buffer, sizeof(buffer), 0);
    if (count <= 0) {
      if (count < 0 && errno == EINTR && !isEnding())
        continue;
      if (isEnding())
        return makeError(ErrorCode::System, "ended by a signal");
      int status = 0;
      std::string how = "closed its output";
      if (process >= 0 && waitpid(process, &status, 0) == process)
        how = statusText(status);
      process = -1;
      return makeError(ErrorCode::System, name, ": ", how, lastLine(log));
    }
    pending.append(buffer, size_t(count));
  }
  std::string line = pending.substr(0, end);
  pending.erase(0, end + 1);
  Expected<Json> json = parseJson(line, name + ": answer");
  if (json && !json->is_object())
    return makeError(ErrorCode::System, name, ": answered ", line);
  if (json && json->contains("error"))
    return makeError(ErrorCode::System, name, ": ",
                     json->value("error", "failed"));
  return json;
}

Expected<Json> Worker::request(const Json &json) {
  std::string line = json.dump() + "\n";
  for (size_t sent = 0; sent < line.size();) {
    ssize_t count =
        send(channel, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break; // The read below reports the error.
    sent += size_t(count);
  }
  return read();
}
