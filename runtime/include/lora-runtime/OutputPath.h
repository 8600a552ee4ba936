//===- OutputPath.h - Outputs are not inputs --------------------*- C++ -*-===//
//
// A tool that reads `a` and is told to write `a` would lose what it reads. So
// an output is compared with every input before any work begins, by device and
// inode: symbolic links, hard links, "..", relative names and mounts lead to
// the same file under other names.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_OUTPUTPATH_H
#define LORA_RUNTIME_OUTPUTPATH_H

#include "lora-runtime/Error.h"

#include <string>
#include <vector>

namespace lora_rt {

/// Fails if `output`, a file or a folder that need not exist, is one of
/// `inputs` (files and folders), lies in one that is a folder, or is the file
/// that a name in such a folder leads to. Inputs that do not exist are left to
/// those who open them. An empty `output` is none.
Error checkOutput(const std::string &output,
                  const std::vector<std::string> &inputs);

/// The same for a file that is written when the work is done; also fails now if
/// it could not be created then.
Error checkOutputFile(const std::string &output,
                      const std::vector<std::string> &inputs);

} // namespace lora_rt

#endif // LORA_RUNTIME_OUTPUTPATH_H
