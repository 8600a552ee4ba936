//===- TextPart.cpp - The part `text` of a compiled file ------------------===//
//
// Writes and reads TextSettings as JSON, and reads the chat templates of a
// folder. An unknown key of the part is an error, because it would change what
// the model answers.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/TextPart.h"
#include "../core/JsonFields.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <filesystem>

namespace lora_rt {

namespace {

constexpr uint64_t maxTemplateBytes = uint64_t(4) << 20;
constexpr uint64_t maxConfigBytes = uint64_t(256) << 20;

std::string dump(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// An object inside the part, as text.
std::string objectText(Fields &fields, const char *key) {
  const Json *value = fields.take(key);
  if (!value)
    return {};
  if (!value->is_object())
    fields.fail("expected an object for '", key, "'");
  return dump(*value);
}

Error addTemplate(std::map<std::string, std::string> &templates,
                  const std::string &name, const std::string &path) {
  Expected<std::string> source = readTextFile(path, maxTemplateBytes);
  if (!source)
    return source.takeError();
  templates[name] = std::move(*source);
  return Error::success();
}

/// The templates that have files of their own.
Expected<std::map<std::string, std::string>>
readTemplateFiles(const std::string &folder) {
  std::map<std::string, std::string> templates;
  std::string single = folder + "/chat_template.jinja";
  if (isFile(single))
    if (Error error = addTemplate(templates, "default", single))
      return error;
  std::error_code code;
  std::filesystem::directory_iterator it(folder + "/additional_chat_templates",
                                         code),
      end;
  for (; !code && it != end; it.increment(code)) {
    if (it->path().extension() != ".jinja" || !isFile(it->path().string()))
      continue;
    if (Error error = addTemplate(templates, it->path().stem().string(),
                                  it->path().string()))
      return error;
  }
  return templates;
}

} // namespace

Expected<std::map<std::string, std::string>>
readChatTemplates(const std::string &path) {
  Expected<std::string> folder = findFolder(path, FolderKind::Model);
  if (!folder)
    return folder.takeError();
  Expected<std::map<std::string, std::string>> templates =
      readTemplateFiles(*folder);
  if (!templates || !templates->empty())
    return templates;
  std::string config = *folder + "/tokenizer_config.json";
  if (!isFile(config))
    return templates;
  Expected<Json> json = readJsonFile(config, maxConfigBytes);
  if (!json)
    return json.takeError();
  auto found = json->is_object() ? json->find("chat_template") : json->end();
  if (found == json->end() || found->is_null())
    return templates;
  if (found->is_string()) {
    (*templates)["default"] = found->get<std::string>();
    return templates;
  }
  auto refuse = [&] {
    return makeError(ErrorCode::InvalidFile, config,
                     ": expected a text for 'chat_template', or a list of "
                     "objects with a 'name' and a 'template'");
  };
  if (!found->is_array())
    return refuse();
  for (const Json &entry : *found) {
    if (!entry.is_object() || !entry.contains("name") ||
        !entry["name"].is_string() || !entry.contains("template") ||
        !entry["template"].is_string())
      return refuse();
    (*templates)[entry["name"].get<std::string>()] =
        entry["template"].get<std::string>();
  }
  return templates;
}

Expected<const std::string *> chooseChatTemplate(const TextSettings &settings,
                                                 bool hasTools,
                                                 const std::string &where) {
  for (const char *name : {"tool_use", "default"}) {
    auto found = settings.templates.find(name);
    if (found != settings.templates.end() && (hasTools || *name == 'd'))
      return &found->second;
  }
  if (settings.templates.empty())
    return makeError(
        ErrorCode::Unsupported, where,
        ": the model has no chat template, so it takes no messages; give it a "
        "text, or compile it from a folder with chat_template.jinja");
  std::vector<std::string> names;
  for (const auto &[name, source] : settings.templates)
    names.push_back(name);
  return makeError(ErrorCode::Unsupported, where, ": the chat templates are ",
                   quotedNames(names),
                   ", and none is called 'default'; rename one of them in the "
                   "model's folder, and compile it again");
}

Error addTextPart(PayloadWriter &writer, std::string_view part,
                  const TextSettings &settings) {
  Json json = Json::object();
  for (const auto &[key, text] : {std::pair<const char *, const std::string &>{
                                      "tokenizer_of", settings.tokenizerOf},
                                  {"templates_of", settings.templatesOf},
                                  {"pooling_of", settings.poolingOf},
                                  {"problem_type", settings.problemType}})
    if (!text.empty())
      json[key] = text;
  if (!settings.templates.empty())
    json["templates"] = settings.templates;
  if (!settings.labels.empty())
    json["labels"] = settings.labels;
  for (const auto &[key, text] : {std::pair<const char *, const std::string &>{
                                      "generation", settings.generation},
                                  {"pooling", settings.pooling}}) {
    if (text.empty())
      continue;
    Expected<Json> object = parseJson(text, key);
    if (!object)
      return object.takeError();
    json[key] = std::move(*object);
  }
  return writer.addPart(part, dump(json));
}

Expected<std::optional<TextSettings>> readTextPart(const Payload &payload,
                                                   std::string_view part) {
  if (!payload.find(part))
    return std::optional<TextSettings>();
  Expected<std::span<const std::byte>> bytes = payload.verified(part);
  if (!bytes)
    return bytes.takeError();
  std::string where = payload.path() + ": part '" + std::string(part) + "'";
  Expected<Json> json = parseJson(
      {reinterpret_cast<const char *>(bytes->data()), bytes->size()}, where);
  if (!json)
    return json.takeError();
  Fields fields(*json, where);
  TextSettings settings;
  for (const auto &[key, text] : {std::pair<const char *, std::string &>{
                                      "tokenizer_of", settings.tokenizerOf},
                                  {"templates_of", settings.templatesOf},
                                  {"pooling_of", settings.poolingOf},
                                  {"problem_type", settings.problemType}})
    if (fields.has(key))
      text = fields.text(key);
  if (const Json *templates = fields.take("templates")) {
    if (!templates->is_object())
      fields.fail("expected an object for 'templates'");
    else
      for (const auto &[name, source] : templates->items()) {
        if (!source.is_string())
          fields.fail("expected a text for the template '", name, "'");
        else
          settings.templates[name] = source.get<std::string>();
      }
  }
  for (const Json &label : fields.list("labels")) {
    if (!label.is_string())
      fields.fail("expected texts in 'labels'");
    else
      settings.labels.push_back(label.get<std::string>());
  }
  settings.generation = objectText(fields, "generation");
  settings.pooling = objectText(fields, "pooling");
  if (Error error = fields.finish())
    return error;
  return std::optional(std::move(settings));
}

} // namespace lora_rt
