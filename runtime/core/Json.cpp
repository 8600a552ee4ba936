//===- Json.cpp -----------------------------------------------------------===//

#include "Json.h"

#include <limits>
#include <set>
#include <vector>

namespace lora_rt {

Expected<Json> parseJson(std::string_view text, const std::string &where) {
  // Objects that are open, by nesting; the callback sees each key once.
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  bool tooDeep = false;
  auto watch = [&](int depth, Json::parse_event_t event, Json &value) {
    if (depth > 64) {
      tooDeep = true;
      return false;
    }
    if (event == Json::parse_event_t::object_start) {
      keys.resize(size_t(depth) + 1);
      keys[size_t(depth)].clear();
    } else if (event == Json::parse_event_t::key) {
      const auto *key = value.get_ptr<const Json::string_t *>();
      if (!keys[size_t(depth) - 1].insert(*key).second && duplicate.empty())
        duplicate = *key;
    }
    return true;
  };
  Json value = Json::parse(text.begin(), text.end(), watch,
                           /*allow_exceptions=*/false);
  if (tooDeep)
    return makeError(ErrorCode::InvalidFile, where,
                     ": JSON nested deeper than 64 levels");
  if (value.is_discarded())
    return makeError(ErrorCode::InvalidFile, where,
                     ": not valid JSON; the file is damaged or incomplete");
  if (!duplicate.empty())
    return makeError(ErrorCode::InvalidFile, where, ": the key '", duplicate,
                     "' stands twice in one JSON object");
  return value;
}

bool isIndex(const Json &value) {
  return value.is_number_unsigned() &&
         value.get<uint64_t>() <= uint64_t(std::numeric_limits<int64_t>::max());
}

} // namespace lora_rt
