"""Adapters of models whose vocabulary was resized before get_peft_model."""

import torch

from ..configuration import Adapter, Configuration
from .gpt2 import TIED_MERGE
from .llama import sizes

SIZE, GROWN, CUT = 61, 67, 53

CONFIGURATIONS = {
    "llama-new-tokens": Configuration(
        architecture="LlamaForCausalLM",
        config=sizes(24, 3, 1, 36, 2, SIZE, tie_word_embeddings=True),
        dtype=torch.float16,
        # Saved with the base weight of lm_head, which equals the checkpoint's.
        training=("same-head", 1.2),
        adapters={
            "same-head": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["q_proj", "lm_head"]), merged=False, note=TIED_MERGE
            ),
            "saved-both": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]),
                vocabulary=GROWN,
                greedy=True,
                note="each table is in the file three times",
            ),
            "head": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["q_proj", "lm_head"]),
                vocabulary=GROWN,
                merged=False,
                note=TIED_MERGE,
            ),
            "rows-head": Adapter(
                dict(
                    r=2, lora_alpha=5, target_modules=["v_proj", "lm_head"], trainable_token_indices=list(range(SIZE, GROWN))
                ),
                vocabulary=GROWN,
                save_embedding_layers=False,
                merged=False,
                note="the new rows are in no table, and the head has them, too",
            ),
            "cut-embedding": Adapter(
                dict(r=2, lora_alpha=5, use_dora=True, target_modules=["k_proj", "embed_tokens"]),
                vocabulary=CUT,
                save_embedding_layers=False,
                merged=False,
                note=TIED_MERGE,
            ),
        },
    ),
    "gpt2-new-tokens": Configuration(
        architecture="GPT2LMHeadModel",
        config=dict(n_embd=20, n_head=2, n_layer=2, n_inner=36, vocab_size=SIZE, n_positions=37, tie_word_embeddings=False),
        dtype=torch.float32,
        rows=(23,),
        adapters={
            "saved-both": Adapter(
                dict(r=2, lora_alpha=5, target_modules=["c_fc"], modules_to_save=["wte", "lm_head"], bias="all"),
                vocabulary=GROWN,
                greedy=True,
            ),
            "embedding-dora": Adapter(
                dict(r=2, lora_alpha=5, use_dora=True, target_modules=["c_attn", "wte"]),
                vocabulary=GROWN,
                note="PEFT saves the magnitudes of wte under two names",
            ),
        },
    ),
}
