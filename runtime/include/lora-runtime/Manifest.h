//===- Manifest.h - The description of an executable ------------*- C++ -*-===//
//
// The manifest of docs/executable-format.md. The compiler fills these structs,
// and the runtime acts on them. Within one process, they are passed as they
// are. In a file, they are a JSON text: `print` writes it, and `parse` reads
// it. An unknown key, an index out of range, or a size that does not fit is an
// error.
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

/// The description of an executable.
struct Manifest {
  /// The machine for which the code was compiled.
  struct Target {
    /// The name of the backend.
    std::string engine = "cpu";
    /// The CPU, by LLVM's name.
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

  /// Frequencies of rotary positions that depend on the length of a call:
  /// `dynamic` and `longrope` of transformers.
  struct Rope {
    enum class Kind { Dynamic, LongRope };
    Kind kind = Kind::Dynamic;
    /// Up to this length, the frequencies are those of training.
    int64_t switchLength = 1;
    /// Dynamic: the number of rotated features of a head, the base, and the
    /// scaling factor.
    int64_t width = 4;
    double theta = 1, factor = 1;
    /// LongRoPE: the frequencies up to the switch length, and above it.
    std::vector<float> shortFrequencies, longFrequencies;
    /// LongRoPE: whether a text that grows beyond the switch length is computed
    /// again from its first token, with the long frequencies, as in Phi-3.
    /// Otherwise the cache keeps the keys that it has.
    bool restartsCache = false;

    static constexpr std::array<const char *, 2> kindNames = {"dynamic",
                                                              "longrope"};

    /// The number of frequencies that a call is given.
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

  /// The facts about the model. The default values are those of functions that
  /// belong to no model.
  struct Model {
    /// For messages: transformers' `model_type`, such as "qwen3".
    std::string family = "none";
    /// Token ids are in [0, vocabSize).
    int64_t vocabSize = 1;
    /// The width of a row of hidden states.
    int64_t hiddenSize = 1;
    /// The length of the longest sequence.
    int64_t maxPositions = 1;
    /// The type of hidden states.
    DType dtype = DType::F32;
    /// All ids that end a sequence.
    std::vector<int32_t> eosTokenIds;
    ModelHead head = ModelHead::None;
    /// The width of a row of logits: the size of the vocabulary, or the number
    /// of labels; 0 without a head.
    int64_t outputs = 0;
    /// Whether a token sees all tokens of its row. If so, there is no cache.
    bool isBidirectional = false;
    /// Whether a row is classified from its last token that is not padding, and
    /// not from its first token.
    bool poolsLast = true;
    /// The number of token types; 0 for a model without them.
    int64_t tokenTypes = 0;
    /// The id of the padding token, or -1.
    int32_t padTokenId = -1;
    /// Whether positions count only tokens other than padTokenId, whose
    /// position is -1.
    bool skipsPadding = false;
    /// Set if entries have the input `frequencies`.
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

    /// Fails if fields contradict each other; `what` begins the message.
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
    /// "plain" or a oneDNN format tag.
    std::string layout = std::string(plainLayout);
    /// Whether it has a place in a pack. The place and the checksum are not
    /// part of the contract, because they change with the weights.
    bool isPlaced = false;
    uint64_t bytes = 0;
    uint64_t offset = 0;
    /// The XXH3 checksum (64 bits) of the bytes, in hexadecimal.
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

    /// The size in bytes for this number of state rows.
    uint64_t bytes(int64_t rows) const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("dtype", self.dtype);
      visit("shape", lora_rt::shape(self.shape, /*hasWildcard=*/true));
    }
  };

  /// An f32 tensor in the region theta. `offset` is in elements.
  struct Trainable {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset = 0;

    /// The number of its elements.
    int64_t elements() const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("shape", lora_rt::shape(self.shape));
      visit("offset", index(self.offset));
    }
  };

  /// The flat regions of training: the values of all trainables, their
  /// gradients, and the two moments of AdamW.
  enum class Region { Theta, Gradient, Moment1, Moment2 };
  static constexpr std::array<const char *, 4> regionNames = {
      "theta", "gradient", "moment1", "moment2"};

  /// An address in the table of slots, which the code reads.
  struct Slot {
    enum class Kind { Param, State, Trainable, Gradient, Region };
    Kind kind = Kind::Param;
    /// An index into params, states or trainables; for Kind::Region, a
    /// Manifest::Region.
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

  /// An input or output of an entry, row-major.
  struct Value {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;

    /// The size in bytes.
    uint64_t bytes() const;

    template <typename Self, typename Visitor>
    static void visitFields(Self &self, Visitor &visit) {
      visit("name", self.name);
      visit("dtype", self.dtype);
      visit("shape", lora_rt::shape(self.shape));
    }
  };

  /// A function, compiled for a fixed number of tokens.
  struct Entry {
    /// The name in the table of the code.
    std::string name;
    /// The name of the function in the graph: "hidden_states", "logits",
    /// "train_step", ...
    std::string function;
    /// The number of tokens; 0 for a function without a token axis.
    int64_t tokens = 0;
    /// The size of the frame, which is aligned to 64 bytes.
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

  /// Reads the JSON text; `where` names the file in messages.
  static Expected<Manifest> parse(std::string_view text,
                                  const std::string &where);

  /// Reads the manifest of a compiled file, and compares its checksum.
  static Expected<Manifest> read(const Payload &payload);

  /// The JSON text.
  std::string print() const;

  /// Fails if fields contradict each other. `parse` calls it. Code that fills
  /// the structs must call it, too.
  Error verify(const std::string &where) const;

  /// The checksums of what compiled code relies on. That is everything but the
  /// places and checksums of parameters in the pack, which change when an
  /// adapter is merged or exchanged. Call it before layouts are adapted to the
  /// machine.
  lora_rt_contract contract() const;

  /// The number of elements of each region.
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

/// Fails if the code was made for another manifest. The message names the part
/// that differs; `where` names the file.
Error checkContract(const Manifest &manifest, const lora_rt_contract &code,
                    const std::string &where);

} // namespace lora_rt

#endif // LORA_RUNTIME_MANIFEST_H
