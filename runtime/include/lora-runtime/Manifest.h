//===- Manifest.h - What compiled code needs at run time --------*- C++ -*-===//
//
// The manifest of docs/executable-format.md: the compiler fills these structs
// and the runtime runs by them. In one process they are handed over as they
// are; in a file they are a JSON text, which `print` writes and `parse` reads
// strictly: a key that is not known, an index out of range or a size that does
// not fit is an error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_MANIFEST_H
#define LORA_RUNTIME_MANIFEST_H

#include "lora-runtime/Fields.h"
#include "lora-runtime/ModelHead.h"
#include "lora-runtime/PrimitiveSpec.h"
#include "lora-runtime/compiled_code.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace lora_rt {

class Payload;
struct PackedPlace;

struct Manifest {
  struct Target {
    std::string engine = "cpu";
    std::string cpu;
    /// The instruction set extensions that the code uses, by LLVM's names.
    std::vector<std::string> features;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("engine", self.engine);
      visit("cpu", self.cpu);
      visit("features", self.features);
    }
  };

  /// Frequencies of rotary positions that depend on the length of a call, as
  /// `dynamic` and `longrope` of transformers have them.
  struct Rope {
    enum class Kind { Dynamic, LongRope };
    Kind kind = Kind::Dynamic;
    /// Up to this length, the frequencies are those of training.
    int64_t switchLength = 1;
    /// Dynamic: rotated features of a head, base and scaling factor.
    int64_t width = 4;
    double theta = 1, factor = 1;
    /// LongRoPE: frequencies up to and above the switch length.
    std::vector<float> shortFrequencies, longFrequencies;
    /// LongRoPE: a text that grows beyond the switch length is computed again
    /// from its first token with the long frequencies, as Phi-3 does; otherwise
    /// the cache keeps the keys that it has.
    bool restartsCache = false;

    static constexpr std::array<const char *, 2> kindNames = {"dynamic",
                                                              "longrope"};

    /// The number of frequencies of a call.
    int64_t count() const {
      return kind == Kind::Dynamic ? width / 2
                                   : int64_t(shortFrequencies.size());
    }

    bool operator==(const Rope &) const = default;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("kind", named(self.kind, kindNames));
      visit("switch_length", positive(self.switchLength));
      if (self.kind == Kind::Dynamic) {
        visit("width", positive(self.width));
        visit("theta", positive(self.theta));
        visit("factor", positive(self.factor));
      } else {
        visit("short", self.shortFrequencies);
        visit("long", self.longFrequencies);
        visit("restarts_cache", flag(self.restartsCache));
      }
    }
  };

  /// A Model that is made without values is that of functions which belong to
  /// no model.
  struct Model {
    /// For people: "qwen3".
    std::string family = "none";
    int64_t vocabSize = 1;
    int64_t hiddenSize = 1;
    int64_t maxPositions = 1;
    DType dtype = DType::F32;
    std::vector<int32_t> eosTokenIds;
    ModelHead head = ModelHead::None;
    /// The width of a row of logits: the vocabulary or the number of labels; 0
    /// without a head.
    int64_t outputs = 0;
    /// Whether tokens see all tokens of their row; there is then no cache.
    bool isBidirectional = false;
    /// A row is classified from its last token that is not padding, not from
    /// its first one.
    bool poolsLast = true;
    /// The number of token types; 0 for a model without them.
    int64_t tokenTypes = 0;
    /// A token id, or -1.
    int32_t padTokenId = -1;
    /// Whether positions count only tokens other than padTokenId, which has the
    /// position -1.
    bool skipsPadding = false;
    std::optional<Rope> rope;

    static constexpr std::array<const char *, 2> attentionNames = {
        "causal", "bidirectional"};
    static constexpr std::array<const char *, 2> pooledNames = {"first",
                                                                "last"};
    static constexpr std::array<const char *, 2> positionNames = {
        "plain", "skip_padding"};

    bool hasHead() const { return head != ModelHead::None; }
    /// Whether this id ends a sequence.
    bool isEnd(int32_t id) const {
      return std::find(eosTokenIds.begin(), eosTokenIds.end(), id) !=
             eosTokenIds.end();
    }
    /// Whether the model can continue a text.
    bool isGenerative() const {
      return head == ModelHead::LanguageModel && !isBidirectional;
    }

    /// Fails where fields do not fit each other; `what` begins the message.
    Error verify(const std::string &what) const;

    bool operator==(const Model &) const = default;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("family", self.family);
      visit("vocab_size", positive(self.vocabSize));
      visit("hidden_size", positive(self.hiddenSize));
      visit("max_positions", positive(self.maxPositions));
      visit("dtype", self.dtype);
      visit("eos_token_ids", self.eosTokenIds);
      visit("head", named(self.head, headNames));
      visit("outputs", index(self.outputs));
      visit("attention", named(self.isBidirectional, attentionNames));
      visit("pooled", named(self.poolsLast, pooledNames));
      visit("token_types", index(self.tokenTypes));
      visit("pad_token_id", indexOrMinusOne(self.padTokenId));
      visit("positions", named(self.skipsPadding, positionNames));
      visit("rope", self.rope);
    }
  };

  /// A tensor that calls only read.
  struct Param {
    std::string name;
    DType dtype = DType::F32;
    /// The logical shape, [out, in] for a linear layer.
    std::vector<int64_t> shape;
    /// "plain" or a oneDNN tag.
    std::string layout = std::string(plainLayout);
    /// Whether it has a place in a pack, with a checksum of its bytes. That is
    /// not part of the contract: it changes with the weights.
    bool isPlaced = false;
    uint64_t bytes = 0;
    uint64_t offset = 0;
    std::string checksum;

    void setPlace(const PackedPlace &place);

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("dtype", self.dtype);
      visit("shape", lora_rt::shape(self.shape));
      visit("layout", lora_rt::layout(self.layout));
      if constexpr (!Visitor::isContract)
        if (visit.group("bytes", self.isPlaced)) {
          visit("bytes", index(self.bytes));
          visit("offset", index(self.offset));
          visit("xxh3", self.checksum);
        }
    }
  };

  /// Memory that calls update. A dimension of -1 is the number of state rows.
  struct State {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;

    uint64_t bytes(int64_t rows) const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("dtype", self.dtype);
      visit("shape", lora_rt::shape(self.shape, /*hasWildcard=*/true));
    }
  };

  /// An f32 tensor in the region theta; `offset` in elements.
  struct Trainable {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset = 0;

    int64_t elements() const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("shape", lora_rt::shape(self.shape));
      visit("offset", index(self.offset));
    }
  };

  /// The flat memory of all trainables' values, and what belongs to each value.
  enum class Region { Theta, Gradient, Moment1, Moment2 };
  static constexpr std::array<const char *, 4> regionNames = {
      "theta", "gradient", "moment1", "moment2"};

  struct Slot {
    enum class Kind { Param, State, Trainable, Gradient, Region };
    Kind kind = Kind::Param;
    /// Into params, states or trainables; for Region a Manifest::Region.
    size_t index = 0;

    static constexpr std::array<const char *, 5> kindNames = {
        "param", "state", "trainable", "gradient", "region"};

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit.choose(kindNames, self.kind);
      const char *key = kindNames[size_t(self.kind)];
      if (self.kind == Kind::Region)
        visit(key, named(self.index, regionNames));
      else
        visit(key, lora_rt::index(self.index));
    }
  };

  struct Value {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;

    uint64_t bytes() const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("dtype", self.dtype);
      visit("shape", lora_rt::shape(self.shape));
    }
  };

  struct Entry {
    std::string name;
    std::string function;
    int64_t tokens = 0;
    uint64_t frameBytes = 0;
    std::vector<Value> inputs;
    std::vector<Value> outputs;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("function", self.function);
      visit("tokens", index(self.tokens));
      visit("frame_bytes", index(self.frameBytes));
      visit("inputs", self.inputs);
      visit("outputs", self.outputs);
    }
  };

  /// The format that `print` writes, the only one that `parse` reads.
  static constexpr int64_t formatVersion = 3;

  Target target;
  Model model;
  std::vector<Param> params;
  std::vector<State> states;
  std::vector<Trainable> trainables;
  std::vector<Slot> slots;
  std::vector<PrimitiveSpec> primitives;
  std::vector<Entry> entries;

  /// `where` names the file in messages.
  static Expected<Manifest> parse(std::string_view text,
                                  const std::string &where);

  /// The manifest of a compiled file, whose checksum is compared.
  static Expected<Manifest> read(const Payload &payload);

  /// The JSON text.
  std::string print() const;

  /// Fails where fields do not fit each other. `parse` calls it; whoever fills
  /// the structs does, too.
  Error verify(const std::string &where) const;

  /// What compiled code relies on: checksums of everything but the places and
  /// the checksums of parameters in the pack, which change when an adapter is
  /// merged or exchanged. To be taken before layouts are adapted.
  lora_rt_contract contract() const;

  /// The number of elements of theta; all other regions have the same.
  int64_t regionElements() const;

  /// The entries of a function, in ascending order of tokens.
  std::vector<const Entry *> entriesOf(std::string_view function) const;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    visit("target", self.target);
    visit("model", self.model);
    visit("params", self.params);
    visit("states", self.states);
    visit("trainables", self.trainables);
    visit("slots", self.slots);
    visit("primitives", self.primitives);
    visit("entries", self.entries);
  }
};

/// Fails if the code was made for another manifest, and names a member that
/// differs; `where` names the file.
Error checkContract(const Manifest &manifest, const lora_rt_contract &code,
                    const std::string &where);

} // namespace lora_rt

#endif // LORA_RUNTIME_MANIFEST_H
