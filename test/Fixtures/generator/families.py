"""For each model family: a small model with odd sizes, an adapter, and what is recorded for them.

Sizes are chosen to differ from each other and from multiples of vector widths, so that a swapped dimension or a
forgotten remainder changes a result.
"""

import pathlib
import shutil
from dataclasses import dataclass

import torch

from . import folders, inference, training

FIXTURES = pathlib.Path(__file__).resolve().parents[1]
REPOSITORY = FIXTURES.parents[1]


@dataclass(frozen=True)
class Family:
    """One model, one adapter, one training run."""

    model_type: str
    #: Arguments of the transformers configuration class.
    config: dict
    #: Type of the checkpoint's numbers.
    dtype: torch.dtype
    #: Arguments of peft.LoraConfig.
    lora: dict
    #: Norm that gradients are clipped to, between the norms of this family's steps.
    clip: float
    #: config.json as transformers 4 wrote it: these keys replace what transformers 5 writes.
    transformers_4: dict | None = None
    #: Largest size of a checkpoint file; smaller than the checkpoint makes shards.
    shard_size: str = "1MB"


def rope(theta: float) -> dict:
    return {"rope_type": "default", "rope_theta": theta}


FAMILIES = {
    # Separate head, no biases; the adapter that PEFT attaches by default, with targets by suffix.
    "llama": Family(
        model_type="llama",
        config=dict(
            hidden_size=48,
            num_attention_heads=6,
            num_key_value_heads=3,
            intermediate_size=80,
            num_hidden_layers=3,
            vocab_size=259,
            rms_norm_eps=1e-5,
            rope_parameters=rope(500000.0),
            tie_word_embeddings=False,
            attention_bias=False,
        ),
        dtype=torch.float32,
        lora=dict(r=3, lora_alpha=7, target_modules=["q_proj", "v_proj"]),
        clip=3.0,
        transformers_4={"pretraining_tp": 1, "rope_scaling": None},
    ),
    # Biases on q, k, v and o.
    "llama-bias": Family(
        model_type="llama",
        config=dict(
            hidden_size=40,
            num_attention_heads=5,
            num_key_value_heads=5,
            intermediate_size=68,
            num_hidden_layers=2,
            vocab_size=131,
            rms_norm_eps=1e-6,
            rope_parameters=rope(10000.0),
            tie_word_embeddings=False,
            attention_bias=True,
        ),
        dtype=torch.bfloat16,
        lora=dict(r=2, lora_alpha=5, target_modules=["q_proj", "k_proj", "o_proj"]),
        clip=2.3,
    ),
    # One key/value head, heads * head_dim != hidden size, every linear adapted.
    "mistral": Family(
        model_type="mistral",
        config=dict(
            hidden_size=40,
            num_attention_heads=5,
            num_key_value_heads=1,
            head_dim=16,
            intermediate_size=76,
            num_hidden_layers=3,
            vocab_size=263,
            rms_norm_eps=1e-5,
            rope_parameters=rope(1000000.0),
            sliding_window=None,
            tie_word_embeddings=False,
        ),
        dtype=torch.bfloat16,
        lora=dict(r=4, lora_alpha=8, target_modules="all-linear"),
        clip=3.0,
    ),
    # Biases on q, k, v; tied embeddings; a window that use_sliding_window = false disables; targets by regular
    # expression.
    "qwen2": Family(
        model_type="qwen2",
        config=dict(
            hidden_size=56,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=84,
            num_hidden_layers=3,
            vocab_size=261,
            rms_norm_eps=1e-6,
            rope_parameters=rope(250000.0),
            use_sliding_window=False,
            max_window_layers=1,
            tie_word_embeddings=True,
        ),
        dtype=torch.float16,
        lora=dict(
            r=4,
            lora_alpha=6,
            target_modules=r".*\.layers\.(0|2)\.(self_attn\.(q_proj|k_proj|o_proj)|mlp\.(up|down)_proj)",
            rank_pattern={"layers.0.self_attn.q_proj": 5, "down_proj": 2},
            alpha_pattern={"layers.2.self_attn.k_proj": 9, "up_proj": 3},
        ),
        clip=3.0,
        transformers_4={"sliding_window": 64},
    ),
    # Norms on q and k, a head_dim of its own, tied embeddings, a checkpoint in shards; some layers without an
    # adapter.
    "qwen3": Family(
        model_type="qwen3",
        config=dict(
            hidden_size=44,
            num_attention_heads=6,
            num_key_value_heads=3,
            head_dim=24,
            intermediate_size=92,
            num_hidden_layers=3,
            vocab_size=257,
            rms_norm_eps=1e-6,
            rope_parameters=rope(1000000.0),
            tie_word_embeddings=True,
        ),
        dtype=torch.float32,
        lora=dict(
            r=3,
            lora_alpha=2,
            use_rslora=True,
            target_modules=[
                "q_proj",
                "k_proj",
                "v_proj",
                "o_proj",
                "gate_proj",
                "up_proj",
                "down_proj",
            ],
            layers_to_transform=[0, 2],
        ),
        clip=1.75,
        shard_size="120KB",
    ),
}


def generate(name: str):
    family = FAMILIES[name]
    folder = FIXTURES / name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    model_folder = folder / "model"
    adapter_folder = folder / "adapter"

    config = folders.make_config(family.model_type, family.config)
    model = folders.random_model(config, name)
    folders.save_model(
        model, model_folder, family.dtype, family.shard_size, family.transformers_4
    )
    base = folders.load_model(model_folder)
    folders.save_random_adapter(
        base, family.lora, adapter_folder, name, str(model_folder.relative_to(REPOSITORY))
    )

    inference.record(model_folder, adapter_folder, folder / "reference.safetensors", name)
    training.record(model_folder, adapter_folder, folder, name, family.clip)
