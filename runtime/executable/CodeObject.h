//===- CodeObject.h - Shared objects from memory ----------------*- C++ -*-===//
//
// The code of an executable is loaded without a file on disk. The table that it
// exports is checked against this runtime before any function is called.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_CODEOBJECT_H
#define LORA_RUNTIME_EXECUTABLE_CODEOBJECT_H

#include "lora-runtime/Error.h"
#include "lora-runtime/compiled_code.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace lora_rt {

/// A shared object that was loaded from bytes. The destructor unloads it.
class LoadedObject {
public:
  LoadedObject() = default;
  LoadedObject(LoadedObject &&other) noexcept;
  LoadedObject &operator=(LoadedObject &&other) noexcept;
  ~LoadedObject();

  /// `name` is for messages and debuggers. With `global`, its symbols are
  /// visible to objects that are loaded later.
  static Expected<LoadedObject> load(std::span<const std::byte> bytes,
                                     const std::string &name, bool global);

  /// nullptr if there is no such symbol.
  void *symbol(const char *name) const;

  /// The functions in the object's symbol table, including local ones, by their
  /// addresses; empty if the object has no table.
  std::map<const void *, std::string> functions() const;

  /// Leaves the object loaded for the rest of the process.
  void keep() && { handle = nullptr, fd = -1; }

private:
  void *handle = nullptr;
  int fd = -1;
};

/// The code of an executable.
class CodeObject {
public:
  /// Loads the code, and checks that it was compiled for this runtime's
  /// contract.
  static Expected<CodeObject> load(std::span<const std::byte> bytes,
                                   const std::string &where);

  /// The checksums of the manifest for which the code was made.
  const lora_rt_contract &contract() const { return table->contract; }

  /// nullptr if there is no such entry.
  lora_rt_entry entry(const std::string &name) const;

  /// The names of functions, for profiles.
  std::map<const void *, std::string> functions() const {
    return object.functions();
  }

private:
  LoadedObject object;
  const lora_rt_code *table = nullptr;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_CODEOBJECT_H
