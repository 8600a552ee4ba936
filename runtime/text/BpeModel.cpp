//===- BpeModel.cpp - Byte pair encoding ----------------------------------===//
//
// The pair with the lowest rank is merged first; among equal ranks, the
// leftmost one. A heap does this in N log N steps for N characters. A long word
// is first split between characters that no merge joins. The parts are short,
// and most of them are in the cache. The result is the same as for the whole
// word.
//
//===----------------------------------------------------------------------===//

#include "BpeTables.h"
#include "Unicode.h"

#include <algorithm>

namespace lora_rt::text {

namespace {

constexpr uint32_t none = Trie::none;

class BpeModel final : public Model {
public:
  BpeModel(Vocabulary vocabulary, BpeOptions options, std::string where)
      : Model(std::move(vocabulary), std::move(where)),
        options(std::move(options)) {
    // As in the library, an unknown token that is not there is an error only
    // when it is needed.
    if (this->options.unknown)
      unknownId = pieces.id(*this->options.unknown).value_or(none);
    if (this->options.byteFallback) {
      byteIds = byteFallbackIds(pieces);
      hasAllBytes = std::count(byteIds.begin(), byteIds.end(), none) == 0;
    }
    if (pieces.isByteLevel())
      for (int byte = 0; byte < 256; ++byte) {
        char c = char(byte);
        byteSymbols[byte] = pieces.trie().find({&c, 1});
      }
  }

  Error setMerges(const MergeTexts &texts) {
    std::vector<uint32_t> substitutes = byteIds;
    substitutes.push_back(unknownId);
    Expected<BpeTables> built =
        BpeTables::build(pieces, texts, options, substitutes, where);
    if (!built)
      return built.takeError();
    tables = std::move(*built);
    return Error::success();
  }
  void readMerges(StoreReader &reader) { tables = BpeTables::read(reader); }

  void store(StoreWriter &writer) const override { tables.store(writer); }

  Error tokenize(std::string_view word, ModelState &state,
                 std::vector<Piece> &result) const override {
    if (options.ignoreMerges)
      if (uint32_t id = pieces.trie().find(word); id != none) {
        result.push_back({id, 0, uint32_t(word.size())});
        return Error::success();
      }
    uint32_t end = 0;
    if (word.size() <= WordCache::maxWordBytes || !tables.canSplit())
      return part(word, state, end, result);
    for (size_t at = 0; at < word.size();) {
      size_t behind = nextCut(word, at);
      if (Error error = part(word.substr(at, behind - at), state, end, result))
        return error;
      at = behind;
    }
    return Error::success();
  }

private:
  BpeOptions options;
  uint32_t unknownId = none;
  std::vector<uint32_t> byteIds;
  uint32_t byteSymbols[256];
  bool hasAllBytes = false;
  BpeTables tables;

  /// The byte or character at `at`; advances `at`.
  char32_t nextUnit(std::string_view word, size_t &at) const {
    if (pieces.isByteLevel())
      return static_cast<unsigned char>(word[at++]);
    return nextCharacter(word, at);
  }

  bool isKnown(std::string_view unit) const {
    return pieces.trie().find(unit) != none;
  }

  /// The end of the part of `word` that begins at `at`.
  size_t nextCut(std::string_view word, size_t at) const {
    size_t unitStart = at;
    char32_t left = nextUnit(word, at);
    while (at < word.size()) {
      size_t cut = at;
      char32_t right = nextUnit(word, at);
      // An unknown character may be removed, or be fused with its neighbour.
      if (!tables.mayJoin(left, right) &&
          (hasAllBytes || (isKnown(word.substr(unitStart, cut - unitStart)) &&
                           isKnown(word.substr(cut, at - cut)))))
        return cut;
      left = right;
      unitStart = cut;
    }
    return word.size();
  }

  Error part(std::string_view word, ModelState &state, uint32_t &end,
             std::vector<Piece> &result) const {
    std::span<const WordCache::Item> items;
    bool isCached = word.size() <= WordCache::maxWordBytes;
    if (isCached)
      items = state.cache.find(word);
    if (items.empty()) {
      if (Error error = setSymbols(word, state))
        return error;
      if (state.symbols.size() <= 24)
        mergeShort(state);
      else
        mergeLong(state);
      items = state.items;
      if (isCached)
        state.cache.insert(word, items);
    }
    for (WordCache::Item item : items) {
      result.push_back({item.id, end, end + item.bytes});
      end += item.bytes;
    }
    return Error::success();
  }

