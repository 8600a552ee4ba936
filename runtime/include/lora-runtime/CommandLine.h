//===- CommandLine.h - Checks of numbers on the command line ----*- C++ -*-===//
//
// The messages name what was expected; CLI11's own print the largest double.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_COMMANDLINE_H
#define LORA_RUNTIME_COMMANDLINE_H

#include <CLI/CLI.hpp>
#include <cmath>

namespace lora_rt::cli {

/// A number above zero, neither infinite nor NaN; an option's type decides
/// whether it may have a fraction.
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

/// A number from zero up, neither infinite nor NaN.
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
