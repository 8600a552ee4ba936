//===- CompiledFile.h - The parts that every compiled file has --*- C++ -*-===//
//
// What lora-compile puts beside code, manifest and pack: the stub in front, the
// place of the backend library, and with --portable the libraries themselves.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_COMPILEDFILE_H
#define LORA_RUNTIME_COMPILEDFILE_H

#include "lora-runtime/Payload.h"

#include <optional>

namespace lora_rt {

/// The stub program, next to the running tool or where it is installed.
Expected<std::string> stubPath();

/// The backend library of an engine, in the folders of
/// LORA_RUNTIME_LIBRARY_PATH, next to the running tool, in ../lib, or where it
/// is installed.
Expected<std::string> backendPath(const std::string &engine);

/// Records where the backend is on this machine.
Error addHostPart(PayloadWriter &writer, const std::string &backend);

/// Stores the backend and every library that it needs, except glibc's own, so
/// that the file runs alone. Opens the backend in this process to see what it
/// needs.
Error addLibraryParts(PayloadWriter &writer, const std::string &backend);

struct Manifest;

/// Whether a file would run here, as far as that can be said without running
/// what it carries.
struct BackendReport {
  /// The backend is in the file, so that it runs on other machines, too.
  bool isCarried = false;
  /// Where it was on the machine that compiled; what is wrong with that place.
  std::string recorded;
  Error recordedProblem;
  /// Where it was found.
  std::string opened;
  /// Why the file does not run here.
  Error problem;
};

/// Opens the backend, unless the file carries it.
Expected<BackendReport> reportBackend(const Manifest &manifest,
                                      const Payload &payload);

/// The adapter that a file was made with.
struct CarriedAdapter {
  /// The name of its folder.
  std::string name;
  /// Of the folder's files (lora::peft::adapterChecksum).
  std::string checksum;
  /// In the weights; otherwise it is computed beside them.
  bool merged = true;

  friend bool operator==(const CarriedAdapter &,
                         const CarriedAdapter &) = default;
};

Error addAdapterPart(PayloadWriter &writer, const CarriedAdapter &adapter);

/// Nothing for a file without an adapter.
Expected<std::optional<CarriedAdapter>> readAdapterPart(const Payload &payload);

} // namespace lora_rt

#endif // LORA_RUNTIME_COMPILEDFILE_H
