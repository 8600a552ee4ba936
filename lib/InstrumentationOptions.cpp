//===- InstrumentationOptions.cpp - Which options there are ---------------===//
//
// MLIR registers and describes them: nothing here repeats one, and what a later
// version adds below the same prefixes is there at once.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/CommandLine.h"
#include "lora-mlir/InitAll.h"
#include "lora-mlir/Instrumentation.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

#include <algorithm>
#include <set>

namespace cl = llvm::cl;
using llvm::StringRef;
using namespace lora;

/// An option that is registered, or null.
static cl::Option *find(StringRef name) {
  return cl::getRegisteredOptions().lookup(name);
}

std::string lora::registerMLIROptions(StringRef overview,
                                      mlir::DialectRegistry &registry) {
  std::string header = mlir::registerCLIOptions(overview, registry);
  auto flag = [](StringRef name) {
    return static_cast<cl::opt<bool> *>(find(name));
  };
  flag("mlir-print-op-on-diagnostic")->setInitialValue(false);
  flag("mlir-use-nameloc-as-prefix")->setInitialValue(true);
  return header;
}

/// Whether an option is about passes that run, not about IR that is read or
/// passes that are named.
static bool isInstrumentation(StringRef name) {
  static constexpr StringRef others[] = {
      "mlir-generate-reproducer", "mlir-disable-diagnostic-notes",
      "mlir-diagnostic-verbosity-level", "mlir-print-op-on-diagnostic",
      "mlir-very-unsafe-disable-verifier-on-parsing"};
  static constexpr StringRef prefixes[] = {"mlir-", "remark", "log-actions-",
                                           "log-mlir-actions-",
                                           "profile-actions-"};
  return !llvm::is_contained(others, name) &&
         llvm::any_of(prefixes, [&](StringRef prefix) {
           return name.starts_with(prefix);
         });
}

/// The names of the options that `registerInstrumentationOptions` registered.
static std::set<std::string> &registeredNames() {
  static std::set<std::string> names;
  return names;
}

/// The name that an argument gives, and whether it has a value of its own;
/// empty for what is no option.
static StringRef nameOf(StringRef argument, bool &hasValue) {
  if (!argument.consume_front("-"))
    return {};
  argument.consume_front("-");
  auto [name, value] = argument.split('=');
  hasValue = name.size() != argument.size();
  return name;
}

void lora::registerInstrumentationOptions(int argc, const char *const *argv,
                                          cl::OptionCategory &category) {
  // Looking passes up takes them being registered, which takes a while.
  for (const char *argument : llvm::ArrayRef(argv, argc)) {
    bool hasValue;
    StringRef name = nameOf(argument, hasValue);
    if (name == "mlir-print-ir-before" || name == "mlir-print-ir-after") {
      registerAllPasses();
      break;
    }
  }
  auto optionNames = [] {
    std::set<std::string> names;
    for (const auto &option : cl::getRegisteredOptions())
      names.insert(option.first.str());
    return names;
  };
  std::set<std::string> before = optionNames();
  mlir::DialectRegistry none;
  registerMLIROptions("", none);
  for (const std::string &name : optionNames()) {
    if (before.count(name))
      continue;
    cl::Option *option = find(name);
    // The names of passes are one option's, and go with it.
    if (!option)
      continue;
    if (!isInstrumentation(name)) {
      option->removeArgument();
      continue;
    }
    option->addCategory(category);
    option->setHiddenFlag(cl::Hidden);
    registeredNames().insert(name);
  }
}

std::vector<std::string> lora::instrumentationOptionNames() {
  std::vector<std::string> names;
  for (const std::string &name : registeredNames())
    names.push_back("--" + name);
  return names;
}

std::vector<char *> lora::takeInstrumentationOptions(int argc, char **argv) {
  static cl::OptionCategory category("Options of MLIR");
  registerInstrumentationOptions(argc, argv, category);
  std::vector<char *> own = {argv[0]}, others = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    bool hasValue = false;
    std::string name = nameOf(argv[i], hasValue).str();
    if (!registeredNames().count(name)) {
      others.push_back(argv[i]);
      continue;
    }
    own.push_back(argv[i]);
    if (!hasValue && i + 1 < argc &&
        find(name)->getValueExpectedFlag() == cl::ValueRequired)
      own.push_back(argv[++i]);
  }
  if (std::string mistake = parseCommandLine(int(own.size()), own.data());
      !mistake.empty()) {
    llvm::errs() << llvm::sys::path::filename(argv[0]) << ": error: " << mistake
                 << "\n";
    std::exit(1);
  }
  return others;
}

