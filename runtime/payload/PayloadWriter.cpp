//===- PayloadWriter.cpp - Writing a compiled file ------------------------===//
//
// Writes the stub, the parts and the table of contents, and computes the
// checksums while it writes. The file gets its name in commit; before that,
// nothing is visible.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "ElfSections.h"
#include "PayloadFormat.h"
#include "ProgramChecksum.h"
#include "lora-runtime/Payload.h"
#include "lora-runtime/Thread.h"

#include <cstring>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lora_rt {

namespace {

std::string hexadecimal(uint64_t value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4)
    text[size_t(i)] = digits[value & 15];
  return text;
}

struct FreeHash {
  void operator()(XXH3_state_t *state) const { XXH3_freeState(state); }
};

} // namespace

std::string checksum(std::span<const std::byte> bytes) {
  return hexadecimal(XXH3_64bits(bytes.data(), bytes.size()));
}

struct PayloadWriter::State {
  OutputFile file;
  std::optional<ElfSections> program;
  std::string programChecksum; ///< The checksum of that program.
  uint64_t start = 0;          ///< The offset of the payload in the file.
  Json table = Json::array();
  std::string part; ///< The part that is being written.
  uint64_t partStart = 0;
  std::unique_ptr<XXH3_state_t, FreeHash> hash;
  uint64_t tensorStart = 0; ///< The offset of the tensor in the file.
  std::unique_ptr<XXH3_state_t, FreeHash> tensorHash;

  /// Writes bytes and adds them to checksums; for large pieces both at the same
  /// time.
  Error append(std::span<const std::byte> bytes,
               std::initializer_list<XXH3_state_t *> hashes) {
    auto update = [&] {
      for (XXH3_state_t *one : hashes)
        XXH3_64bits_update(one, bytes.data(), bytes.size());
    };
    constexpr size_t longBytes = size_t(1) << 20;
    if (bytes.size() < longBytes) {
      update();
      return file.append(bytes);
    }
    std::optional<Thread> updating = Thread::start(update);
    Error error = file.append(bytes);
    if (updating)
      updating->join();
    else
      update();
    return error;
  }

  /// Begins the payload after the program.
  Error begin() {
    if (Error error = file.alignTo(pageBytes))
      return error;
    start = file.position();
    // Leaves space for the header; commit writes it.
    std::vector<std::byte> buffer(sizeof(PayloadHeader));
    return file.append(buffer);
  }
};

PayloadWriter::PayloadWriter(std::unique_ptr<State> state)
    : state(std::move(state)) {}
PayloadWriter::PayloadWriter(PayloadWriter &&) noexcept = default;
PayloadWriter &PayloadWriter::operator=(PayloadWriter &&) noexcept = default;
PayloadWriter::~PayloadWriter() = default;

Expected<PayloadWriter> PayloadWriter::create(const std::string &path,
                                              const std::string &stub) {
  auto state = std::make_unique<State>();
  Expected<OutputFile> file = OutputFile::create(path, 0777);
  if (!file)
    return file.takeError();
  state->file = std::move(*file);
  if (!stub.empty()) {
    Expected<MappedFile> program = MappedFile::open(stub);
    if (!program)
      return program.takeError();
    Expected<ElfSections> sections = ElfSections::parse(program->bytes(), stub);
    if (!sections)
      return sections.takeError();
    state->program = std::move(*sections);
    Expected<std::string> sum = programChecksum(program->bytes(), stub);
    if (!sum)
      return sum.takeError();
    state->programChecksum = std::move(*sum);
    if (Error error = state->file.append(program->bytes()))
      return error;
  }
  if (Error error = state->begin())
    return error;
  return PayloadWriter(std::move(state));
}

Expected<PayloadWriter> PayloadWriter::createLike(const std::string &path,
                                                  const Payload &source) {
  auto state = std::make_unique<State>();
  // A copy must not be readable by more users than its source.
  struct stat facts;
  bool isKnown = fstat(source.descriptor(), &facts) == 0;
  Expected<OutputFile> file =
      OutputFile::create(path, isKnown ? facts.st_mode & 0777 : 0777);
  if (!file)
    return file.takeError();
  state->file = std::move(*file);
  if (!source.front().empty()) {
    Expected<ElfSections> sections =
        ElfSections::parse(source.fileBytes(), source.path());
    if (!sections)
      return sections.takeError();
    if (!sections->removeLast(payloadSection))
      return makeError(
          ErrorCode::Unsupported, source.path(),
          ": the compiled model is not the program's last section, "
          "as lora-compile writes it; compile the model again");
    state->program = std::move(*sections);
    if (Error error = source.verifyProgram())
      return error;
    Expected<std::string> sum = programChecksum(source.front(), source.path());
    if (!sum)
      return sum.takeError();
    state->programChecksum = std::move(*sum);
    if (Error error = state->file.append(source.front()))
      return error;
  }
  if (Error error = state->begin())
    return error;
  return PayloadWriter(std::move(state));
}

