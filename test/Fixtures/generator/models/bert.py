"""BERT: post-norm encoder with token types; without a head, and with classification heads that adapters contain."""

import torch

from ..configuration import (
    HIDDEN,
    MASKED_LANGUAGE_MODEL,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    Adapter,
    Configuration,
)

ROWS = (19, 26, 7, 13)

#: A bias of the keys adds the same value to all scores of a query, so it has no effect.
KEY_BIAS = ("key.base_layer.bias", "key.bias")


def old_norm_names(tensors: dict) -> dict:
    """Norms as the first BERT checkpoints name them, and the position ids that old versions stored."""
    for name in list(tensors):
        if "LayerNorm" in name:
            new = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[new] = tensors.pop(name)
    positions = tensors["bert.embeddings.position_embeddings.weight"].shape[0]
    tensors["bert.embeddings.position_ids"] = torch.arange(positions)[None]
    return tensors


def sizes(hidden: int, heads: int, layers: int, inner: int, vocabulary: int, **others) -> dict:
    return dict(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        intermediate_size=inner,
        vocab_size=vocabulary,
        max_position_embeddings=31,
        pad_token_id=0,
    ) | others


#: An adapter for sequences on a checkpoint without pooler and classifier brings both.
FROM_MASKED = dict(architecture="BertForSequenceClassification", labels=3, task=SEQUENCE_CLASSIFICATION)

CONFIGURATIONS = {
    # The checkpoint's names have no prefix.
    "bert": Configuration(
        architecture="BertModel",
        config=sizes(36, 4, 2, 60, 89),
        dtype=torch.float32,
        task=HIDDEN,
        rows=(17, 23, 6),
        must_matter={"gelu": {"hidden_act": "relu"}, "layer_norm_eps": {"layer_norm_eps": 1e-2}},
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "all-linear": Adapter(
                dict(r=2, lora_alpha=3, use_rslora=True, target_modules="all-linear"), without_effect=("pooler",)
            ),
            "auto-mapping": Adapter(
                dict(
                    r=3,
                    lora_alpha=4,
                    task_type=None,
                    target_modules=["query", "key", "output.dense"],
                    layers_to_transform=1,
                    layers_pattern="layer",
                )
            ),
            "embedding-dora": Adapter(
                dict(r=3, lora_alpha=4, use_dora=True, target_modules=["word_embeddings", "intermediate.dense"])
            ),
            "embeddings": Adapter(
                dict(
                    r=2, lora_alpha=4, target_modules=["position_embeddings", "token_type_embeddings", "word_embeddings"]
                )
            ),
            "pissa": Adapter(dict(r=3, lora_alpha=4, init_lora_weights="pissa", target_modules=["query", "output.dense"])),
            "bias-all": Adapter(
                dict(r=3, lora_alpha=4, bias="all", target_modules=["value"]), without_effect=(*KEY_BIAS, "pooler")
            ),
        },
    ),
    # Old names of the norms, three token types.
    "bert-seqcls": Configuration(
        architecture="BertForSequenceClassification",
        config=sizes(28, 4, 3, 44, 73, type_vocab_size=3, num_labels=4),
        dtype=torch.bfloat16,
        task=SEQUENCE_CLASSIFICATION,
        rows=ROWS,
        transformers_4={"pad_token_id": 0, "gradient_checkpointing": False, "position_embedding_type": "absolute"},
        edit_checkpoint=old_norm_names,
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "all-linear": Adapter(dict(r=2, lora_alpha=5, target_modules="all-linear")),
            "patterns": Adapter(
                dict(
                    r=3,
                    lora_alpha=5,
                    target_modules=r"bert\.encoder\.layer\.[02]\..*\.dense|.*\.(query|key)",
                    rank_pattern={"layer.1.attention.self.key": 5, "output.dense": 2},
                    alpha_pattern={"query": 9},
                    exclude_modules=["layer.2.attention.self.query"],
                )
            ),
            "dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "value", "output.dense"])),
            "olora": Adapter(dict(r=3, lora_alpha=2, init_lora_weights="olora", target_modules=["key", "dense"])),
            "lora-only": Adapter(
                dict(r=2, lora_alpha=5, bias="lora_only", target_modules=["query", "key", "intermediate.dense"]),
                without_effect=KEY_BIAS,
            ),
            "saved": Adapter(
                dict(
                    r=2,
                    lora_alpha=5,
                    lora_bias=True,
                    target_modules=["value"],
                    modules_to_save=["classifier", "pooler", "embeddings.LayerNorm"],
                )
            ),
        },
    ),
    "bert-tokencls": Configuration(
        architecture="BertForTokenClassification",
        config=sizes(32, 2, 2, 52, 67, hidden_act="gelu_new", layer_norm_eps=1e-3, num_labels=5),
        dtype=torch.float16,
        task=TOKEN_CLASSIFICATION,
        rows=ROWS,
        must_matter={"gelu_new": {"hidden_act": "relu"}, "layer_norm_eps": {"layer_norm_eps": 1e-12}},
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "regex": Adapter(
                dict(r=2, lora_alpha=5, use_rslora=True, target_modules=r".*layer\.\d\.(?!attention).*dense|.*\.query")
            ),
            "dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["key", "dense"])),
            "layers": Adapter(
                dict(
                    r=4,
                    lora_alpha=5,
                    init_lora_weights="orthogonal",
                    target_modules=["query", "value"],
                    layers_to_transform=[1],
                )
            ),
            "bias-all": Adapter(
                dict(r=3, lora_alpha=4, bias="all", target_modules=["output.dense"]), without_effect=KEY_BIAS
            ),
            "trainable-tokens": Adapter(
                dict(
                    r=2,
                    lora_alpha=5,
                    target_modules=["value"],
                    trainable_token_indices={"word_embeddings": list(range(2, 60, 4))},
                )
            ),
        },
    ),
    "bert-maskedlm": Configuration(
        architecture="BertForMaskedLM",
        config=sizes(24, 3, 2, 44, 61),
        dtype=torch.float32,
        task=MASKED_LANGUAGE_MODEL,
        rows=(19, 11, 24),
        note="most adapters make a classifier of this model: pooler and classifier come from the adapter",
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "seqcls": Adapter(dict(r=3, lora_alpha=5, modules_to_save=["pooler"]), **FROM_MASKED),
            "seqcls-all-linear": Adapter(
                dict(
                    r=2,
                    lora_alpha=5,
                    target_modules="all-linear",
                    exclude_modules=["pooler.dense"],
                    modules_to_save=["bert.pooler"],
                ),
                **FROM_MASKED,
            ),
            "seqcls-dora": Adapter(
                dict(r=3, lora_alpha=5, use_dora=True, target_modules=["query", "dense"], modules_to_save=["pooler"]),
                **FROM_MASKED,
            ),
            "tokencls": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["query", "value"]),
                architecture="BertForTokenClassification",
                labels=5,
                task=TOKEN_CLASSIFICATION,
            ),
            "hidden": Adapter(
                dict(r=3, lora_alpha=5, target_modules=["key", "intermediate.dense"]),
                architecture="BertModel",
                task=HIDDEN,
            ),
        },
    ),
}
