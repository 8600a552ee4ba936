"""Mistral: every layer has a sliding window that is smaller than the prompt."""

import torch

from ..configuration import Configuration
from .decoders import TIED, UNTIED, pick
from .llama import default_rope, sizes

YARN = dict(
    rope_type="yarn",
    rope_theta=5000.0,
    factor=6.0,
    original_max_position_embeddings=32,
    beta_fast=6.0,
    mscale=0.7,
    mscale_all_dim=1.5,
)

CONFIGURATIONS = {
    "mistral-window": Configuration(
        architecture="MistralForCausalLM",
        config=sizes(40, 5, 1, 44, 2, 89, **default_rope(1000.0), head_dim=12, sliding_window=8),
        dtype=torch.float16,
        rows=(31,),
        transformers_4={"head_dim": 12},
        long=300,
        must_matter={"window": {"sliding_window": None}, "window of 8, not 9": {"sliding_window": 9}},
        adapters=pick("default", "dora-rslora", "olora", "resized", "head", "saved-norms", untied=UNTIED),
    ),
    "mistral-yarn": Configuration(
        architecture="MistralForCausalLM",
        config=sizes(
            28,
            2,
            2,
            60,
            3,
            67,
            rope_parameters=YARN,
            sliding_window=13,
            tie_word_embeddings=True,
        ),
        dtype=torch.bfloat16,
        rows=(31,),
        shard_size="30KB",
        must_matter={
            "window": {"sliding_window": None},
            "yarn": default_rope(5000.0),
            "mscale": {"rope_parameters": YARN | {"mscale": None}},
        },
        adapters=pick("patterns", "exclude", "pissa", "tied-both", "trainable-tokens", tied=TIED),
    ),
}