Error PayloadWriter::beginPart(std::string_view name) {
  if (!state->part.empty())
    return makeError(ErrorCode::InvalidArgument, state->file.path(), ": part '",
                     name, "' begins before '", state->part, "' ended");
  if (state->table.size() == maxParts || name.size() > maxPartName)
    return makeError(ErrorCode::InvalidArgument, state->file.path(), ": part '",
                     name, "' is one too many, or has too long a name");
  for (const Json &entry : state->table)
    if (entry["name"] == std::string(name))
      return makeError(ErrorCode::InvalidArgument, state->file.path(),
                       ": two parts called '", name, "'");
  if (Error error = state->file.alignTo(pageBytes))
    return error;
  state->part = name;
  state->partStart = state->file.position();
  state->hash.reset(XXH3_createState());
  XXH3_64bits_reset(state->hash.get());
  return Error::success();
}

Error PayloadWriter::append(std::span<const std::byte> bytes) {
  return state->append(bytes, {state->hash.get()});
}

Error PayloadWriter::endPart() {
  Json entry;
  entry["name"] = state->part;
  entry["offset"] = state->partStart - state->start;
  entry["bytes"] = state->file.position() - state->partStart;
  entry["xxh3"] = hexadecimal(XXH3_64bits_digest(state->hash.get()));
  state->table.push_back(std::move(entry));
  state->part.clear();
  return Error::success();
}

Error PayloadWriter::addPart(std::string_view name,
                             std::span<const std::byte> bytes) {
  if (Error error = beginPart(name))
    return error;
  if (Error error = append(bytes))
    return error;
  return endPart();
}

Error PayloadWriter::addPart(std::string_view name, std::string_view text) {
  return addPart(name, std::as_bytes(std::span(text)));
}

Expected<PackedPlace>
PayloadWriter::appendTensor(std::span<const std::byte> bytes) {
  if (Error error = beginTensor())
    return error;
  if (Error error = appendToTensor(bytes))
    return error;
  return endTensor();
}

Error PayloadWriter::beginTensor() {
  uint64_t used = state->file.position() - state->partStart;
  std::vector<std::byte> zeros((pageBytes - used % pageBytes) % pageBytes);
  if (Error error = append(zeros))
    return error;
  state->tensorStart = state->file.position();
  state->tensorHash.reset(XXH3_createState());
  XXH3_64bits_reset(state->tensorHash.get());
  return Error::success();
}

Error PayloadWriter::appendToTensor(std::span<const std::byte> bytes) {
  return state->append(bytes, {state->hash.get(), state->tensorHash.get()});
}

PackedPlace PayloadWriter::endTensor() {
  PackedPlace place;
  place.offset = state->tensorStart - state->partStart;
  place.bytes = state->file.position() - state->tensorStart;
  place.checksum = hexadecimal(XXH3_64bits_digest(state->tensorHash.get()));
  return place;
}

Error PayloadWriter::commit() {
  if (!state->part.empty())
    return makeError(ErrorCode::InvalidArgument, state->file.path(), ": part '",
                     state->part, "' has no end");
  if (state->program)
    if (Error error = addPart(programPart, state->programChecksum))
      return error;
  if (Error error = state->file.alignTo(8))
    return error;
  std::string table = state->table.dump();
  PayloadHeader header = {};
  std::memcpy(header.magic, payloadMagic, sizeof(payloadMagic));
  header.version = payloadVersion;
  header.headerBytes = sizeof(header);
  header.tableOffset = state->file.position() - state->start;
  header.tableBytes = table.size();
  header.tableChecksum = XXH3_64bits(table.data(), table.size());
  header.payloadBytes = header.tableOffset + header.tableBytes;
  if (Error error = state->file.append(std::as_bytes(std::span(table))))
    return error;
  if (Error error = state->file.writeAt(state->start,
                                        std::as_bytes(std::span(&header, 1))))
    return error;
  if (state->program)
    if (Error error = state->program->writeWith(
            state->file, payloadSection, {state->start, header.payloadBytes},
            pageBytes))
      return error;
  return state->file.commit();
}

} // namespace lora_rt
