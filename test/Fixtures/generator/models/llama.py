"""Llama with each kind of rotary positions. The first contexts are so short that prompts go beyond them."""

import torch

from ..configuration import Configuration
from .decoders import BIASES, TIED, UNTIED, pick


def sizes(hidden: int, heads: int, kv_heads: int, inner: int, layers: int, vocabulary: int, **others) -> dict:
    return dict(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        num_hidden_layers=layers,
        vocab_size=vocabulary,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
    ) | others


def default_rope(theta: float) -> dict:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=600.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=3.0,
    original_max_position_embeddings=24,
)
YARN = dict(
    rope_type="yarn",
    rope_theta=10000.0,
    factor=4.0,
    original_max_position_embeddings=24,
    beta_fast=3.0,
    beta_slow=0.5,
    truncate=False,
)
LONGROPE = dict(
    rope_type="longrope",
    rope_theta=1000.0,
    short_factor=[1.0, 1.1, 1.3, 1.2, 1.6],
    long_factor=[1.4, 2.5, 3.5, 5.0, 8.0],
    original_max_position_embeddings=16,
)

CONFIGURATIONS = {
    # Biases on attention and feed-forward layers.
    "llama-llama3": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(36, 3, 1, 56, 2, 97, rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True),
        dtype=torch.float32,
        must_matter={"llama3": default_rope(600.0)},
        long=300,
        adapters=pick(
            "default",
            "bias-all",
            "lora-only",
            "lora-bias",
            "embeddings",
            "trainable-tokens",
            "old-peft",
            biases=BIASES,
            untied=UNTIED,
        ),
    ),
    "llama-linear": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(
            40,
            5,
            5,
            44,
            2,
            89,
            rope_parameters={"rope_type": "linear", "rope_theta": 2000.0, "factor": 2.5},
            tie_word_embeddings=True,
        ),
        dtype=torch.bfloat16,
        transformers_4={"rope_scaling": {"type": "linear", "factor": 2.5}, "pretraining_tp": 1},
        must_matter={"linear": {"rope_scaling": None}},
        long=300,
        adapters=pick(
            "all-linear", "dora", "tied-embedding", "tied-head", "tied-both", "saved-embedding", "saved-tied", tied=TIED
        ),
    ),
    # The base of the frequencies grows with the length of a call.
    "llama-dynamic": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(
            32,
            4,
            2,
            52,
            2,
            83,
            head_dim=10,
            max_position_embeddings=16,
            rope_parameters={"rope_type": "dynamic", "rope_theta": 100.0, "factor": 3.0},
        ),
        dtype=torch.float16,
        transformers_4={"head_dim": 10, "rope_scaling": {"type": "dynamic", "factor": 3.0}},
        must_matter={"dynamic": {"rope_scaling": None}},
        short=13,
        long=300,
        adapters=pick("default", "rslora", "dora-rslora", "pissa", "lora-bias", "saved-head", untied=UNTIED),
    ),
    "llama-yarn": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(28, 2, 1, 60, 3, 79, rope_parameters=YARN),
        dtype=torch.bfloat16,
        must_matter={
            "yarn": default_rope(10000.0),
            "truncate = false": {"rope_parameters": YARN | {"truncate": True}},
            "beta_fast, beta_slow": {"rope_parameters": {k: v for k, v in YARN.items() if not k.startswith("beta")}},
            "yarn's factor of cosines": {"rope_parameters": YARN | {"attention_factor": 1.0}},
        },
        long=300,
        adapters=pick("regex", "patterns", "layers", "olora", "saved-norms", "resized"),
    ),
    # Calls longer than the first context use other frequencies; keys in the cache keep theirs.
    "llama-longrope": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(40, 4, 4, 36, 2, 73, max_position_embeddings=96, rope_parameters=LONGROPE),
        dtype=torch.float32,
        must_matter={
            "longrope": default_rope(1000.0),
            "long factors": {"rope_parameters": LONGROPE | {"original_max_position_embeddings": 90, "factor": 6.0}},
        },
        short=13,
        long=300,
        shard_size="40KB",
        adapters=pick("exclude", "default", "embedding-dora", "head", "saved-projection", untied=UNTIED),
    ),
}
