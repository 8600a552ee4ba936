//===- ProgramCache.cpp - Compiled programs that are kept -----------------===//
//
// Implements ProgramCache.h. The key has no hash of weights, so that a program
// of any size starts at once: a file counts as unchanged if its inode, size and
// time of change are.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Compiler/ProgramCache.h"
#include "lora-mlir/Support/BuildIdentity.h"
#include "lora-mlir/Support/Cache.h"
#include "lora-mlir/Target/NativeCode.h"
#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/Folder.h"
#include "lora-runtime/Payload.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
namespace fs = std::filesystem;

namespace {

/// The key of a program, made of texts.
class Key {
public:
  void add(llvm::StringRef part) {
    stream << part.size() << ":" << part << ",";
  }
  void add(uint64_t number) { stream << number << ","; }

  /// The place, the size and the times of a file; nothing if there is none.
  void addFile(const fs::path &path);
  Error addFolder(const std::string &path, lora_rt::FolderKind kind);

  std::string finish() {
    llvm::BLAKE3 hash;
    hash.update(llvm::StringRef(text));
    return llvm::toHex(hash.final(), /*LowerCase=*/true);
  }

private:
  std::string text;
  llvm::raw_string_ostream stream{text};
};

} // namespace

void Key::addFile(const fs::path &path) {
  struct stat facts;
  // Links are followed: in the hub's cache, all files are links.
  if (stat(path.c_str(), &facts) != 0)
    return;
  add(path.string());
  for (uint64_t fact :
       {uint64_t(facts.st_dev), uint64_t(facts.st_ino), uint64_t(facts.st_size),
        uint64_t(facts.st_mtim.tv_sec), uint64_t(facts.st_mtim.tv_nsec),
        uint64_t(facts.st_ctim.tv_sec), uint64_t(facts.st_ctim.tv_nsec)})
    add(fact);
}

Error Key::addFolder(const std::string &path, lora_rt::FolderKind kind) {
  auto found = lora_rt::findFolder(path, kind);
  if (!found)
    return found.takeError();
  std::error_code code;
  fs::path folder = fs::canonical(*found, code);
  std::vector<fs::path> files;
  constexpr int deepest = 2, most = 10'000;
  for (fs::recursive_directory_iterator it(folder, code), end;
       !code && it != end && files.size() < most; it.increment(code)) {
    if (it.depth() >= deepest)
      it.disable_recursion_pending();
    if (!it->is_directory(code))
      files.push_back(it->path());
  }
  if (code)
    return lora_rt::makeError(ErrorCode::InvalidFile, path,
                              ": cannot look into it: ", code.message());
  std::sort(files.begin(), files.end());
  add(files.size());
  for (const fs::path &file : files)
    addFile(file);
  return Error::success();
}

/// Everything that a program depends on.
static Expected<std::string> keyOf(const ModelOptions &options) {
  Key key;
  const std::string &identity = buildIdentity();
  if (identity.empty())
    return lora_rt::makeError(ErrorCode::System,
                              "the running program has no build ID, so that "
                              "nothing it makes can be kept; compile to a "
                              "file with -o");
  key.add(identity);
  // The program begins with lora-stub, and records where the backend is.
  auto stub = lora_rt::stubPath();
  if (!stub)
    return stub.takeError();
  auto backend = lora_rt::backendPath("cpu");
  if (!backend)
    return backend.takeError();
  key.addFile(*stub);
  key.addFile(*backend);
  auto target = NativeTarget::resolve(options.march);
  if (!target)
    return target.takeError();
  key.add(target->cpu);
  key.add(target->features.size());
  for (const std::string &feature : target->features)
    key.add(feature);
  key.add(options.merge);
  key.add(options.dtype ? uint64_t(*options.dtype) + 1 : 0);
  key.add(options.tokens.size());
  for (int64_t tokens : options.tokens)
    key.add(uint64_t(tokens));
  key.add(uint64_t(options.kernels));
  key.add(options.pack);
  key.add(options.portable);
  key.add(options.text);
  if (Error error =
          key.addFolder(options.modelFolder, lora_rt::FolderKind::Model))
    return error;
  for (const WeightedAdapter &adapter : options.adapters) {
    key.add(llvm::toHex(llvm::StringRef(
        reinterpret_cast<const char *>(&adapter.weight), sizeof(double))));
    if (Error error =
            key.addFolder(adapter.folder, lora_rt::FolderKind::Adapter))
      return error;
  }
  return key.finish();
}

Expected<CachedProgram> lora::compileToCache(const ModelOptions &options) {
  std::optional<Cache> cache =
      Cache::open("programs", kProgramCacheLimit, options.warning);
  if (!cache)
    return lora_rt::makeError(
        ErrorCode::System,
        "programs cannot be kept: the cache is off or its "
        "folder (",
        Cache::root(),
        ") cannot be used; compile to a file with -o, or set "
        "LORA_CACHE to a folder");
  auto key = keyOf(options);
  if (!key)
    return key.takeError();
  CachedProgram program;
  // A damaged program would end without a message.
  if (auto path = cache->findFile(*key);
      path && lora_rt::Payload::open(*path)) {
    program.path = std::move(*path);
    program.wasCached = true;
    return program;
  }
  program.path = cache->fileOf(*key);
  auto report = compileModel(options, program.path);
  if (!report)
    return report.takeError();
  program.report = std::move(*report);
  cache->keepLimit();
  return program;
}