  Error setSymbols(std::string_view word, ModelState &state) const {
    std::vector<ModelState::Symbol> &symbols = state.symbols;
    symbols.clear();
    auto add = [&](uint32_t id, uint32_t bytes) {
      symbols.push_back({id, bytes, int32_t(symbols.size()) - 1,
                         int32_t(symbols.size()) + 1});
    };
    uint32_t unknownBytes = 0;
    auto flush = [&] {
      if (unknownBytes)
        add(unknownId, unknownBytes);
      unknownBytes = 0;
    };
    bool isPlain = options.prefix.empty() && options.suffix.empty();
    std::string decorated;
    for (size_t at = 0; at < word.size();) {
      size_t begin = at;
      uint32_t id;
      std::string_view unit;
      if (pieces.isByteLevel()) {
        id = byteSymbols[static_cast<unsigned char>(word[at++])];
        unit = word.substr(begin, 1);
      } else {
        nextCharacter(word, at);
        unit = word.substr(begin, at - begin);
        if (!isPlain) {
          decorated.clear();
          if (begin)
            decorated += options.prefix;
          decorated += unit;
          if (at == word.size())
            decorated += options.suffix;
          unit = decorated;
        }
        id = pieces.trie().find(unit);
      }
      uint32_t bytes = uint32_t(at - begin);
      if (id != none) {
        flush();
        add(id, bytes);
        continue;
      }
      if (options.byteFallback) {
        bool isWhole = true;
        for (char c : unit)
          isWhole &= byteIds[static_cast<unsigned char>(c)] != none;
        if (isWhole) {
          for (char c : unit)
            add(byteIds[static_cast<unsigned char>(c)], 1);
          continue;
        }
      }
      if (!options.unknown)
        continue;
      if (unknownId == none)
        return makeError(ErrorCode::InvalidFile, where, ": the unknown token '",
                         *options.unknown, "' is not in the vocabulary");
      if (!options.fuseUnknown)
        flush();
      unknownBytes += bytes;
    }
    flush();
    if (!symbols.empty())
      symbols.back().next = -1;
    return Error::success();
  }

  /// For few symbols: searches the best pair in each step.
  void mergeShort(ModelState &state) const {
    std::vector<ModelState::Symbol> &symbols = state.symbols;
    size_t count = symbols.size();
    const Merge *pairs[24];
    for (size_t i = 0; i + 1 < count; ++i)
      pairs[i] = tables.findMerge(symbols[i].id, symbols[i + 1].id);
    while (count > 1) {
      size_t best = count;
      for (size_t i = 0; i + 1 < count; ++i)
        if (pairs[i] && (best == count || pairs[i]->rank < pairs[best]->rank))
          best = i;
      if (best == count)
        break;
      symbols[best].id = pairs[best]->result;
      symbols[best].bytes += symbols[best + 1].bytes;
      --count;
      for (size_t i = best + 1; i < count; ++i) {
        symbols[i] = symbols[i + 1];
        if (i + 1 < count)
          pairs[i] = pairs[i + 1];
      }
      if (best)
        pairs[best - 1] =
            tables.findMerge(symbols[best - 1].id, symbols[best].id);
      if (best + 1 < count)
        pairs[best] = tables.findMerge(symbols[best].id, symbols[best + 1].id);
    }
    state.items.clear();
    for (size_t i = 0; i < count; ++i)
      state.items.push_back({symbols[i].id, symbols[i].bytes});
  }

  void mergeLong(ModelState &state) const {
    std::vector<ModelState::Symbol> &symbols = state.symbols;
    std::vector<uint64_t> &queue = state.queue;
    queue.clear();
    auto later = std::greater<uint64_t>();
    auto offer = [&](int32_t at) {
      if (at < 0 || symbols[at].next < 0)
        return;
      if (const Merge *merge =
              tables.findMerge(symbols[at].id, symbols[symbols[at].next].id)) {
        queue.push_back(uint64_t(merge->rank) << 32 | uint32_t(at));
        std::push_heap(queue.begin(), queue.end(), later);
      }
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i)
      if (const Merge *merge =
              tables.findMerge(symbols[i].id, symbols[i + 1].id))
        queue.push_back(uint64_t(merge->rank) << 32 | uint32_t(i));
    std::make_heap(queue.begin(), queue.end(), later);
    while (!queue.empty()) {
      uint64_t top = queue.front();
      std::pop_heap(queue.begin(), queue.end(), later);
      queue.pop_back();
      auto at = int32_t(top & UINT32_MAX);
      ModelState::Symbol &symbol = symbols[at];
      if (!symbol.bytes || symbol.next < 0)
        continue;
      ModelState::Symbol &right = symbols[symbol.next];
      const Merge *merge = tables.findMerge(symbol.id, right.id);
      if (!merge || merge->rank != top >> 32)
        continue;
      symbol.id = merge->result;
      symbol.bytes += right.bytes;
      symbol.next = right.next;
      right.bytes = 0;
      if (symbol.next >= 0)
        symbols[symbol.next].previous = at;
      offer(symbol.previous);
      offer(at);
    }
    state.items.clear();
    for (int32_t at = symbols.empty() ? -1 : 0; at >= 0; at = symbols[at].next)
      state.items.push_back({symbols[at].id, symbols[at].bytes});
    // The memory for a word of megabytes is released.
    if (symbols.capacity() > size_t(1) << 20) {
      std::vector<ModelState::Symbol>().swap(symbols);
      std::vector<uint64_t>().swap(queue);
    }
  }
};

} // namespace

Expected<std::unique_ptr<Model>> makeBpe(Vocabulary vocabulary,
                                         const MergeTexts &merges,
                                         BpeOptions options,
                                         const std::string &where) {
  auto model = std::make_unique<BpeModel>(std::move(vocabulary),
                                          std::move(options), where);
  if (Error error = model->setMerges(merges))
    return error;
  return std::unique_ptr<Model>(std::move(model));
}

Expected<std::unique_ptr<Model>> readBpe(Vocabulary vocabulary,
                                         StoreReader &reader,
                                         BpeOptions options,
                                         const std::string &where) {
  auto model = std::make_unique<BpeModel>(std::move(vocabulary),
                                          std::move(options), where);
  model->readMerges(reader);
  return std::unique_ptr<Model>(std::move(model));
}

} // namespace lora_rt::text
