//===- StopTexts.cpp - Texts that end a text ------------------------------===//
//
// Implements StopTexts: the automaton of Aho and Corasick (1975), on bytes. The
// current node is the longest end of the text that begins a stop text. Its
// bytes wait; all bytes before them are given back.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/StopTexts.h"

using namespace lora_rt;

Expected<StopTexts> StopTexts::create(std::span<const std::string> texts) {
  constexpr size_t most = size_t(1) << 20;
  StopTexts result;
  for (const std::string &text : texts) {
    if (text.empty())
      return makeError(ErrorCode::InvalidArgument,
                       "a stop text is empty; it would end every text");
    if (text.size() + result.nodes.size() > most)
      return makeError(ErrorCode::InvalidArgument,
                       "the stop texts have more than ", most,
                       " bytes together");
    uint32_t node = 0;
    for (char byte : text) {
      uint32_t next = result.find(node, byte);
      if (next == 0) {
        next = uint32_t(result.nodes.size());
        Node added;
        added.byte = byte;
        added.depth = result.nodes[node].depth + 1;
        added.sibling = result.nodes[node].child;
        result.nodes.push_back(added);
        result.nodes[node].child = next;
      }
      node = next;
    }
    if (result.nodes[node].stop < 0)
      result.nodes[node].stop = int32_t(result.sizes.size());
    result.sizes.push_back(text.size());
  }
  result.link();
  return result;
}

/// Sets the links to shorter beginnings, by depth.
void StopTexts::link() {
  std::vector<uint32_t> level = {0};
  for (size_t at = 0; at < level.size(); ++at) {
    uint32_t parent = level[at];
    for (uint32_t node = nodes[parent].child; node;
         node = nodes[node].sibling) {
      if (parent != 0)
        nodes[node].shorter = advance(nodes[parent].shorter, nodes[node].byte);
      if (nodes[node].stop < 0)
        nodes[node].stop = nodes[nodes[node].shorter].stop;
      level.push_back(node);
    }
  }
}

uint32_t StopTexts::find(uint32_t node, char byte) const {
  uint32_t child = nodes[node].child;
  while (child && nodes[child].byte != byte)
    child = nodes[child].sibling;
  return child;
}

uint32_t StopTexts::advance(uint32_t node, char byte) const {
  uint32_t next = find(node, byte);
  while (next == 0 && node != 0) {
    node = nodes[node].shorter;
    next = find(node, byte);
  }
  return next;
}

StopTexts::Step StopTexts::add(std::string_view piece) {
  buffer.erase(0, given);
  given = 0;
  if (found)
    return {"", found};
  size_t begin = buffer.size();
  buffer.append(piece);
  for (size_t at = begin; at < buffer.size(); ++at) {
    current = advance(current, buffer[at]);
    if (int32_t stop = nodes[current].stop; stop >= 0) {
      found = size_t(stop);
      buffer.resize(at + 1 - sizes[*found]);
      given = buffer.size();
      return {buffer, found};
    }
  }
  given = buffer.size() - nodes[current].depth;
  return {std::string_view(buffer).substr(0, given), std::nullopt};
}

std::string_view StopTexts::finish() {
  std::string_view rest = std::string_view(buffer).substr(given);
  given = buffer.size();
  current = 0;
  return rest;
}

void StopTexts::reset() {
  buffer.clear();
  given = 0;
  current = 0;
  found.reset();
}
