//===- Manifest.h - What an executable says about itself --------*- C++ -*-===//
//
// The manifest of docs/executable-format.md. It is read strictly: an unknown
// key, an index out of range or a size that does not fit is an error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_MANIFEST_H
#define LORA_RUNTIME_MANIFEST_H

#include "lora-runtime/ModelHead.h"
#include "lora-runtime/Numeric.h"
#include "lora-runtime/compiled_code.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace lora_rt {

struct Manifest {
  struct Target {
    std::string engine;
    std::string cpu;
    /// The instruction set extensions that the code uses, by LLVM's names.
    std::vector<std::string> features;
  };

  /// Rotary frequencies that depend on the length of a call, as for `dynamic`
  /// and `longrope` in transformers.
  struct Rope {
    enum class Kind { Dynamic, LongRope };
    Kind kind = Kind::Dynamic;
    /// Up to this length, the frequencies are those of training.
    int64_t switchLength = 1;
    /// For Dynamic: the rotated features of a head, the base and the scaling
    /// factor.
    int64_t width = 0;
    double theta = 0, factor = 0;
    /// For LongRope: the frequencies up to the switch length, and above it.
    std::vector<float> shortFrequencies, longFrequencies;

    /// The number of frequencies of a call.
    int64_t count() const {
      return kind == Kind::Dynamic ? width / 2
                                   : int64_t(shortFrequencies.size());
    }
  };

  struct Model {
    std::string family;
    int64_t vocabSize = 0;
    int64_t hiddenSize = 0;
    int64_t maxPositions = 0;
    DType dtype = DType::F32;
    std::vector<int32_t> eosTokenIds;
    ModelHead head = ModelHead::None;
    /// The width of a row of logits: the vocabulary or the number of labels; 0
    /// without a head.
    int64_t outputs = 0;
    /// Whether tokens see all tokens of their row; there is then no cache.
    bool isBidirectional = false;
    /// Whether a row is classified from its last token, as in causal models,
    /// instead of its first one.
    bool poolsLast = true;
    /// The number of token types; 0 for a model without them.
    int64_t tokenTypes = 0;
    /// A token id, or -1.
    int32_t padTokenId = -1;
    /// Whether positions count only tokens other than padTokenId, which has the
    /// position -1.
    bool skipsPadding = false;
    std::optional<Rope> rope;

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
  };

  /// A tensor that calls only read.
  struct Param {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;
    /// "plain" or a oneDNN tag.
    std::string layout;
    /// The place in the pack; without meaning for an executable without a pack.
    uint64_t bytes = 0;
    uint64_t offset = 0;
    std::string checksum;
  };

  /// Memory that calls update. A dimension of -1 is the number of state rows.
  struct State {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;

    uint64_t bytes(int64_t rows) const;
  };

  /// An f32 tensor in the region theta; `offset` in elements.
  struct Trainable {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset = 0;

    int64_t elements() const;
  };

  struct Slot {
    enum class Kind { Param, State, Trainable, Gradient, Region };
    Kind kind;
    /// The index into params, states or trainables; for Region, 0 is theta, 1
    /// gradient, 2 moment1, 3 moment2.
    size_t index;
  };

  struct Primitive {
    std::string kind;
    /// The whole entry as JSON for a backend, with keys in bytewise order.
    std::string json;
    /// The layout of the weights or of the table, by which packed parameters
    /// are matched with primitives.
    std::string layout;
    DType dtype = DType::F32;
    int64_t n = 0, k = 0;
  };

  struct Value {
    std::string name;
    DType dtype = DType::F32;
    std::vector<int64_t> shape;

    uint64_t bytes() const;
  };

  struct Entry {
    std::string name;
    std::string function;
    int64_t tokens = 0;
    uint64_t frameBytes = 0;
    std::vector<Value> inputs;
    std::vector<Value> outputs;
  };

  Target target;
  Model model;
  std::vector<Param> params;
  std::vector<State> states;
  std::vector<Trainable> trainables;
  std::vector<Slot> slots;
  std::vector<Primitive> primitives;
  std::vector<Entry> entries;

  /// `where` names the file in messages.
  static Expected<Manifest> parse(std::string_view text,
                                  const std::string &where);

  /// The checksums of everything on which compiled code depends. That excludes
  /// offsets and checksums of parameters in the pack, which change when an
  /// adapter is merged or exchanged. Call this before layouts are adapted.
  lora_rt_contract contract() const;

  /// The number of elements of theta; all other regions have the same.
  int64_t regionElements() const;

  /// The entries of a function, in ascending order of tokens.
  std::vector<const Entry *> entriesOf(std::string_view function) const;
};

/// Fails if the code was made for another manifest, and names a member that
/// differs; `where` names the file.
Error checkContract(const Manifest &manifest, const lora_rt_contract &code,
                    const std::string &where);

/// A primitive's JSON with another weight layout.
std::string withLayout(const Manifest::Primitive &primitive,
                       const std::string &layout);

} // namespace lora_rt

#endif // LORA_RUNTIME_MANIFEST_H
