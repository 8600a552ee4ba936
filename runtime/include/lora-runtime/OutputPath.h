//===- OutputPath.h - Outputs are not inputs --------------------*- C++ -*-===//
//
// If a tool read `a` and also wrote `a`, it would destroy its input. So
// an output is compared with every input before any work begins. The comparison
// uses device and inode, because symbolic links, hard links, "..", relative
// names and mounts give one file several names.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_OUTPUTPATH_H
#define LORA_RUNTIME_OUTPUTPATH_H

#include "lora-runtime/Error.h"

#include <string>
#include <vector>

namespace lora_rt {

/// Fails if `output`, a file or folder that need not exist, is one of `inputs`
/// (files and folders), lies in one that is a folder, or is the file that a
/// link in such a folder leads to. Inputs that do not exist are ignored;
/// opening them is an error later. An empty `output` means that there is none.
Error checkOutput(const std::string &output,
                  const std::vector<std::string> &inputs);

/// The same for a file that is written at the end of the work. Also fails now
/// if the file could not be created then.
Error checkOutputFile(const std::string &output,
                      const std::vector<std::string> &inputs);

} // namespace lora_rt

#endif // LORA_RUNTIME_OUTPUTPATH_H
