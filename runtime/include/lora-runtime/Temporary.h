//===- Temporary.h - What is not finished yet -------------------*- C++ -*-===//
//
// A file or folder that will be TARGET is made beside it under a temporary
// name, TARGET.part.lora-PID-N, and held by its maker. It does not outlive the
// process: signals that can be caught remove it, and after any other end the
// next process that writes to the folder does, since nobody holds it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEMPORARY_H
#define LORA_RUNTIME_TEMPORARY_H

#include "lora-runtime/Error.h"

#include <functional>
#include <string>

namespace lora_rt {

/// Makes something under a temporary name beside `target`: `make` gets a name
/// and returns a descriptor, or -1 with errno, of which EEXIST asks for another
/// name. What it made is held and removed by signals. Returns the name;
/// `descriptor` becomes the result of `make`.
Expected<std::string>
makeTemporary(const std::string &target,
              const std::function<int(const std::string &)> &make,
              int &descriptor);

/// Ends what makeTemporary began, after the thing got another name or was
/// removed. While a signal removes what is not finished, this waits: nobody
/// goes on with what was removed.
void forgetTemporary(const std::string &name);

/// Holds what `descriptor` is open on for as long as it or a copy of it is open
/// in any process. False if another process just removed it.
bool holdTemporary(int descriptor);

/// Removes what processes left behind in a folder; once in a process.
void removeLeftovers(const std::string &folder);

/// Removes a file, or a folder with all that is in it, without following links.
void removeTree(const std::string &path);

/// What a signal that ends the process does first. To be called by a handler.
void removeTemporariesInHandler();

/// A folder under a temporary name, removed at the end unless it was renamed.
class TemporaryFolder {
public:
  TemporaryFolder(TemporaryFolder &&other) noexcept;
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  /// `mode` as of mkdir(2).
  static Expected<TemporaryFolder> create(const std::string &target,
                                          unsigned mode);

  const std::string &path() const { return name; }
  std::string operator/(const std::string &file) const {
    return name + "/" + file;
  }

  /// Takes the last step, which no signal divides: one that comes meanwhile
  /// waits. False, with errno, if `step` returns that; else the folder, or
  /// what is left of it, is no longer removed.
  bool finish(const std::function<bool()> &step);

private:
  TemporaryFolder(std::string name, int descriptor)
      : name(std::move(name)), descriptor(descriptor) {}

  std::string name;
  int descriptor = -1;
};

/// Where temporary files go: TMPDIR, unless the program runs with rights that
/// its user does not have, or /tmp.
std::string temporaryRoot();

} // namespace lora_rt

#endif // LORA_RUNTIME_TEMPORARY_H
