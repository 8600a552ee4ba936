"""Classification with causal models, which pool a sequence at its last id that is not padding; and bidirectional decoders."""

import torch

from ..configuration import (
    HIDDEN,
    MASKED_LANGUAGE_MODEL,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    Adapter,
    Configuration,
)
from .decoders import ADAPTERS, BIASES, pick
from .gemma import GEMMA2
from .llama import default_rope, sizes

ROWS = (13, 27, 8, 21)


def plain(adapters: dict[str, Adapter]) -> dict[str, Adapter]:
    """Without greedy continuations, which a classifier does not have."""
    return {name: Adapter(adapter.lora, merged=adapter.merged, note=adapter.note) for name, adapter in adapters.items()}


FROM_CAUSAL = dict(architecture="LlamaForSequenceClassification", labels=3, task=SEQUENCE_CLASSIFICATION)

CONFIGURATIONS = {
    "llama-seqcls": Configuration(
        architecture="LlamaForSequenceClassification",
        config=sizes(32, 4, 2, 44, 2, 71, **default_rope(2000.0), num_labels=3, pad_token_id=4),
        dtype=torch.bfloat16,
        task=SEQUENCE_CLASSIFICATION,
        rows=ROWS,
        adapters=plain(pick("default", "all-linear", "dora", "pissa", "saved-norms", "trainable-tokens")),
    ),
    "qwen2-tokencls": Configuration(
        architecture="Qwen2ForTokenClassification",
        config=sizes(28, 2, 1, 52, 2, 67, **default_rope(2000.0), num_labels=5, pad_token_id=0),
        dtype=torch.float32,
        task=TOKEN_CLASSIFICATION,
        rows=ROWS,
        adapters=plain(
            pick("default", "patterns", "dora", "bias-all", "lora-only", "saved-embedding", biases=BIASES)
        ),
    ),
    # A classifier's logits are not capped.
    "gemma2-seqcls": Configuration(
        architecture="Gemma2ForSequenceClassification",
        config=sizes(28, 2, 1, 44, 2, 61, **GEMMA2, num_labels=4, pad_token_id=0),
        dtype=torch.float16,
        task=SEQUENCE_CLASSIFICATION,
        rows=ROWS,
        must_matter={"window": {"sliding_window": 64}},
        adapters=plain(pick("default", "regex", "exclude", "olora", "saved-projection")),
    ),
    # The checkpoint has a language-model head; adapters bring another head. There is no padding id, so there is
    # one row.
    "llama-causal-heads": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(24, 3, 1, 52, 2, 73, **default_rope(2000.0)),
        dtype=torch.float32,
        note="most adapters make a classifier of this model, or its last hidden states, from its task_type",
        adapters={
            **pick("default"),
            "seqcls": Adapter(dict(r=3, lora_alpha=5), **FROM_CAUSAL),
            "seqcls-all-linear": Adapter(
                dict(r=2, lora_alpha=3, use_rslora=True, target_modules="all-linear"), **FROM_CAUSAL
            ),
            "seqcls-dora": Adapter(ADAPTERS["dora"].lora, **FROM_CAUSAL),
            "tokencls": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["q_proj", "gate_proj"]),
                architecture="LlamaForTokenClassification",
                labels=5,
                task=TOKEN_CLASSIFICATION,
            ),
            "hidden": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["k_proj", "down_proj"]), architecture="LlamaModel", task=HIDDEN
            ),
        },
    ),
    # Tokens also see those after them, as in models for text embeddings. The longest row has the greatest length
    # for which a window to both sides excludes nothing.
    "mistral-bidirectional": Configuration(
        architecture="MistralForCausalLM",
        config=sizes(
            28, 4, 2, 44, 2, 71, **default_rope(2000.0), head_dim=10, sliding_window=20, pad_token_id=4, is_causal=False
        ),
        dtype=torch.float32,
        task=MASKED_LANGUAGE_MODEL,
        rows=(13, 21, 8, 17),
        must_matter={"is_causal": {"is_causal": True}},
        adapters={
            **plain(pick("default", "dora")),
            "seqcls": Adapter(
                dict(r=3, lora_alpha=5),
                architecture="MistralForSequenceClassification",
                labels=3,
                task=SEQUENCE_CLASSIFICATION,
            ),
            "tokencls": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["q_proj", "gate_proj"]),
                architecture="MistralForTokenClassification",
                labels=5,
                task=TOKEN_CLASSIFICATION,
            ),
            "hidden": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["k_proj", "down_proj"]), architecture="MistralModel", task=HIDDEN
            ),
        },
    ),
}
