//===- StringLiteral.h - The escapes of a string ----------------*- C++ -*-===//
//
// What jinja2 makes of the characters between quotes: Python's escapes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_STRINGLITERAL_H
#define LORA_RUNTIME_TEXT_TEMPLATE_STRINGLITERAL_H

#include <string>
#include <string_view>

namespace lora_rt::jinja {

/// Replaces the escapes in `text`, which is valid UTF-8. Returns false, and
/// what is wrong, for an escape that is damaged.
bool unescape(std::string_view text, std::string &out, std::string &problem);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_STRINGLITERAL_H
