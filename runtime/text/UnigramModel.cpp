//===- UnigramModel.cpp - The most probable pieces ------------------------===//
//
// Splits a word into the pieces with the largest sum of scores, by Viterbi's
// algorithm (Kudo 2018, arXiv:1804.10959). Before a position that no piece
// extends over, the result is final. So the memory is that of the longest range
// between such positions.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Unicode.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lora_rt::text {

namespace {

constexpr uint32_t none = Trie::none;
constexpr double unknownPenalty = 10;

class UnigramModel final : public Model {
public:
  UnigramModel(Vocabulary vocabulary, Stored<double> scores,
               std::optional<uint32_t> unknown, bool byteFallback,
               std::string where)
      : Model(std::move(vocabulary), std::move(where)),
        scores(std::move(scores)), unknown(unknown) {
    double least = std::numeric_limits<double>::infinity();
    for (double score : this->scores.view)
      least = std::min(least, score);
    unknownScore = least - unknownPenalty;
    if (byteFallback)
      byteIds = byteFallbackIds(pieces);
  }

  std::optional<uint32_t> verbatimId() const override { return unknown; }

  void store(StoreWriter &writer) const override { writer.add(scores.view); }

  Error tokenize(std::string_view word, ModelState &state,
                 std::vector<Piece> &result) const override {
    bool isCached = word.size() <= WordCache::maxWordBytes && byteIds.empty();
    uint32_t end = 0;
    if (isCached)
      if (std::span<const WordCache::Item> items = state.cache.find(word);
          !items.empty()) {
        for (WordCache::Item item : items) {
          result.push_back({item.id, end, end + item.bytes});
          end += item.bytes;
        }
        return Error::success();
      }
    size_t before = result.size();
    if (Error error = best(word, state, result))
      return error;
    if (!isCached)
      return Error::success();
    state.items.clear();
    for (size_t i = before; i < result.size(); ++i)
      state.items.push_back({result[i].id, result[i].end - result[i].begin});
    state.cache.insert(word, state.items);
    return Error::success();
  }

private:
  Stored<double> scores;
  std::optional<uint32_t> unknown;
  std::vector<uint32_t> byteIds;
  double unknownScore;

  Error best(std::string_view word, ModelState &state,
             std::vector<Piece> &result) const {
    std::vector<ModelState::Node> &nodes = state.nodes;
    const Trie &trie = pieces.trie();
    Range unknownRun;
    size_t base = 0, reach = 0;
    nodes.assign(1, {0, 0, -1});
    auto offer = [&](size_t from, size_t to, double score, uint32_t id) {
      if (to - base >= nodes.size())
        nodes.resize(to - base + 1, {0, 0, -1});
      ModelState::Node &node = nodes[to - base];
      if (node.start < 0 || score > node.score)
        node = {score, id, int32_t(from - base)};
      reach = std::max(reach, to);
    };
    for (size_t start = 0; start < word.size();) {
      if (start == reach && start > base) {
        settle(word, base, start, state, unknownRun, result);
        nodes.assign(1, {nodes[start - base].score, 0, -1});
        base = start;
      }
      double score = nodes[start - base].score;
      size_t behind = start;
      nextCharacter(word, behind);
      bool hasSingle = false;
      uint32_t node = trie.empty() ? none : Trie::root;
      for (size_t at = start; node != none && at < word.size();) {
        node = trie.child(node, static_cast<unsigned char>(word[at++]));
        if (node == none)
          break;
        uint32_t id = trie.value(node);
        if (id >= scores.view.size())
          continue;
        offer(start, at, scores.view[id] + score, id);
        hasSingle |= at == behind;
      }
      // A longer piece can be better than the unknown token.
      bool isCovered = behind - base < nodes.size() &&
                       nodes[behind - base].start >= 0 &&
                       nodes[behind - base].score >= unknownScore + score;
      if (!hasSingle && !isCovered) {
        if (!unknown)
          return makeError(ErrorCode::InvalidFile, where, ": the text '",
                           word.substr(start, behind - start),
                           "' has no piece in the vocabulary, and no unknown "
                           "token is named (unk_id)");
        offer(start, behind, unknownScore + score, *unknown);
      }
      start = behind;
    }
    settle(word, base, word.size(), state, unknownRun, result);
    flush(word, unknownRun, result);
    return Error::success();
  }

  /// The best path from `base` to `end`, whose nodes are known. Adjacent
  /// unknown pieces are joined.
  void settle(std::string_view word, size_t base, size_t end, ModelState &state,
              Range &unknownRun, std::vector<Piece> &result) const {
    std::vector<WordCache::Item> &path = state.items;
    path.clear();
    for (size_t at = end; at > base;) {
      const ModelState::Node &node = state.nodes[at - base];
      size_t start = base + size_t(node.start);
      path.push_back({node.id, uint32_t(at - start)});
      at = start;
    }
    auto at = uint32_t(base);
    for (size_t i = path.size(); i--;) {
      Range range = {at, at + path[i].bytes};
      at = range.end;
      if (unknown && path[i].id == *unknown) {
        if (unknownRun.empty())
          unknownRun = range;
        unknownRun.end = range.end;
        continue;
      }
      flush(word, unknownRun, result);
      result.push_back({path[i].id, range.begin, range.end});
    }
  }

  void flush(std::string_view word, Range &run,
             std::vector<Piece> &result) const {
    if (run.empty())
      return;
    std::string_view text = word.substr(run.begin, run.size());
    uint32_t id = pieces.trie().find(text);
    bool hasBytes = id == none && !byteIds.empty();
    for (char c : text)
      hasBytes = hasBytes && byteIds[static_cast<unsigned char>(c)] != none;
    if (hasBytes)
      for (char c : text)
        result.push_back(
            {byteIds[static_cast<unsigned char>(c)], run.begin, run.end});
    else
      result.push_back({id == none ? *unknown : id, run.begin, run.end});
    run = {};
  }
};

} // namespace

Expected<std::unique_ptr<Model>> makeUnigram(Vocabulary vocabulary,
                                             Stored<double> scores,
                                             std::optional<uint32_t> unknown,
                                             bool byteFallback,
                                             const std::string &where) {
  if (scores.view.size() != vocabulary.size() ||
      vocabulary.limit() != vocabulary.size())
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected a score for each piece of the vocabulary");
  for (double score : scores.view)
    if (!std::isfinite(score))
      return makeError(ErrorCode::InvalidFile, where,
                       ": a score of the vocabulary is no finite number");
  if (unknown && *unknown >= scores.view.size())
    return makeError(ErrorCode::InvalidFile, where, ": unk_id is ", *unknown,
                     ", but the vocabulary has ", scores.view.size(),
                     " pieces");
  return std::unique_ptr<Model>(std::make_unique<UnigramModel>(
      std::move(vocabulary), std::move(scores), unknown, byteFallback, where));
}

} // namespace lora_rt::text
