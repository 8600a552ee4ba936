"""Adapters for decoders whose modules are named as Llama's; each configuration picks some of them."""

from dataclasses import replace

from ..configuration import Adapter
from .gpt2 import TIED_MERGE, TWICE_MERGED

NO_BIAS_MERGE = "PEFT refuses to merge a bias of B into a module that has none"

#: What adapter_config.json held in PEFT 0.7.
OLD_KEYS = """alpha_pattern auto_mapping base_model_name_or_path bias fan_in_fan_out inference_mode init_lora_weights
layers_pattern layers_to_transform loftq_config lora_alpha lora_dropout megatron_config megatron_core modules_to_save peft_type r
rank_pattern revision target_modules task_type""".split()


def keep_old_keys(config: dict):
    for key in config.keys() - OLD_KEYS:
        del config[key]


#: Adapters for any decoder.
ADAPTERS = {
    "default": Adapter(dict(r=3, lora_alpha=7)),
    "all-linear": Adapter(dict(r=2, lora_alpha=5, target_modules="all-linear")),
    "old-peft": Adapter(dict(r=2, lora_alpha=5, target_modules=["q_proj", "up_proj"]), edit_config=keep_old_keys),
    "rslora": Adapter(dict(r=5, lora_alpha=3, use_rslora=True, target_modules=["k_proj", "o_proj", "up_proj"])),
    "regex": Adapter(
        dict(r=3, lora_alpha=4, target_modules=r"model\.layers\.\d\..*(?<!down)_proj", exclude_modules=r".*\.1\..*\.k_proj")
    ),
    "patterns": Adapter(
        dict(
            r=3,
            lora_alpha=5,
            target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"],
            rank_pattern={"layers.0.self_attn.q_proj": 5, r"^model\.layers\.1\.mlp\..*": 2},
            alpha_pattern={"down_proj": 9, "v_proj": 2},
        )
    ),
    "layers": Adapter(
        dict(
            r=4,
            lora_alpha=6,
            init_lora_weights="orthogonal",
            target_modules=["q_proj", "down_proj", "model.layers.0.mlp.up_proj"],
            layers_to_transform=[1],
            layers_pattern="layers",
        )
    ),
    "exclude": Adapter(
        dict(
            r=3,
            lora_alpha=6,
            init_lora_weights="gaussian",
            target_modules="all-linear",
            exclude_modules=["k_proj", "layers.0.mlp.gate_proj", "0.self_attn.v_proj"],
        )
    ),
    "dora": Adapter(dict(r=3, lora_alpha=4, use_dora=True, target_modules=["q_proj", "v_proj", "down_proj"])),
    "dora-rslora": Adapter(dict(r=4, lora_alpha=3, use_dora=True, use_rslora=True, target_modules="all-linear")),
    "pissa": Adapter(dict(r=3, lora_alpha=5, init_lora_weights="pissa", target_modules=["q_proj", "o_proj", "up_proj"])),
    "olora": Adapter(dict(r=3, lora_alpha=2, init_lora_weights="olora", target_modules=["k_proj", "gate_proj", "down_proj"])),
    "lora-bias": Adapter(
        dict(r=3, lora_alpha=5, lora_bias=True, target_modules=["q_proj", "down_proj"]), merged=False, note=NO_BIAS_MERGE
    ),
    # PEFT takes every module whose name ends with "norm", including those of the layers.
    "saved-norms": Adapter(dict(r=2, lora_alpha=5, target_modules=["v_proj", "o_proj"], modules_to_save=["norm"])),
    "saved-embedding": Adapter(dict(r=2, lora_alpha=5, target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    # modules_to_save has precedence over the targets.
    "saved-projection": Adapter(
        dict(r=2, lora_alpha=5, target_modules=["q_proj", "o_proj"], modules_to_save=["layers.1.self_attn.o_proj"])
    ),
    "trainable-tokens": Adapter(
        dict(r=2, lora_alpha=5, target_modules=["v_proj"], trainable_token_indices=list(range(3, 60, 2)))
    ),
    "resized": Adapter(dict(r=2, lora_alpha=5, target_modules=["q_proj", "v_proj"]), vocabulary=101),
}

#: Adapters for models with biases.
BIASES = {
    "bias-all": Adapter(dict(r=3, lora_alpha=5, bias="all", target_modules=["q_proj", "down_proj"])),
    "lora-only": Adapter(dict(r=3, lora_alpha=5, bias="lora_only", target_modules=["k_proj", "v_proj", "up_proj"])),
    "lora-bias": Adapter(dict(r=3, lora_alpha=5, lora_bias=True, target_modules=["q_proj", "v_proj"])),
}

#: Adapters for models with a head of their own.
UNTIED = {
    "saved-head": Adapter(dict(r=2, lora_alpha=5, target_modules=["v_proj"], modules_to_save=["lm_head"])),
    "head": Adapter(dict(r=2, lora_alpha=5, target_modules=["v_proj", "lm_head"])),
    "embeddings": Adapter(dict(r=2, lora_alpha=5, target_modules=["lm_head", "embed_tokens", "k_proj"])),
    "embedding-dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["embed_tokens", "lm_head"])),
}

#: Adapters for models whose head is the embedding.
TIED = {
    "tied-embedding": Adapter(
        dict(r=2, lora_alpha=5, target_modules=["embed_tokens", "q_proj"]), merged=False, note=TIED_MERGE
    ),
    "tied-head": Adapter(dict(r=2, lora_alpha=5, target_modules=["lm_head", "q_proj"]), merged=False, note=TIED_MERGE),
    "tied-both": Adapter(
        dict(r=2, lora_alpha=5, target_modules=["embed_tokens", "lm_head", "v_proj"], ensure_weight_tying=True),
        merged=False,
        note=TWICE_MERGED,
    ),
    "tied-embedding-dora": Adapter(
        dict(r=2, lora_alpha=5, use_dora=True, target_modules=["embed_tokens"]), merged=False, note=TIED_MERGE
    ),
    "saved-tied": Adapter(
        dict(
            r=2, lora_alpha=5, target_modules=["k_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True
        )
    ),
}

#: The number of adapters for which a greedy continuation is recorded.
GREEDY = 2


def pick(*names: str, **groups: dict) -> dict[str, Adapter]:
    """The named adapters, searched first in the further groups; the first two get a greedy continuation."""
    known = ADAPTERS | {name: adapter for group in groups.values() for name, adapter in group.items()}
    return {name: replace(known[name], greedy=index < GREEDY) for index, name in enumerate(names)}
