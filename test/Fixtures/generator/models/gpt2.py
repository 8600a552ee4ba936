"""GPT-2: Conv1D weights [in, out], learned positions, a head that is always tied unless config.json says otherwise."""

import torch

from ..configuration import SEQUENCE_CLASSIFICATION, Adapter, Configuration

TIED_MERGE = (
    "PEFT's merge adds the delta to the tensor that the embedding and the head share; unmerged, only one of them has it"
)
TWICE_MERGED = "PEFT's merge adds the delta twice to the tensor that the embedding and the head share"


def add_mask_buffers(tensors: dict) -> dict:
    """The causal masks that old checkpoints of GPT-2 have in each layer."""
    positions = tensors["transformer.wpe.weight"].shape[0]
    for name in [name for name in tensors if name.endswith("attn.c_attn.weight")]:
        layer = name.removesuffix("c_attn.weight")
        tensors[f"{layer}bias"] = torch.ones(positions, positions).tril()[None, None]
        tensors[f"{layer}masked_bias"] = torch.tensor(-1e4)
    return tensors


def without_prefix(tensors: dict) -> dict:
    return {name.removeprefix("transformer."): value for name, value in tensors.items()}


CONFIGURATIONS = {
    # attn.c_proj is square: only its class determines its orientation.
    "gpt2": Configuration(
        architecture="GPT2LMHeadModel",
        config=dict(n_embd=40, n_head=5, n_layer=2, vocab_size=97, n_positions=41),
        dtype=torch.float16,
        transformers_4={},
        edit_checkpoint=add_mask_buffers,
        training=("all-linear", 2.0),
        combinations={
            "sum": (("all-linear", 0.5), ("tied-embedding", -0.75), ("default", 1.0), ("default", 0.25)),
            # PEFT ignores its biases if an adapter before it has the same layers.
            "dora": (("bias-all", 1.0), ("dora", 0.6), ("default", 0.5)),
            "saved": (("saved", 0.5), ("pissa", 0.3), ("default", 1.5)),
        },
        must_matter={
            "gelu_new": {"activation_function": "relu"},
            "scaled attention": {"scale_attn_weights": False},
        },
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7), greedy=True),
            "all-linear": Adapter(
                dict(r=2, lora_alpha=3, use_rslora=True, target_modules="all-linear"), greedy=True
            ),
            "dora": Adapter(dict(r=3, lora_alpha=4, use_dora=True, target_modules=["c_attn", "mlp.c_proj"])),
            "bias-all": Adapter(
                dict(r=4, lora_alpha=6, init_lora_weights="orthogonal", bias="all", target_modules=["attn.c_proj"]),
                without_effect=(),
            ),
            "pissa": Adapter(dict(r=3, lora_alpha=5, init_lora_weights="pissa", target_modules=["c_proj", "c_attn"])),
            "embedding-dora": Adapter(
                dict(r=3, lora_alpha=4, use_dora=True, target_modules=["wte", "c_fc"]), merged=False, note=TIED_MERGE
            ),
            "tied-embedding": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["wte", "c_attn"], ensure_weight_tying=True),
                merged=False,
                note=TWICE_MERGED,
            ),
            "saved": Adapter(
                dict(
                    r=2,
                    lora_alpha=4,
                    target_modules=["c_fc", "c_proj"],
                    exclude_modules=["h.1.attn.c_proj"],
                    modules_to_save=["wte", "ln_f"],
                ),
                note="modules_to_save takes the embedding alone, which unties it from the head",
            ),
        },
    ),
    "gpt2-inner": Configuration(
        architecture="GPT2LMHeadModel",
        config=dict(
            n_embd=28,
            n_head=4,
            n_layer=3,
            n_inner=52,
            vocab_size=83,
            n_positions=37,
            activation_function="gelu",
            layer_norm_epsilon=1e-2,
            tie_word_embeddings=False,
        ),
        dtype=torch.bfloat16,
        rows=(27,),
        edit_checkpoint=without_prefix,
        combinations={
            "olora": (("olora", 0.5), ("lora-bias", 1.5), ("lora-only", 0.3), ("head", 0.8)),
            # PEFT cannot load another adapter after one with trained tokens.
            "tokens": (("patterns", 1.0), ("layers", -1.0), ("trainable-tokens", 0.5)),
        },
        must_matter={
            "gelu": {"activation_function": "relu"},
            "layer_norm_epsilon": {"layer_norm_epsilon": 1e-5},
        },
        adapters={
            "layers": Adapter(
                dict(
                    r=3,
                    lora_alpha=4,
                    target_modules=["c_attn", "c_fc"],
                    layers_to_transform=[0, 2],
                    layers_pattern="h",
                ),
                greedy=True,
            ),
            "patterns": Adapter(
                dict(
                    r=3,
                    lora_alpha=5,
                    target_modules=r"transformer\.h\.\d\.(attn\.c_(?!proj)\w+|mlp\.c_(fc|proj))",
                    rank_pattern={"h.1.attn.c_attn": 5, "c_fc": 2},
                    alpha_pattern={r"^transformer.h.0.mlp.c_proj": 9, "c_attn": 3},
                ),
                greedy=True,
            ),
            "olora": Adapter(
                dict(r=3, lora_alpha=2, init_lora_weights="olora", target_modules=["attn.c_proj"]),
                note="PEFT decomposes the matrix of a Conv1D as it is, [in, out], so that only a square one works",
            ),
            "lora-bias": Adapter(dict(r=2, lora_alpha=5, lora_bias=True, target_modules=["c_proj"])),
            "lora-only": Adapter(dict(r=2, lora_alpha=5, bias="lora_only", target_modules=["mlp.c_fc", "attn.c_proj"])),
            "head": Adapter(dict(r=3, lora_alpha=5, target_modules=["lm_head", "wte", "wpe"])),
            "trainable-tokens": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["c_attn"], trainable_token_indices={"wte": list(range(5, 60, 3))})
            ),
            "resized": Adapter(
                dict(r=2, lora_alpha=3, init_lora_weights="gaussian", target_modules=["c_attn"]), vocabulary=87
            ),
        },
    ),
    # Rows are pooled at the last id that is not padding.
    "gpt2-seqcls": Configuration(
        architecture="GPT2ForSequenceClassification",
        config=dict(n_embd=24, n_head=3, n_layer=2, vocab_size=71, n_positions=31, num_labels=3, pad_token_id=5),
        dtype=torch.float32,
        task=SEQUENCE_CLASSIFICATION,
        rows=(13, 27, 8, 21),
        adapters={
            "default": Adapter(dict(r=3, lora_alpha=7)),
            "all-linear": Adapter(dict(r=2, lora_alpha=5, target_modules="all-linear")),
            "dora": Adapter(dict(r=3, lora_alpha=5, use_dora=True, target_modules=["c_attn", "c_fc"])),
            "bias-all": Adapter(dict(r=2, lora_alpha=5, bias="all", target_modules=["c_fc"])),
            "saved": Adapter(dict(r=2, lora_alpha=5, target_modules=["c_attn"], modules_to_save=["ln_f"])),
        },
    ),
}
