//===- ResultJson.cpp - Results of texts as JSON --------------------------===//
//
// The objects that --json prints, and that programs in other languages get. A
// number is the shortest one that reads back as the same float.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "lora-runtime/TextEncoder.h"

#include <charconv>

namespace lora_rt {

namespace {

OrderedJson number(double value) {
  std::string text = numberText(float(value));
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::string dump(const OrderedJson &json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

/// The number of characters before a byte of a text.
size_t charactersBefore(std::string_view text, size_t byte) {
  size_t count = 0;
  for (char c : text.substr(0, byte))
    count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

} // namespace

std::string numberText(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

std::string classesJson(const Classification &result,
                        std::span<const std::string> labels) {
  OrderedJson json;
  json["label"] = labels[result.label];
  OrderedJson &scores = json["scores"] = OrderedJson::object();
  for (size_t label = 0; label < labels.size(); ++label)
    scores[labels[label]] = number(result.scores[label]);
  return dump(json);
}

std::string fillingsJson(std::span<const std::vector<MaskFilling>> places) {
  OrderedJson masks = OrderedJson::array();
  for (const std::vector<MaskFilling> &place : places) {
    OrderedJson fillings = OrderedJson::array();
    for (const MaskFilling &filling : place)
      fillings.push_back({{"id", filling.id},
                          {"token", filling.token},
                          {"score", number(filling.score)},
                          {"text", filling.text}});
    masks.push_back(std::move(fillings));
  }
  return dump({{"masks", std::move(masks)}});
}

std::string tagsJson(std::string_view text, std::span<const TextTag> tags) {
  OrderedJson all = OrderedJson::array();
  for (const TextTag &tag : tags)
    all.push_back({{"label", tag.label},
                   {"score", number(tag.score)},
                   {"word", tag.word},
                   {"start", charactersBefore(text, tag.range.begin)},
                   {"end", charactersBefore(text, tag.range.end)}});
  return dump({{"tags", std::move(all)}});
}

} // namespace lora_rt
