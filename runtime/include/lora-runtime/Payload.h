//===- Payload.h - The container of an executable ---------------*- C++ -*-===//
//
// A compiled file is a program (the stub, which can also run by itself) with
// one more ELF section, `.lora_payload`. That section is page-aligned, and so
// are the parts in it: manifest, code, pack, and whatever else is stored by
// name. It is an ordinary section, so that `strip` and `objcopy` keep it.
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
/// What rounding lost when the adapter was merged, a safetensors file.
inline constexpr std::string_view exactPart = "exact";
/// The checksum of the program in front of the payload; the writer adds it.
inline constexpr std::string_view programPart = "program";

/// XXH3 (64 bits) as 16 hexadecimal digits.
std::string checksum(std::span<const std::byte> bytes);

/// Where a tensor of the pack lies: what its manifest entry needs.
struct PackedPlace {
  uint64_t offset = 0; ///< from the start of the pack
  uint64_t bytes = 0;
  std::string checksum;
};

class Payload;

/// Writes a compiled file, part by part, each straight to the disk. The file
/// gets its name, and is executable, when everything is there.
class PayloadWriter {
public:
  /// `stub` is the program that the payload is appended to; if it is empty, the
  /// file holds the payload only (lora-run opens both).
  static Expected<PayloadWriter> create(const std::string &path,
                                        const std::string &stub);

  /// The same with the program that `source` has in front of its payload, if it
  /// has one; fails if that is damaged.
  static Expected<PayloadWriter> createLike(const std::string &path,
                                            const Payload &source);

  /// Stores a whole part.
  Error addPart(std::string_view name, std::span<const std::byte> bytes);
  Error addPart(std::string_view name, std::string_view text);

  /// Starts a part that comes in pieces; ends with endPart.
  Error beginPart(std::string_view name);
  Error append(std::span<const std::byte> bytes);
  Error endPart();

  /// Appends a tensor to the part begun last, page-aligned: at once, or in
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
  struct Part {
    std::string name;
    uint64_t offset; ///< from the start of the file
    uint64_t bytes;
    std::string checksum;
  };

  /// Opens a compiled file, or the payload alone. The table of contents is
  /// verified; parts are verified when asked.
  static Expected<Payload> open(const std::string &path);

  /// The same of a file that is open; the caller keeps the descriptor.
  static Expected<Payload> openDescriptor(int descriptor);

  /// The same of a file's bytes, which outlive the payload and begin at a
  /// multiple of 64.
  static Expected<Payload> openMemory(std::span<const std::byte> bytes);

  const std::string &path() const { return file.path(); }
  int descriptor() const { return file.descriptor(); }
  const std::vector<Part> &parts() const { return table; }

  const Part *find(std::string_view name) const;

  /// The bytes of a part after comparing its checksum.
  Expected<std::span<const std::byte>> verified(std::string_view name) const;

  /// Compares the program in front of the payload with its checksum. Success
  /// where there is no program.
  Error verifyProgram() const;

  /// The bytes of a part as they are.
  std::span<const std::byte> bytes(const Part &part) const {
    return file.bytes().subspan(part.offset, part.bytes);
  }

  /// Asks the system to read a part ahead, in the background.
  void prefetch(const Part &part) const;

  /// Whether a file has a payload at all: false for the bare stub, true for a
  /// program that is damaged, so that opening it says how.
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
  uint64_t start = 0; ///< of the payload in the file
  std::vector<Part> table;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_PAYLOAD_H
