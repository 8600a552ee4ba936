//===- Payload.h - The container of an executable ---------------*- C++ -*-===//
//
// A compiled file is a program (the stub, which can also run by itself) with
// one more ELF section, `.lora_payload`. That section is page-aligned, and so
// are the parts in it: manifest, code, pack, and others, each with a name. It
// is an ordinary section, so `strip` and `objcopy` keep it.
// docs/executable-format.md describes the bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_PAYLOAD_H
#define LORA_RUNTIME_PAYLOAD_H

#include "lora-runtime/File.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt {

/// Names of the parts. A carried library is "lib:" + its soname.
inline constexpr std::string_view manifestPart = "manifest";
inline constexpr std::string_view codePart = "code";
inline constexpr std::string_view packPart = "pack";
/// JSON: {"backend": path of the CPU backend library on the compiling machine}.
inline constexpr std::string_view hostPart = "host";
inline constexpr std::string_view libraryPrefix = "lib:";
/// The imported model before an adapter was attached, as MLIR text.
inline constexpr std::string_view graphPart = "graph";
/// JSON: which adapter the file was made with; absent for none.
inline constexpr std::string_view adapterPart = "adapter";
/// A safetensors file with what rounding lost when the adapter was merged.
inline constexpr std::string_view exactPart = "exact";
/// The checksum of the program in front of the payload; the writer adds it.
inline constexpr std::string_view programPart = "program";

/// XXH3 (64 bits) as 16 hexadecimal digits.
std::string checksum(std::span<const std::byte> bytes);

/// The place of a tensor in the pack, for its entry in the manifest.
struct PackedPlace {
  uint64_t offset = 0; ///< From the start of the pack.
  /// The size of the tensor, without padding.
  uint64_t bytes = 0;
  /// Its checksum, as `checksum` returns it.
  std::string checksum;
};

class Payload;

/// Writes a compiled file part by part, directly to the disk. The file gets its
/// name, and is executable, when all parts are written.
class PayloadWriter {
public:
  /// `stub` is the program in front of the payload. If it is empty, the file
  /// has only the payload (lora-run opens both kinds).
  static Expected<PayloadWriter> create(const std::string &path,
                                        const std::string &stub);

  /// The same with the program in front of the payload of `source`, if there is
  /// one. Fails if that program is damaged.
  static Expected<PayloadWriter> createLike(const std::string &path,
                                            const Payload &source);

  /// Stores a whole part.
  Error addPart(std::string_view name, std::span<const std::byte> bytes);
  Error addPart(std::string_view name, std::string_view text);

  /// Begins a part that is written in pieces. endPart ends it.
  Error beginPart(std::string_view name);
  Error append(std::span<const std::byte> bytes);
  Error endPart();

  /// Appends a tensor to the current part, page-aligned; as a whole, or in
  /// pieces.
  Expected<PackedPlace> appendTensor(std::span<const std::byte> bytes);
  Error beginTensor();
  Error appendToTensor(std::span<const std::byte> bytes);
  PackedPlace endTensor();

  /// Writes the checksum of the program and the table of contents, and finishes
  /// the file.
  Error commit();

  PayloadWriter(PayloadWriter &&) noexcept;
  PayloadWriter &operator=(PayloadWriter &&) noexcept;
  ~PayloadWriter();

private:
  struct State;
  explicit PayloadWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// A compiled file, mapped.
class Payload {
public:
  /// An entry of the table of contents.
  struct Part {
    std::string name;
    uint64_t offset; ///< From the start of the file.
    uint64_t bytes;
    std::string checksum;
  };

  /// Opens a compiled file, or a payload alone. The table of contents is
  /// verified now, a part when `verified` is called.
  static Expected<Payload> open(const std::string &path);

  /// The same for an open file; the caller keeps the descriptor.
  static Expected<Payload> openDescriptor(int descriptor);

  /// The same for a file in memory. Its bytes must outlive the payload and
  /// begin at a multiple of 64.
  static Expected<Payload> openMemory(std::span<const std::byte> bytes);

  const std::string &path() const { return file.path(); }
  int descriptor() const { return file.descriptor(); }
  const std::vector<Part> &parts() const { return table; }

  /// The part with this name, or nullptr.
  const Part *find(std::string_view name) const;

  /// The bytes of a part, after a comparison with its checksum.
  Expected<std::span<const std::byte>> verified(std::string_view name) const;

  /// Compares the program in front of the payload with its checksum. Succeeds
  /// if there is no program.
  Error verifyProgram() const;

  /// The bytes of a part without verification.
  std::span<const std::byte> bytes(const Part &part) const {
    return file.bytes().subspan(part.offset, part.bytes);
  }

  /// Asks the system to read a part ahead, in the background.
  void prefetch(const Part &part) const;

  /// Whether a file has a payload: false for the stub alone, true for a damaged
  /// program, so that opening it reports the damage.
  static bool isPresent(const std::string &path);

  /// The bytes in front of the payload: a program, or nothing.
  std::span<const std::byte> front() const {
    return file.bytes().subspan(0, start);
  }
  /// The whole file.
  std::span<const std::byte> fileBytes() const { return file.bytes(); }

private:
  static Expected<Payload> read(MappedFile file);
  Error readTable();

  MappedFile file;
  uint64_t start = 0; ///< The offset of the payload in the file.
  std::vector<Part> table;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_H
