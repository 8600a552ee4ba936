//===- CommandLine.h - Command lines that CLI11 parses ----------*- C++ -*-===//
//
// The messages name what was expected, and the name that is near to a wrong
// one. CLI11's own print the largest double, and miss a wrong name where
// something else is missing.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_COMMANDLINE_H
#define LORA_RUNTIME_COMMANDLINE_H

#include "lora-runtime/Checkpoint.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace lora_rt::cli {

/// A number greater than zero, neither infinite nor NaN. The type of the option
/// decides whether it may have a fraction.
inline CLI::Validator positiveNumber() {
  return CLI::Validator(
      [](std::string &text) {
        double value = 0;
        bool fits = CLI::detail::lexical_cast(text, value) &&
                    std::isfinite(value) && value > 0;
        return fits ? std::string()
                    : "expected a number above 0, but got '" + text + "'";
      },
      "ABOVE 0");
}

/// A number of zero or more, neither infinite nor NaN.
inline CLI::Validator nonNegativeNumber() {
  return CLI::Validator(
      [](std::string &text) {
        double value = 0;
        bool fits = CLI::detail::lexical_cast(text, value) &&
                    std::isfinite(value) && value >= 0;
        return fits ? std::string()
                    : "expected a number from 0 up, but got '" + text + "'";
      },
      "FROM 0 UP");
}

/// A whole number from 0 on that fits 64 bits.
inline CLI::Validator wholeNumber() {
  return CLI::Validator(
      [](std::string &text) {
        uint64_t value = 0;
        auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), value);
        bool fits = error == std::errc() && end == text.data() + text.size();
        return fits ? std::string()
                    : "expected a whole number from 0 to "
                      "18446744073709551615, but got '" +
                          text + "'";
      },
      "FROM 0 UP");
}

namespace detail {

inline std::string nearNames(const std::string &wanted,
                             const std::vector<std::string> &names) {
  return suggestion(wanted, {names.begin(), names.end()});
}

/// What is wrong with a command line that `app` did not take. A wrong name is
/// told before what is missing: it may be what was meant.
inline std::string mistakeOf(const CLI::App &app, const CLI::Error &error,
                             std::vector<std::string> names) {
  std::vector<std::string> commands;
  for (const CLI::App *command : app.get_subcommands({}))
    commands.push_back(command->get_name());
  const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
  const bool needsCommand = !commands.empty() && app.get_subcommands().empty();
  for (const std::string &argument : rest) {
    // It ends the options.
    if (argument == "--")
      continue;
    const bool isOption = argument.size() > 1 && argument[0] == '-';
    if (isOption) {
      for (const CLI::App *command = &app; command;
           command = command->get_subcommands().empty()
                         ? nullptr
                         : command->get_subcommands().front())
        for (const CLI::Option *option : command->get_options()) {
          for (const std::string &name : option->get_lnames())
            names.push_back("--" + name);
          for (const std::string &name : option->get_snames())
            names.push_back("-" + name);
        }
      std::string name = argument.substr(0, argument.find('='));
      const std::vector<std::string> own = app.remaining();
      if (!commands.empty() &&
          std::find(own.begin(), own.end(), argument) != own.end())
        return "'" + name + "' stands before the command; begin with one of: " +
               CLI::detail::join(commands, ", ");
      return "unknown option '" + name + "'" + nearNames(name, names);
    } else if (needsCommand) {
      return "unknown command '" + argument + "'" +
             nearNames(argument, commands);
    }
  }
  if (needsCommand)
    return "expected a command, one of: " + CLI::detail::join(commands, ", ");
  // The error is named after the command.
  if (error.get_exit_code() == int(CLI::ExitCodes::ExtrasError) &&
      !rest.empty())
    return "unexpected argument '" + rest.back() + "'";
  std::string what = error.what();
  // CLI11's own: "Could not convert: --top-k = x", and "--top-k: At Most 1
  // required but received 2".
  constexpr std::string_view unread = "Could not convert: ", equals = " = ",
                             most = ": At Most 1 required but received ";
  if (size_t place = what.find(equals);
      what.starts_with(unread) && place != std::string::npos)
    return what.substr(unread.size(), place - unread.size()) +
           ": expected a number, but got '" +
           what.substr(place + equals.size()) + "'";
  if (size_t place = what.find(most); place != std::string::npos)
    return what.substr(0, place) + ": given " +
           what.substr(place + most.size()) + " times; give it once";
  return what;
}

} // namespace detail

/// Parses a command line. Returns the code to exit with, if the program is to
/// end: after --help, and after a mistake, which is printed behind `prefix`,
/// such as "lora-train: error: ". `otherNames` are options, with their dashes,
/// that were taken out before.
inline std::optional<int>
parse(CLI::App &app, int argc, const char *const *argv,
      const std::string &prefix,
      const std::vector<std::string> &otherNames = {}) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) {
    return app.exit(help);
  } catch (const CLI::Error &error) {
    std::string program = app.get_name();
    std::fprintf(
        stderr, "%s%s\nRun %s --help for the options.\n", prefix.c_str(),
        detail::mistakeOf(app, error, otherNames).c_str(), program.c_str());
    return 1;
  }
  return std::nullopt;
}

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_COMMANDLINE_H
