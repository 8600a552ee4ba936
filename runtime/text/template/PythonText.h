//===- PythonText.h - Characters as Python's str methods see them -*- C++ -*-=//
//
// Case and classes of characters by utf8proc's tables, with Python's rules for
// letters whose other case has several characters.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_PYTHONTEXT_H
#define LORA_RUNTIME_TEXT_TEMPLATE_PYTHONTEXT_H

#include <string>
#include <string_view>

namespace lora_rt::jinja {

std::string toUpper(std::string_view text);
std::string toLower(std::string_view text);
/// str.title(), str.capitalize(), str.swapcase() and str.casefold().
std::string toTitle(std::string_view text);
std::string toCapitalized(std::string_view text);
std::string swapCase(std::string_view text);
std::string foldCase(std::string_view text);

bool isUpperLetter(char32_t character);
bool isLowerLetter(char32_t character);
bool isTitleLetter(char32_t character);
bool isAlphabetic(char32_t character);
/// The value of a decimal digit of any script, or -1.
int decimalDigit(char32_t character);
/// str.isdigit(): decimal digits, and those that are written otherwise: ².
bool isDigitLike(char32_t character);
bool isNumberLike(char32_t character);
/// Whether repr() shows the character itself.
bool isPrintable(char32_t character);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_PYTHONTEXT_H
