//===- AdapterPart.cpp - What a compiled file says of its adapter ---------===//
//
// Reads and writes the part `adapter` of docs/executable-format.md. An unknown
// key is an error.
//
//===----------------------------------------------------------------------===//

#include "../core/JsonFields.h"
#include "lora-runtime/CompiledFile.h"

namespace lora_rt {

Error addAdapterPart(PayloadWriter &writer, const CarriedAdapter &adapter) {
  Json json;
  json["name"] = adapter.name;
  json["checksum"] = adapter.checksum;
  json["merged"] = adapter.merged;
  return writer.addPart(
      adapterPart, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Expected<std::optional<CarriedAdapter>>
readAdapterPart(const Payload &payload) {
  if (!payload.find(adapterPart))
    return std::optional<CarriedAdapter>();
  Expected<std::span<const std::byte>> bytes = payload.verified(adapterPart);
  if (!bytes)
    return bytes.takeError();
  std::string where = payload.path() + ": part 'adapter'";
  Expected<Json> json = parseJson(
      {reinterpret_cast<const char *>(bytes->data()), bytes->size()}, where);
  if (!json)
    return json.takeError();
  Fields fields(*json, where);
  CarriedAdapter adapter;
  adapter.name = fields.text("name");
  adapter.checksum = fields.text("checksum");
  adapter.merged = fields.flag("merged");
  if (Error error = fields.finish())
    return error;
  return std::optional(std::move(adapter));
}

} // namespace lora_rt
