"""Phi-3: q, k, v and gate, up in one matrix each; rotary positions on a part of each head. PEFT has no default targets."""

import torch

from ..configuration import Adapter, Configuration
from .decoders import UNTIED, pick
from .llama import sizes

PHI3 = {
    "qkv": Adapter(dict(r=3, lora_alpha=7, target_modules=["qkv_proj"])),
    "gate-up": Adapter(dict(r=4, lora_alpha=5, use_rslora=True, target_modules=["gate_up_proj", "o_proj"])),
    "fused-dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["qkv_proj", "gate_up_proj"])),
    "fused-pissa": Adapter(dict(r=3, lora_alpha=5, init_lora_weights="pissa", target_modules=["qkv_proj", "down_proj"])),
    "fused-olora": Adapter(dict(r=2, lora_alpha=3, init_lora_weights="olora", target_modules=["gate_up_proj"])),
    "fused-patterns": Adapter(
        dict(
            r=3,
            lora_alpha=5,
            target_modules=r".*\.(qkv_proj|gate_up_proj|down_proj)",
            rank_pattern={"gate_up_proj": 2, "layers.0.self_attn.qkv_proj": 5},
            alpha_pattern={"qkv_proj": 9},
        )
    ),
    "resized": Adapter(dict(r=2, lora_alpha=5, target_modules=["qkv_proj"]), vocabulary=90),
    "saved-head": Adapter(dict(r=2, lora_alpha=5, target_modules=["qkv_proj"], modules_to_save=["lm_head"])),
}

LONG = dict(
    type="longrope",
    short_factor=[1.0, 1.2, 1.1, 1.4],
    long_factor=[1.5, 2.0, 4.0, 7.0],
)

CONFIGURATIONS = {
    "phi3": Configuration(
        architecture="Phi3ForCausalLM",
        config=sizes(
            36,
            3,
            1,
            52,
            2,
            79,
            rope_parameters={"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 0.67},
            original_max_position_embeddings=512,
            sliding_window=11,
        ),
        dtype=torch.bfloat16,
        must_matter={
            "partial_rotary_factor": {
                "rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 1.0}
            },
            "window": {"sliding_window": None},
        },
        adapters=pick("qkv", "all-linear", "fused-dora", "fused-pissa", "gate-up", "resized", phi3=PHI3),
    ),
    # The first context is a key at the top level, which has precedence; also partial_rotary_factor.
    "phi3-longrope": Configuration(
        architecture="Phi3ForCausalLM",
        config=sizes(
            40,
            4,
            2,
            44,
            2,
            83,
            max_position_embeddings=112,
            original_max_position_embeddings=16,
            rope_parameters=LONG | {"rope_type": "longrope", "rope_theta": 200.0, "partial_rotary_factor": 0.8},
        ),
        dtype=torch.float16,
        transformers_4={"pad_token_id": None, "rope_scaling": LONG, "partial_rotary_factor": 0.8},
        short=13,
        long=300,
        must_matter={
            "longrope": {"rope_scaling": None},
            "partial_rotary_factor": {
                "partial_rotary_factor": 1.0,
                "rope_scaling": LONG | {k: LONG[k] + [9.0] for k in ("short_factor", "long_factor")},
            },
            "long factors": {"rope_scaling": LONG | {"long_factor": LONG["short_factor"]}},
            "original_max_position_embeddings": {"original_max_position_embeddings": 100},
        },
        adapters=pick(
            "fused-patterns", "exclude", "fused-olora", "embedding-dora", "saved-head", untied=UNTIED, phi3=PHI3
        )
        | {"head": UNTIED["head"]},
    ),
}
