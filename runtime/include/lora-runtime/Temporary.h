//===- Temporary.h - Files and folders that are not finished ----*- C++ -*-===//
//
// A file or folder that will be TARGET is made beside it under a temporary
// name, TARGET.part.lora-PID-N, and its maker holds a lock on it. It does not
// outlive the process: signals that can be caught remove it. After any other
// end, the next process that writes to the folder removes it, because nobody
// holds the lock.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEMPORARY_H
#define LORA_RUNTIME_TEMPORARY_H

#include "lora-runtime/Error.h"

#include <functional>
#include <string>

namespace lora_rt {

/// Makes a file or folder under a temporary name beside `target`. `make` gets a
/// name and returns a descriptor, or -1 with errno; EEXIST asks for another
/// name. The result is locked, and signals remove it. Returns the name;
/// `descriptor` is set to the result of `make`.
Expected<std::string>
makeTemporary(const std::string &target,
              const std::function<int(const std::string &)> &make,
              int &descriptor);

/// Ends what makeTemporary began, after the file or folder got another name or
/// was removed. If a signal handler is removing unfinished files, this waits,
/// so that no thread continues with a file that was removed.
void forgetTemporary(const std::string &name);

/// Locks the file or folder of `descriptor` for as long as the descriptor, or a
/// copy of it in any process, is open. Returns false if another process has
/// just removed it.
bool holdTemporary(int descriptor);

/// Removes the leftovers of other processes in a folder; once per process.
void removeLeftovers(const std::string &folder);

/// Removes a file, or a folder with all that is in it, without following links.
void removeTree(const std::string &path);

/// What a handler of a signal that ends the process must do first.
void removeTemporariesInHandler();

/// A folder under a temporary name. The destructor removes it unless it was
/// renamed.
class TemporaryFolder {
public:
  TemporaryFolder(TemporaryFolder &&other) noexcept;
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  /// `mode` is that of mkdir(2).
  static Expected<TemporaryFolder> create(const std::string &target,
                                          unsigned mode);

  const std::string &path() const { return name; }
  std::string operator/(const std::string &file) const {
    return name + "/" + file;
  }

  /// Takes the last step, which signals do not interrupt: a signal that arrives
  /// meanwhile waits. Returns false, with errno, if `step` does. Otherwise the
  /// folder, or what remains of it, is no longer removed.
  bool finish(const std::function<bool()> &step);

private:
  TemporaryFolder(std::string name, int descriptor)
      : name(std::move(name)), descriptor(descriptor) {}

  std::string name;
  int descriptor = -1;
};

/// The folder for temporary files: TMPDIR, or /tmp. TMPDIR is ignored if the
/// program has rights that its user does not have.
std::string temporaryRoot();

} // namespace lora_rt

#endif // LORA_RUNTIME_TEMPORARY_H
