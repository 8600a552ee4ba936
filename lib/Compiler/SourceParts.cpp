//===- SourceParts.cpp - What a compiled file was made of -----------------===//
//
// Implements SourceParts.h by adding the parts `graph` and `adapter`.
//
//===----------------------------------------------------------------------===//

#include "SourceParts.h"
#include "lora-runtime/CompiledFile.h"

using lora_rt::Error;

Error lora::addSourceParts(lora_rt::PayloadWriter &writer,
                           const std::string &graph,
                           const ModelOptions &options) {
  if (Error error = writer.addPart(lora_rt::graphPart, graph))
    return error;
  if (options.adapters.empty())
    return Error::success();
  auto checksum = adaptersChecksum(options.adapters);
  if (!checksum)
    return checksum.takeError();
  return lora_rt::addAdapterPart(writer, {describeAdapters(options.adapters),
                                          std::move(*checksum), options.merge});
}
