//===- Globals.h - The functions that templates may call --------*- C++ -*-===//
//
// Every template has these functions, as in transformers. A variable of the
// conversation or of the template hides the function of its name.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_GLOBALS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_GLOBALS_H

#include "Value.h"

#include <map>
#include <string>

namespace lora_rt::jinja {

/// Adds range, dict, namespace, cycler, joiner, raise_exception and
/// strftime_now.
void addGlobals(std::map<std::string, Value, std::less<>> &names);

/// Whether a name is one of them.
bool isGlobal(std::string_view name);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_GLOBALS_H
