"""Qwen 2 and 3: biases on q, k, v or norms on q and k; windows on some layers only."""

import torch

from ..configuration import Configuration
from .decoders import BIASES, TIED, UNTIED, pick
from .gemma import FULL, SLIDING
from .llama import default_rope, sizes

YARN = dict(rope_type="yarn", rope_theta=5000.0, factor=4.0, original_max_position_embeddings=24)

CONFIGURATIONS = {
    # Layers from max_window_layers on have a window; `layer_types` is absent.
    "qwen2-window": Configuration(
        architecture="Qwen2ForCausalLM",
        config=sizes(
            36, 3, 1, 44, 3, 71, **default_rope(3000.0), use_sliding_window=True, sliding_window=7, max_window_layers=1
        ),
        dtype=torch.bfloat16,
        transformers_4={},
        must_matter={
            "window": {"use_sliding_window": False},
            "window of 7, not 8": {"sliding_window": 8},
            "max_window_layers": {"max_window_layers": 0},
        },
        adapters=pick("regex", "bias-all", "dora", "embeddings", "layers", biases=BIASES, untied=UNTIED),
    ),
    "qwen2-layers": Configuration(
        architecture="Qwen2ForCausalLM",
        config=sizes(
            28,
            2,
            1,
            52,
            3,
            79,
            rope_parameters=YARN,
            use_sliding_window=True,
            sliding_window=6,
            layer_types=[SLIDING, FULL, SLIDING],
            tie_word_embeddings=True,
        ),
        dtype=torch.float32,
        must_matter={
            "window": {"sliding_window": 64},
            "layer_types": {"layer_types": [FULL, FULL, SLIDING]},
            "yarn": default_rope(5000.0),
        },
        adapters=pick(
            "default", "lora-only", "lora-bias", "tied-embedding", "tied-head", "trainable-tokens", biases=BIASES, tied=TIED
        ),
    ),
    "qwen3-window": Configuration(
        architecture="Qwen3ForCausalLM",
        config=sizes(
            32,
            4,
            2,
            44,
            3,
            73,
            **default_rope(2000.0),
            head_dim=10,
            attention_bias=True,
            use_sliding_window=True,
            sliding_window=5,
            max_window_layers=2,
        ),
        dtype=torch.float16,
        must_matter={
            "window": {"layer_types": [FULL, FULL, FULL]},
            "layer_types": {"layer_types": [FULL, SLIDING, SLIDING]},
        },
        adapters=pick("all-linear", "bias-all", "rslora", "embedding-dora", "saved-head", biases=BIASES, untied=UNTIED),
    ),
    "qwen3-yarn": Configuration(
        architecture="Qwen3ForCausalLM",
        config=sizes(
            40, 4, 1, 36, 2, 83, rope_parameters=YARN, head_dim=12, use_sliding_window=False, tie_word_embeddings=True
        ),
        dtype=torch.bfloat16,
        transformers_4={
            "head_dim": 12,
            "sliding_window": 9,
            "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24},
        },
        must_matter={"yarn": {"rope_scaling": None}},
        long=300,
        adapters=pick("exclude", "dora", "pissa", "saved-tied", "tied-embedding-dora", "resized", tied=TIED),
    ),
}
