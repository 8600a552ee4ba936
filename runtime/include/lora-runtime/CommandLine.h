//===- CommandLine.h - Checks of numbers on the command line ----*- C++ -*-===//
//
// The messages say what was expected; CLI11's own messages print the largest
// double.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_COMMANDLINE_H
#define LORA_RUNTIME_COMMANDLINE_H

#include <CLI/CLI.hpp>
#include <cmath>

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

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_COMMANDLINE_H
