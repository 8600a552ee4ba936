//===- OptionNames.h - The names of settings in messages --------*- C++ -*-===//
//
// A setting has one range but two names: a key of generation_config.json, and
// mostly an option of the command line. A message uses the name of the place
// that the setting comes from.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_OPTIONNAMES_H
#define LORA_RUNTIME_GENERATION_OPTIONNAMES_H

#include "lora-runtime/Sampling.h"

namespace lora_rt::generation {

/// Where a setting comes from, and so what it is called in a message.
enum class Source { CommandLine, ConfigFile };

/// `check` with the names of `source`. `where` is put in front of messages.
Error checkOptions(const SamplingOptions &options, int64_t vocabularySize,
                   Source source, const std::string &where);

} // namespace lora_rt::generation

#endif // LORA_RUNTIME_GENERATION_OPTIONNAMES_H
