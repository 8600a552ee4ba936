//===- PassOptionNames.cpp ------------------------------------------------===//
//
// MLIR tells the names of a pass's options to nobody: they are read from the
// help that it prints, after a pipeline was refused.
//
//===----------------------------------------------------------------------===//

#include "PassOptionNames.h"
#include "lora-mlir/CommandLine.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"

#include <unistd.h>

using namespace mlir;

/// The options of a pass or a pipeline: "    --rank=<long>  - The rank".
static std::vector<std::string> optionsOf(const PassRegistryEntry &entry) {
  std::string help = lora::captureOutput(STDOUT_FILENO, [&] {
    entry.printHelpStr(/*indent=*/0, /*descIndent=*/entry.getOptionWidth() + 2);
  });
  std::vector<std::string> names;
  auto [title, rest] = StringRef(help).split('\n');
  for (StringRef line : llvm::split(rest, '\n')) {
    line = line.trim();
    if (line.consume_front("--"))
      names.push_back(
          line.take_until([](char c) { return c == '=' || c == ' '; }).str());
  }
  return names;
}

/// The keys in "key=value other={a b} flag".
static std::vector<StringRef> keysOf(StringRef options) {
  std::vector<StringRef> keys;
  int depth = 0;
  char quote = 0;
  size_t begin = 0;
  auto end = [&](size_t at) {
    StringRef key = options.slice(begin, at).split('=').first.trim();
    if (!key.empty())
      keys.push_back(key);
    begin = at + 1;
  };
  for (auto [at, c] : llvm::enumerate(options)) {
    if (quote)
      quote = c == quote ? 0 : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '{' || c == '(' || c == '[')
      ++depth;
    else if (c == '}' || c == ')' || c == ']')
      --depth;
    else if (c == ' ' && depth == 0)
      end(at);
  }
  end(options.size());
  return keys;
}

/// "-PASS has no option 'x': did you mean 'y'?", or an empty text.
static std::string findMistake(StringRef name, StringRef options) {
  const PassRegistryEntry *entry = PassInfo::lookup(name);
  if (!entry)
    entry = PassPipelineInfo::lookup(name);
  if (!entry)
    return {};
  std::vector<std::string> known = optionsOf(*entry);
  for (StringRef key : keysOf(options))
    if (!llvm::is_contained(known, key)) {
      std::string text = "-" + name.str() + " has no option '" + key.str() +
                         "'" +
                         lora_rt::suggestion(key, {known.begin(), known.end()});
      if (known.empty())
        text += ": it has none";
      else if (!StringRef(text).ends_with("?"))
        text += "; it has " + llvm::join(known, ", ");
      return text;
    }
  return {};
}

/// "no pass or pipeline is named 'x': did you mean 'y'?", or an empty text.
static std::string findUnknown(StringRef name) {
  auto isKnown = [](StringRef name) {
    return PassInfo::lookup(name) || PassPipelineInfo::lookup(name);
  };
  if (isKnown(name))
    return {};
  std::vector<std::string_view> names;
  for (const auto &option : llvm::cl::getRegisteredOptions())
    if (isKnown(option.first))
      names.push_back(option.first);
  llvm::sort(names);
  return "no pass or pipeline is named '" + name.str() + "'" +
         lora_rt::suggestion(name, names);
}

/// The same for "a,b{x=1},func.func(c{y=2})".
static std::string findMistakeInPipeline(StringRef text) {
  while (!text.empty()) {
    StringRef name = text.take_while([](char c) {
      return llvm::isAlnum(c) || c == '-' || c == '_' || c == '.';
    });
    text = text.drop_front(std::max<size_t>(name.size(), 1));
    // Passes stand in the operation that they run on.
    if (name.empty() || text.ltrim().starts_with("("))
      continue;
    if (std::string found = findUnknown(name); !found.empty())
      return found;
    if (!text.starts_with("{"))
      continue;
    size_t end = 0;
    for (int depth = 0; end < text.size(); ++end) {
      depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
      if (depth == 0)
        break;
    }
    if (std::string found = findMistake(name, text.slice(1, end));
        !found.empty())
      return found;
    text = text.drop_front(std::min(end + 1, text.size()));
  }
  return {};
}

static std::string findMistake(ArrayRef<const char *> commandLine) {
  for (size_t i = 1; i < commandLine.size(); ++i) {
    StringRef argument = commandLine[i];
    if (!argument.consume_front("-"))
      continue;
    argument.consume_front("-");
    auto [name, value] = argument.split('=');
    bool isPipeline = name == "pass-pipeline" || name == "p";
    if (isPipeline && value.empty() && i + 1 < commandLine.size())
      value = commandLine[i + 1];
    std::string found =
        isPipeline ? findMistakeInPipeline(value) : findMistake(name, value);
    if (!found.empty())
      return found;
  }
  return {};
}

LogicalResult lora::opt::setUpPipeline(const MlirOptMainConfig &config,
                                       PassManager &manager,
                                       ArrayRef<const char *> commandLine) {
  std::vector<Diagnostic> errors;
  std::string printed;
  {
    ScopedDiagnosticHandler collect(manager.getContext(),
                                    [&](Diagnostic &diagnostic) {
                                      errors.push_back(std::move(diagnostic));
                                      return success();
                                    });
    LogicalResult result = failure();
    printed = lora::captureOutput(
        STDERR_FILENO, [&] { result = config.setupPassPipeline(manager); });
    if (succeeded(result)) {
      llvm::errs() << printed;
      return success();
    }
  }
  auto refuse = [&]() {
    return emitError(UnknownLoc::get(manager.getContext()));
  };
  if (std::string mistake = findMistake(commandLine); !mistake.empty())
    return refuse() << mistake;
  // Where a value is wrong, LLVM's option has said so, and MLIR adds nothing.
  llvm::erase_if(errors, [](Diagnostic &error) {
    return StringRef(error.str()).trim().empty();
  });
  if (!printed.empty())
    (void)(refuse() << lora::rewordOptionError(printed));
  for (Diagnostic &error : errors)
    manager.getContext()->getDiagEngine().emit(std::move(error));
  return failure();
}
