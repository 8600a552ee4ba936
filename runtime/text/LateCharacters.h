//===- LateCharacters.h - Characters that PCRE2 does not know ---*- C++ -*-===//
//
// PCRE2's tables of characters may be older than utf8proc's. Therefore the
// classes in an expression also name the characters that PCRE2 does not know.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_LATECHARACTERS_H
#define LORA_RUNTIME_TEXT_LATECHARACTERS_H

#include "../core/Json.h"

namespace lora_rt::text {

/// Adds, to the classes \p{P...} and \p{S...} of all expressions in a
/// component, the characters that utf8proc has in the class, but that PCRE2's
/// older tables do not have: new emoji, for example. It is done when a
/// tokenizer is made, so that opening a stored one does not search them.
void addLateCharacters(Json &component);

/// The same for one expression in Oniguruma's syntax.
std::string withLateCharacters(const std::string &expression);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_LATECHARACTERS_H
