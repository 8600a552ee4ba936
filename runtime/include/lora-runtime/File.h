//===- File.h - Mapped inputs, atomic outputs -----------------------------===//
//
// Inputs are mapped read-only. An output appears under its name only when it is
// complete: it is written without a name in the same folder, flushed to the
// disk, and then named. If the process ends before, nothing remains. On file
// systems without unnamed files it has a temporary name (Temporary.h), which is
// removed with the process, or by the next process that writes to the folder.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_FILE_H
#define LORA_RUNTIME_FILE_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lora_rt {

/// The bytes of a file, mapped read-only and shared. The object can be moved;
/// spans into it stay valid.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  static Expected<MappedFile> open(const std::string &path);

  /// Maps a file that is open for reading. The caller keeps the descriptor.
  /// `name` is the file's name in messages.
  static Expected<MappedFile> fromDescriptor(int descriptor,
                                             const std::string &name);

  /// Bytes in memory, which must outlive this object.
  static MappedFile fromMemory(std::span<const std::byte> bytes,
                               const std::string &name);

  const std::string &path() const { return name; }
  std::span<const std::byte> bytes() const { return {data, size}; }
  /// The descriptor, open as long as this object lives; -1 for memory.
  int descriptor() const { return fd; }

private:
  /// Maps the file that `fd` is.
  Error map();

  std::string name;
  const std::byte *data = nullptr;
  size_t size = 0;
  int fd = -1;
};

/// A file that is being written and that replaces `path` on commit. A device
/// (/dev/null) is written to directly.
class OutputFile {
public:
  OutputFile() = default;
  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&other) noexcept;
  /// Removes the file if it was not committed.
  ~OutputFile();

  /// `mode` is that of open(2), for instance 0777 for a program; the user's
  /// umask applies. If a file is replaced, its mode is kept instead; if the new
  /// file is a program, everybody who may read it may also run it.
  static Expected<OutputFile> create(const std::string &path,
                                     unsigned mode = 0666);

  /// The same with a temporary name from the beginning, as `create` does on
  /// file systems without unnamed files.
  static Expected<OutputFile> createNamed(const std::string &path,
                                          unsigned mode = 0666);

  /// Appends at the end. Bytes wait in memory until a block of 2 MiB is full.
  /// If a file is written in such blocks, and the file system has large folios,
  /// its page cache consists of huge pages, and it is mapped by them. So an
  /// error may belong to an earlier call.
  Error append(std::span<const std::byte> bytes);
  /// Writes anywhere within the bytes that were appended before. Does not move
  /// the end that `append` uses.
  Error writeAt(uint64_t offset, std::span<const std::byte> bytes);
  /// Appends zeros up to a multiple of `alignment`.
  Error alignTo(uint64_t alignment);
  /// The number of bytes appended so far.
  uint64_t position() const { return end; }
  /// Flushes to the disk and gives the file its name.
  Error commit();

  const std::string &path() const { return target; }

private:
  /// Finds out what `path` is, and opens it if it is a device.
  static Expected<OutputFile> open(const std::string &path, unsigned mode);
  /// Creates a file under a temporary name, or gives the open one that name.
  Error takeName();
  /// Gives the open file a name that must not exist; returns as link(2).
  int linkTo(const std::string &path) const;
  /// From here on `fd` is open for reading.
  Error endWriting();
  /// Makes mode and owner those of the file that is replaced.
  Error takeRights();
  /// The permissions at the beginning: nobody else can read the file before its
  /// final permissions are set.
  unsigned startMode() const { return replaced ? 0600 : mode; }
  Error cannotFinish() const;
  Error write(uint64_t offset, std::span<const std::byte> bytes);
  /// Writes the bytes that wait.
  Error flush();

  std::string target;
  /// The name until commit; empty while the file has none.
  std::string temporary;
  unsigned mode = 0666;
  struct Rights {
    unsigned mode;
    unsigned owner, group;
  };
  std::optional<Rights> replaced;
  bool isDevice = false;
  uint64_t end = 0;
  /// The last bytes before `end`, which are not in the file yet.
  std::vector<std::byte> waiting;
  int fd = -1;
};

/// The name of the mapped file that contains `address`, or nullptr. For a
/// handler of SIGBUS, which is sent if the file became shorter or its disk
/// failed.
const char *mappedFileAt(const void *address);

/// Gives back the pages of a mapped range; they are read again when needed.
void releasePages(std::span<const std::byte> range);

/// Reads a whole small file (a config, an index). Fails if it has more than
/// `limit` bytes.
Expected<std::string> readTextFile(const std::string &path,
                                   uint64_t limit = uint64_t(64) << 20);

/// Writes a whole small file, which appears when it is complete.
Error writeTextFile(const std::string &path, std::string_view text);

/// The operating system's text for an errno value.
std::string systemMessage(int number);

} // namespace lora_rt

#endif // LORA_RUNTIME_FILE_H
