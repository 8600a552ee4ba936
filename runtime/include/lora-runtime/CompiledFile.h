//===- CompiledFile.h - The parts that every compiled file has --*- C++ -*-===//
//
// The parts that lora-compile adds to code, manifest and pack: the stub in
// front, the path of the backend library and, with --portable, the libraries
// themselves.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_COMPILEDFILE_H
#define LORA_RUNTIME_COMPILEDFILE_H

#include "lora-runtime/Payload.h"

#include <optional>

namespace lora_rt {

/// The path of the stub program: beside the running tool, or where it is
/// installed.
Expected<std::string> stubPath();

/// The path of the backend library of an engine: in the folders of
/// LORA_RUNTIME_LIBRARY_PATH, beside the running tool, in ../lib, or where it
/// is installed.
Expected<std::string> backendPath(const std::string &engine);

/// Records the path of the backend on this machine.
Error addHostPart(PayloadWriter &writer, const std::string &backend);

/// Stores the backend and every library that it needs, except those of glibc,
/// so that the file runs alone. Opens the backend in this process to find these
/// libraries.
Error addLibraryParts(PayloadWriter &writer, const std::string &backend);

struct Manifest;

/// Whether a file would run here, as far as this is known without running
/// libraries that it carries.
struct BackendReport {
  /// Whether the backend is in the file, so that it also runs on other
  /// machines.
  bool isCarried = false;
  /// The path of the backend on the compiling machine, and what is wrong with
  /// it.
  std::string recorded;
  Error recordedProblem;
  /// The path where it was found.
  std::string opened;
  /// The reason why the file does not run here.
  Error problem;
};

/// Opens the backend, unless the file carries it.
Expected<BackendReport> reportBackend(const Manifest &manifest,
                                      const Payload &payload);

/// The adapter with which a file was made.
struct CarriedAdapter {
  /// The name of its folder.
  std::string name;
  /// The checksum of the folder's files (lora::peft::adapterChecksum).
  std::string checksum;
  /// Whether it is merged into the weights; otherwise it is computed beside
  /// them.
  bool merged = true;

  friend bool operator==(const CarriedAdapter &,
                         const CarriedAdapter &) = default;
};

Error addAdapterPart(PayloadWriter &writer, const CarriedAdapter &adapter);

/// nullopt for a file without an adapter.
Expected<std::optional<CarriedAdapter>> readAdapterPart(const Payload &payload);

} // namespace lora_rt

#endif // LORA_RUNTIME_COMPILEDFILE_H
