"""Gemma 2 and 3: norms that multiply by 1 + weight, scaled embeddings, windows on some layers, always a tied head."""

import torch

from ..configuration import Configuration
from ..folders import ABSENT
from .decoders import BIASES, TIED, pick
from .llama import sizes

FULL, SLIDING = "full_attention", "sliding_attention"

GEMMA2 = dict(
    head_dim=12,
    query_pre_attn_scalar=20,
    attn_logit_softcapping=2.0,
    final_logit_softcapping=6.0,
    sliding_window=7,
    rms_norm_eps=1e-6,
)


def gemma3_rope(full: dict, sliding: dict) -> dict:
    return {"rope_parameters": {FULL: full, SLIDING: sliding}}


TWO_BASES = gemma3_rope(
    {"rope_type": "linear", "rope_theta": 100000.0, "factor": 4.0}, {"rope_type": "default", "rope_theta": 500.0}
)

CONFIGURATIONS = {
    # Layers 0 and 2 have a window: `layer_types` agrees with the rule by layer number.
    "gemma2": Configuration(
        architecture="Gemma2ForCausalLM",
        config=sizes(36, 4, 2, 52, 3, 73, **GEMMA2),
        dtype=torch.float16,
        transformers_4={"head_dim": 12, "hidden_act": "gelu_pytorch_tanh", "cache_implementation": "hybrid"},
        must_matter={
            "window": {"sliding_window": 64},
            "window of 7, not 8": {"sliding_window": 8},
            "layers that alternate": {"layer_types": [SLIDING, SLIDING, SLIDING]},
            "softcap of scores": {"attn_logit_softcapping": None},
            "softcap of logits": {"final_logit_softcapping": None},
            "query_pre_attn_scalar": {"query_pre_attn_scalar": 12},
        },
        adapters=pick(
            "default", "tied-embedding", "dora", "saved-norms", "pissa", "trainable-tokens", "tied-both", tied=TIED
        ),
    ),
    "gemma2-bias": Configuration(
        architecture="Gemma2ForCausalLM",
        config=sizes(
            28,
            2,
            1,
            60,
            2,
            79,
            **GEMMA2 | dict(head_dim=18, layer_types=[FULL, SLIDING]),
            attention_bias=True,
            hidden_activation="gelu",
        ),
        dtype=torch.bfloat16,
        rows=(27,),
        must_matter={
            "layer_types": {"layer_types": [SLIDING, FULL]},
            "gelu": {"hidden_activation": "relu"},
        },
        adapters=pick("all-linear", "bias-all", "rslora", "olora", "saved-embedding", "resized", biases=BIASES),
    ),
    # Two bases, frequencies of full layers scaled.
    "gemma3": Configuration(
        architecture="Gemma3ForCausalLM",
        config=sizes(
            32,
            4,
            1,
            44,
            3,
            67,
            **TWO_BASES,
            head_dim=10,
            query_pre_attn_scalar=6,
            sliding_window=9,
            layer_types=[SLIDING, FULL, SLIDING],
        ),
        dtype=torch.bfloat16,
        long=300,
        must_matter={
            "window": {"sliding_window": 64},
            "linear": gemma3_rope({"rope_type": "default", "rope_theta": 100000.0}, TWO_BASES["rope_parameters"][SLIDING]),
            "two bases": gemma3_rope(*[TWO_BASES["rope_parameters"][FULL]] * 2),
            "query_pre_attn_scalar": {"query_pre_attn_scalar": 10},
        },
        adapters=pick("regex", "patterns", "dora-rslora", "tied-head", "saved-tied", "saved-norms", tied=TIED),
    ),
    # As transformers 4 wrote it: sliding_window_pattern, rope_local_base_freq and rope_scaling.
    "gemma3-pattern": Configuration(
        architecture="Gemma3ForCausalLM",
        config=sizes(
            24,
            3,
            3,
            52,
            3,
            71,
            **gemma3_rope(
                {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}, {"rope_type": "default", "rope_theta": 40.0}
            ),
            head_dim=8,
            query_pre_attn_scalar=11,
            sliding_window=6,
            layer_types=[SLIDING, SLIDING, FULL],
        ),
        dtype=torch.float32,
        transformers_4={
            "head_dim": 8,
            "rope_local_base_freq": 40.0,
            "rope_scaling": {"factor": 2.0, "rope_type": "linear"},
            "sliding_window_pattern": 3,
            "_sliding_window_pattern": ABSENT,
        },
        must_matter={
            "window": {"sliding_window": 64},
            "sliding_window_pattern": {"sliding_window_pattern": 2},
            "rope_scaling": {"rope_scaling": None},
            "rope_local_base_freq": {"rope_local_base_freq": 5000.0},
        },
        adapters=pick(
            "layers", "exclude", "default", "tied-embedding-dora", "lora-bias", "trainable-tokens", tied=TIED
        ),
    ),
}
