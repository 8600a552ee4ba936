//===- CommandLine.cpp - Command lines that LLVM parses -------------------===//
//
// Implements CommandLine.h. LLVM prints an error to standard error: the text is
// captured. If names or the number of arguments are wrong, they are found here
// again. Otherwise a value is wrong, and LLVM's text about it is reworded.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/CommandLine.h"
#include "lora-runtime/Checkpoint.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/mman.h>
#include <unistd.h>

namespace cl = llvm::cl;
using llvm::StringRef;

std::string lora::captureOutput(int descriptor,
                                llvm::function_ref<void()> print) {
  llvm::outs().flush();
  int memory = memfd_create("output", MFD_CLOEXEC);
  int before = dup(descriptor);
  std::string text;
  if (memory >= 0 && before >= 0 && dup2(memory, descriptor) >= 0) {
    print();
    llvm::outs().flush();
    dup2(before, descriptor);
    off_t size = lseek(memory, 0, SEEK_END);
    if (auto buffer = llvm::MemoryBuffer::getOpenFileSlice(memory, "output",
                                                           uint64_t(size), 0);
        buffer && size > 0)
      text = (*buffer)->getBuffer().str();
  } else {
    print();
  }
  if (memory >= 0)
    close(memory);
  if (before >= 0)
    close(before);
  return text;
}

static std::string withDashes(StringRef name) {
  return (name.size() == 1 ? "-" : "--") + name.str();
}

/// "unknown option '--nam': did you mean '--name'?"
static std::string unknownOption(StringRef argument) {
  std::vector<std::string> names;
  for (const auto &[name, option] : cl::getRegisteredOptions())
    if (option->getOptionHiddenFlag() != cl::ReallyHidden)
      names.push_back(withDashes(name));
  llvm::sort(names);
  std::string given = argument.split('=').first.str();
  return "unknown option '" + given + "'" +
         lora_rt::suggestion(withDashes(StringRef(given).ltrim('-')),
                             {names.begin(), names.end()});
}

/// What is wrong with the names of options, or with the number of arguments.
static std::string findMistake(llvm::ArrayRef<const char *> arguments) {
  size_t numGiven = 0;
  const auto &positional = cl::SubCommand::getTopLevel().PositionalOpts;
  bool takesAny = llvm::any_of(positional, [](const cl::Option *option) {
    return option->getNumOccurrencesFlag() == cl::ZeroOrMore ||
           option->getNumOccurrencesFlag() == cl::OneOrMore;
  });
  bool isAfterDashes = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (isAfterDashes || argument == "-" || !argument.starts_with("-")) {
      if (++numGiven > positional.size() && !takesAny)
        return "unexpected argument '" + argument.str() + "'";
      continue;
    }
    if (argument == "--") {
      isAfterDashes = true;
      continue;
    }
    StringRef name = argument.drop_front(argument.starts_with("--") ? 2 : 1);
    bool hasValue = name.contains('=');
    name = name.split('=').first;
    cl::Option *option = cl::getRegisteredOptions().lookup(name);
    if (!option)
      return unknownOption(argument);
    if (!hasValue && option->getValueExpectedFlag() == cl::ValueRequired &&
        ++i == arguments.size())
      return withDashes(name) + ": expected a value";
  }
  for (auto [index, option] : llvm::enumerate(positional))
    if (index >= numGiven && (option->getNumOccurrencesFlag() == cl::Required ||
                              option->getNumOccurrencesFlag() == cl::OneOrMore))
      return option->HelpStr.str() + " is required";
  return {};
}

/// The error if an option for one value was given several times.
static std::string findRepeated() {
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (option->getNumOccurrences() > 1 &&
        option->getNumOccurrencesFlag() != cl::ZeroOrMore &&
        option->getNumOccurrencesFlag() != cl::OneOrMore &&
        option->getValueExpectedFlag() == cl::ValueRequired)
      return withDashes(name) + ": given " +
             std::to_string(option->getNumOccurrences()) +
             " times; give it once";
  return {};
}

/// The values of an option that has a list of them, such as names of passes.
static std::vector<std::string> valuesOf(StringRef name) {
  llvm::SmallVector<StringRef> values;
  if (cl::Option *option = cl::getRegisteredOptions().lookup(name)) {
    // LLVM tells the values of an option without a name: they are options then.
    StringRef own = std::exchange(option->ArgStr, StringRef());
    option->getExtraOptionNames(values);
    option->ArgStr = own;
  }
  return {values.begin(), values.end()};
}

/// Rewords what LLVM says of a value of the option `name`.
static std::string rewordValueError(StringRef name, StringRef text) {
  StringRef value = text;
  value.consume_front("Cannot find option named ");
  value.consume_front("does not allow a value! ");
  value = value.consume_front("'") ? value.split('\'').first : StringRef();
  std::string got = ", but got '" + value.str() + "'";
  if (text.starts_with("Cannot find option named ")) {
    // A value after a space is another argument where a value is optional.
    if (value.empty())
      return "expected a value after '=', as in " + withDashes(name) + "=VALUE";
    std::vector<std::string> values = valuesOf(name);
    std::string near =
        lora_rt::suggestion(value, {values.begin(), values.end()});
    if (near.empty() && !values.empty() && values.size() <= 10)
      near = "; known: " + llvm::join(values, ", ");
    return "unknown value '" + value.str() + "'" + near;
  }
  if (text.starts_with("does not allow a value"))
    return "expected no value" + got;
  if (text.starts_with("requires a value"))
    return "expected a value";
  if (text.contains("invalid value for boolean argument"))
    return "expected true or false" + got;
  if (auto [before, type] = text.split(" value invalid for "); !type.empty())
    return std::string(type.starts_with("floating") ? "expected a number"
                       : type.starts_with("u")
                           ? "expected a whole number from 0 up"
                           : "expected a whole number") +
           got;
  return text.rtrim('!').str();
}

std::string lora::rewordOptionError(StringRef printed) {
  StringRef line = printed.trim().split('\n').first;
  auto [program, text] = line.split(": ");
  if (!text.consume_front("for the "))
    return text.empty() ? line.str() : text.rtrim('!').str();
  auto [name, what] = text.split(" option: ");
  return name.str() + ": " + rewordValueError(name.ltrim('-'), what);
}

std::string lora::parseCommandLine(int argc, const char *const *argv,
                                   StringRef overview) {
  llvm::ArrayRef<const char *> arguments(argv + 1,
                                         size_t(std::max(argc, 1)) - 1);
  bool endsProcess = llvm::any_of(arguments, [](StringRef argument) {
    StringRef name = argument.ltrim('-');
    return name.size() < argument.size() &&
           (name.starts_with("help") || name == "version");
  });
  if (endsProcess) {
    cl::ParseCommandLineOptions(argc, argv, overview);
    return {};
  }
  std::string program = llvm::sys::path::filename(argv[0]).str();
  std::string advice = "\nRun " + program + " --help for the options.";
  bool isParsed = false;
  std::string printed = captureOutput(STDERR_FILENO, [&] {
    isParsed = cl::ParseCommandLineOptions(argc, argv, overview, &llvm::errs());
  });
  if (!isParsed) {
    // Arguments may also be in a file, which LLVM reads.
    bool isWhole = llvm::none_of(arguments, [](StringRef argument) {
      return argument.starts_with("@");
    });
    std::string mistake = isWhole ? findMistake(arguments) : std::string();
    return (mistake.empty() ? rewordOptionError(printed) : mistake) + advice;
  }
  llvm::errs() << printed;
  std::string repeated = findRepeated();
  return repeated.empty() ? repeated : repeated + advice;
}
