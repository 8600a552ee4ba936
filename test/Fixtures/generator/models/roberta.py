"""RoBERTa: positions count from padding_idx + 1, one token type, a classification head of two layers."""

import torch

from ..configuration import (
    HIDDEN,
    MASKED_LANGUAGE_MODEL,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    Adapter,
    Configuration,
)
from .bert import KEY_BIAS, ROWS, sizes


def without_prefix(tensors: dict) -> dict:
    """The encoder of a model with a head, saved by itself: names have no prefix."""
    return {name.removeprefix("roberta."): value for name, value in tensors.items()}


ROBERTA = dict(type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
FROM_MASKED = dict(architecture="RobertaForSequenceClassification", labels=3, task=SEQUENCE_CLASSIFICATION)

CONFIGURATIONS = {
    "roberta-seqcls": Configuration(
        architecture="RobertaForSequenceClassification",
        config=sizes(28, 4, 2, 52, 79, num_labels=3, **ROBERTA),
        dtype=torch.float32,
        task=SEQUENCE_CLASSIFICATION,
        rows=ROWS,
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "all-linear": Adapter(dict(r=2, lora_alpha=5, target_modules="all-linear")),
            "dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "intermediate.dense"])),
            "pissa": Adapter(dict(r=3, lora_alpha=5, init_lora_weights="pissa", target_modules=["value", "output.dense"])),
            "embeddings": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["word_embeddings", "position_embeddings", "key"])
            ),
            "lora-only": Adapter(
                dict(r=2, lora_alpha=5, bias="lora_only", target_modules=["key", "output.dense"]),
                without_effect=KEY_BIAS,
            ),
        },
    ),
    # The names of the encoder's tensors lack "roberta."; those of the head are as usual.
    "roberta-tokencls": Configuration(
        architecture="RobertaForTokenClassification",
        config=sizes(32, 4, 2, 44, 71, num_labels=5, layer_norm_eps=1e-5, hidden_act="gelu", **ROBERTA),
        dtype=torch.bfloat16,
        task=TOKEN_CLASSIFICATION,
        rows=ROWS,
        transformers_4={"pad_token_id": 1},
        edit_checkpoint=without_prefix,
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "layers": Adapter(
                dict(r=3, lora_alpha=5, use_rslora=True, target_modules=["query", "dense"], layers_to_transform=[0])
            ),
            "olora": Adapter(dict(r=3, lora_alpha=2, init_lora_weights="olora", target_modules=["query", "key"])),
            "bias-all": Adapter(dict(r=3, lora_alpha=4, bias="all", target_modules=["value"]), without_effect=KEY_BIAS),
            "lora-bias": Adapter(dict(r=3, lora_alpha=4, lora_bias=True, target_modules=["output.dense"])),
        },
    ),
    "roberta-maskedlm": Configuration(
        architecture="RobertaForMaskedLM",
        config=sizes(24, 3, 2, 44, 61, **ROBERTA),
        dtype=torch.float16,
        task=MASKED_LANGUAGE_MODEL,
        rows=(19, 11, 24),
        note="most adapters make a classifier of this model, whose head they bring along",
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "seqcls": Adapter(dict(r=3, lora_alpha=5), **FROM_MASKED),
            "seqcls-all-linear": Adapter(dict(r=2, lora_alpha=5, target_modules="all-linear"), **FROM_MASKED),
            "tokencls": Adapter(
                dict(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "value", "dense"]),
                architecture="RobertaForTokenClassification",
                labels=4,
                task=TOKEN_CLASSIFICATION,
            ),
            "hidden": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["query", "word_embeddings"]),
                architecture="RobertaModel",
                task=HIDDEN,
            ),
        },
    ),
}
