//===- LabelSettings.cpp - The labels of a config.json --------------------===//
//
// Reads `id2label` and `problem_type` of a config.json. Labels have the numbers
// from 0 without holes; anything else is refused. If a classifier has another
// number of labels, their names are transformers' default: LABEL_0, LABEL_1 and
// so on.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "lora-runtime/EncoderSettings.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <charconv>

namespace lora_rt {

namespace {

template <typename... Parts> Error invalid(const Parts &...parts) {
  return makeError(ErrorCode::InvalidFile, parts...);
}

/// More labels than any classifier has.
constexpr uint64_t maxLabels = 1 << 20;

/// An object with the label of each number.
Error readNames(const Json &json, const std::string &where,
                std::vector<std::string> &names) {
  if (!json.is_object())
    return invalid(where, ": id2label: expected an object of labels by number");
  std::vector<const Json *> labels(std::min<uint64_t>(json.size(), maxLabels));
  for (const auto &[key, label] : json.items()) {
    uint64_t number = 0;
    auto [end, code] =
        std::from_chars(key.data(), key.data() + key.size(), number);
    if (code != std::errc() || end != key.data() + key.size())
      return invalid(where, ": id2label: expected numbers as keys, but got '",
                     key, "'");
    if (number >= labels.size())
      return invalid(where, ": id2label: ", json.size(),
                     " labels, but one has "
                     "the number ",
                     number, "; expected 0 to ", json.size() - 1,
                     " without holes");
    if (labels[number])
      return invalid(where, ": id2label: two labels have the number ", number);
    labels[number] = &label;
  }
  for (const Json *label : labels)
    names.push_back(label->is_string() ? label->get<std::string>()
                                       : label->dump());
  return Error::success();
}

Expected<ProblemType> parseProblem(const std::string &name,
                                   const std::string &where) {
  for (size_t type = 0; type < problemTypeNames.size(); ++type)
    if (name == problemTypeNames[type])
      return ProblemType(type);
  return invalid(where,
                 ": problem_type: expected regression, "
                 "single_label_classification or multi_label_classification, "
                 "but got '",
                 name, "'");
}

} // namespace

std::vector<std::string> LabelSettings::namesOf(int64_t count) const {
  if (int64_t(names.size()) == count)
    return names;
  std::vector<std::string> result;
  for (int64_t label = 0; label < count; ++label)
    result.push_back("LABEL_" + std::to_string(label));
  return result;
}

Expected<LabelSettings> LabelSettings::load(const std::string &path) {
  Expected<std::string> folder = findFolder(path, FolderKind::Model);
  if (!folder)
    return folder.takeError();
  std::string file = *folder + "/config.json";
  if (!isFile(file))
    return missingConfig(*folder, FolderKind::Model);
  Expected<std::string> text = readTextFile(file);
  if (!text)
    return text.takeError();
  return fromConfig(*text, file);
}

Expected<LabelSettings> LabelSettings::fromConfig(std::string_view text,
                                                  const std::string &where) {
  Expected<Json> json = parseJson(text, where);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return invalid(where, ": expected a JSON object");
  LabelSettings settings;
  if (auto names = json->find("id2label");
      names != json->end() && !names->is_null())
    if (Error error = readNames(*names, where, settings.names))
      return error;
  if (auto problem = json->find("problem_type");
      problem != json->end() && !problem->is_null()) {
    Expected<ProblemType> type = parseProblem(
        problem->is_string() ? problem->get<std::string>() : problem->dump(),
        where);
    if (!type)
      return type.takeError();
    settings.problem = *type;
  }
  return settings;
}

Expected<LabelSettings> LabelSettings::make(std::vector<std::string> names,
                                            const std::string &problemType,
                                            const std::string &where) {
  Expected<ProblemType> problem = parseProblem(problemType, where);
  if (!problem)
    return problem.takeError();
  return LabelSettings{std::move(names), *problem};
}

} // namespace lora_rt
