//===- ManifestFuzzer.cpp - Any text as a manifest ------------------------===//
//
// Parses the input as a manifest. A text that is accepted must have sizes that
// can be computed with, and its contract must not depend on how the text is
// written.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/Manifest.h"

static constexpr const char *words[] = {"format",
                                        "target",
                                        "engine",
                                        "cpu",
                                        "features",
                                        "model",
                                        "params",
                                        "states",
                                        "trainables",
                                        "slots",
                                        "primitives",
                                        "entries",
                                        "name",
                                        "dtype",
                                        "shape",
                                        "layout",
                                        "bytes",
                                        "offset",
                                        "xxh3",
                                        "scheme",
                                        "onednn",
                                        "plain",
                                        "tag",
                                        "BA16a64b4a",
                                        "f32",
                                        "bf16",
                                        "f16",
                                        "i32",
                                        "param",
                                        "state",
                                        "trainable",
                                        "gradient",
                                        "region",
                                        "theta",
                                        "moment1",
                                        "kind",
                                        "matmul",
                                        "gather",
                                        "m",
                                        "n",
                                        "k",
                                        "a",
                                        "b",
                                        "c",
                                        "b_layout",
                                        "rows",
                                        "width",
                                        "count",
                                        "tokens",
                                        "frame_bytes",
                                        "inputs",
                                        "outputs",
                                        "function",
                                        "hidden_states",
                                        "logits",
                                        "family",
                                        "vocab_size",
                                        "hidden_size",
                                        "max_positions",
                                        "eos_token_ids",
                                        "head",
                                        "language_model",
                                        "none",
                                        "attention",
                                        "causal",
                                        "bidirectional",
                                        "token_types",
                                        "pad_token_id",
                                        "positions",
                                        "pooled",
                                        "first",
                                        "last",
                                        "restarts_cache",
                                        "skip_padding",
                                        "rope",
                                        "dynamic",
                                        "longrope",
                                        "switch_length",
                                        "theta",
                                        "factor",
                                        "short",
                                        "long"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lora_rt::Expected<lora_rt::Manifest> manifest = lora_rt::Manifest::parse(
      {reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!manifest) {
    CHECK(manifest.message().starts_with("fuzz: manifest"));
    return 0;
  }
  // The contract depends on the values, not on how the text is written.
  fuzz::Json json = fuzz::parse({reinterpret_cast<const char *>(data), size});
  lora_rt::Expected<lora_rt::Manifest> again =
      lora_rt::Manifest::parse(json.dump(2), "fuzz");
  CHECK(again);
  CHECK(!lora_rt::checkContract(*again, manifest->contract(), "fuzz"));
  // Sizes that were accepted can be computed with.
  int64_t elements = manifest->regionElements();
  for (const lora_rt::Manifest::Trainable &trainable : manifest->trainables)
    CHECK(trainable.offset + trainable.elements() <= elements);
  uint64_t end = 0;
  for (const lora_rt::Manifest::Param &param : manifest->params)
    if (param.bytes) {
      CHECK(param.offset >= end);
      end = param.offset + param.bytes;
    }
  for (const lora_rt::Manifest::State &state : manifest->states)
    CHECK(state.bytes(1) <= state.bytes(INT64_MAX));
  for (const lora_rt::Manifest::Slot &slot : manifest->slots)
    if (slot.kind == lora_rt::Manifest::Slot::Kind::Param)
      CHECK(slot.index < manifest->params.size());
  for (const lora_rt::Manifest::Entry &entry : manifest->entries) {
    CHECK(!manifest->entriesOf(entry.function).empty());
    for (const lora_rt::Manifest::Value &value : entry.inputs)
      (void)value.bytes();
  }
  // What is written is read as what it was.
  lora_rt::Expected<lora_rt::Manifest> written =
      lora_rt::Manifest::parse(manifest->print(), "fuzz");
  CHECK(written);
  CHECK(written->print() == manifest->print());
  for (const lora_rt::PrimitiveSpec &primitive : manifest->primitives) {
    lora_rt::PrimitiveSpec packed = primitive.withLayout("AB16b64a2b");
    lora_rt::Expected<lora_rt::PrimitiveSpec> read =
        lora_rt::PrimitiveSpec::parse(packed.json());
    CHECK(read);
    CHECK(*read == packed);
  }
  return 0;
}