bool lora::hasInstrumentationOptions() {
  return llvm::any_of(registeredNames(), [](const std::string &name) {
    return find(name)->getNumOccurrences() > 0;
  });
}

void lora::printInstrumentationOptions() {
  size_t width = 0;
  for (const std::string &name : registeredNames())
    width = std::max(width, find(name)->getOptionWidth());
  for (const std::string &name : registeredNames())
    find(name)->printOptionInfo(width);
}

/// What is wrong with the value of --mlir-debug-counter; MLIR would end the
/// process.
static std::string checkDebugCounters() {
  auto *counters =
      static_cast<cl::list<std::string> *>(find("mlir-debug-counter"));
  if (!counters)
    return {};
  for (StringRef entry : *counters) {
    auto [name, number] = entry.split('=');
    int64_t value;
    bool isKnown = name.consume_back("-skip") || name.consume_back("-count");
    if (!isKnown || name.empty() || number.getAsInteger(10, value))
      return "--mlir-debug-counter: expected ACTION-skip=N or ACTION-count=N, "
             "such as pass-execution-skip=3, but got '" +
             entry.str() + "'";
  }
  return {};
}

std::string lora::completeMLIROptions() {
  for (StringRef name :
       {"remarks-filter", "remarks-filter-passed", "remarks-filter-failed",
        "remarks-filter-missed", "remarks-filter-analyse"}) {
    auto *option = static_cast<cl::opt<std::string, true> *>(find(name));
    std::string error;
    if (option && option->getNumOccurrences() &&
        !llvm::Regex(option->getValue()).isValid(error))
      return "--" + name.str() + ": '" + option->getValue() +
             "' is no regular expression: " + error;
  }
  if (std::string error = checkDebugCounters(); !error.empty())
    return error;
  auto isGiven = [](StringRef name) {
    cl::Option *option = find(name);
    return option && option->getNumOccurrences() > 0;
  };
  // Without IR to print, or a pipeline to reproduce, they would do nothing.
  if (isGiven("mlir-pass-pipeline-local-reproducer") &&
      !isGiven("mlir-pass-pipeline-crash-reproducer"))
    return "--mlir-pass-pipeline-local-reproducer: say where to write it: "
           "--mlir-pass-pipeline-crash-reproducer=FILE";
  bool prints = llvm::any_of(
      std::initializer_list<StringRef>{
          "mlir-print-ir-after-all", "mlir-print-ir-before-all",
          "mlir-print-ir-after", "mlir-print-ir-before",
          "mlir-print-ir-after-failure", "mlir-print-ir-after-change"},
      isGiven);
  for (StringRef name :
       {"mlir-print-ir-module-scope", "mlir-print-ir-tree-dir"})
    if (isGiven(name) && !prints)
      return "--" + name.str() +
             ": say which passes to print the IR of, for instance "
             "--mlir-print-ir-after-all";
  if (isGiven("mlir-print-ir-after-change") &&
      !isGiven("mlir-print-ir-after-all") && !isGiven("mlir-print-ir-after") &&
      !isGiven("mlir-print-ir-after-failure"))
    return "--mlir-print-ir-after-change: say which passes to look at: "
           "--mlir-print-ir-after-all, or --mlir-print-ir-after=PASS";
  if (isGiven("mlir-print-ir-tree-dir")) {
    const std::string &folder =
        static_cast<cl::opt<std::string> *>(find("mlir-print-ir-tree-dir"))
            ->getValue();
    if (std::error_code code = llvm::sys::fs::create_directories(folder))
      return "--mlir-print-ir-tree-dir: " + folder +
             " cannot be made: " + code.message();
  }
  for (StringRef name :
       {"mlir-print-ir-module-scope", "mlir-pass-pipeline-local-reproducer",
        "mlir-debug-counter", "log-actions-to", "profile-actions-to"})
    if (isGiven(name) && !isGiven("mlir-disable-threading"))
      find("mlir-disable-threading")
          ->addOccurrence(0, "mlir-disable-threading", "true");
  return {};
}
