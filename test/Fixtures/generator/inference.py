"""Records token ids, and what the model computes from them with and without its adapter."""

import pathlib

import torch
from safetensors.torch import save_file

from .folders import generator, load_adapted, load_model

TOKENS = 37
LONG_TOKENS = 300
PROMPT_TOKENS = 9
GREEDY_TOKENS = 24

#: Two logits closer than this may have the other order in another correct implementation.
GREEDY_MARGIN = 0.02
#: A continuation that only repeats itself would not show that the cache is wrong.
GREEDY_DISTINCT = 6


@torch.no_grad()
def logits(model, ids: torch.Tensor) -> torch.Tensor:
    """[S, vocab] in F32."""
    return model(input_ids=ids[None].long(), use_cache=False).logits[0].float()


@torch.no_grad()
def greedy(model, prompt: torch.Tensor):
    """The continuation, and the smallest distance between the best and the second best logit of its steps."""
    ids = prompt
    margin = float("inf")
    for _ in range(GREEDY_TOKENS):
        last = logits(model, ids)[-1]
        best = last.topk(2).values
        margin = min(margin, (best[0] - best[1]).item())
        ids = torch.cat([ids, last.argmax()[None].int()])
    return ids[len(prompt) :], margin


def random_ids(vocabulary: int, count: int, *seed: str) -> torch.Tensor:
    return torch.randint(
        vocabulary, (count,), generator=generator(*seed), dtype=torch.int32
    )


def choose_prompt(base, adapted, seed: str):
    """Ids whose greedy continuations with and without the adapter have clear maxima and differ."""
    vocabulary = base.config.vocab_size
    for attempt in range(200):
        ids = random_ids(vocabulary, TOKENS, seed, "ids", str(attempt))
        continuations = []
        for model in (base, adapted):
            continuation, margin = greedy(model, ids[:PROMPT_TOKENS])
            if margin < GREEDY_MARGIN or len(continuation.unique()) < GREEDY_DISTINCT:
                break
            continuations.append(continuation)
        if len(continuations) == 2 and not torch.equal(*continuations):
            return ids, *continuations
    raise RuntimeError(f"{seed}: no prompt with a clear greedy continuation")


def largest_difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).abs().max()[None]


def record_logits(model_folder: pathlib.Path, adapter_folder: pathlib.Path, ids: torch.Tensor) -> dict:
    """Logits of the base, with the adapter unmerged, and with it merged; checks that they are plausible."""
    base = logits(load_model(model_folder), ids)
    adapted_model = load_adapted(model_folder, adapter_folder)
    adapted = logits(adapted_model, ids)
    merged = logits(adapted_model.merge_and_unload(), ids)
    spread = (base.amax(-1) - base.amin(-1)).min().item()
    effect = largest_difference(base, adapted).item()
    merge_error = largest_difference(adapted, merged).item()
    print(f"  spread {spread:.2f}, adapter's effect {effect:.2f}, merge error {merge_error:.1e}")
    assert spread > 2, "the logits are too flat to tell models apart"
    assert effect > 0.1, "the adapter changes too little"
    assert merge_error < 1e-5 * adapted.abs().max(), "merging is ill-conditioned"
    return {"logits.base": base, "logits.adapted": adapted, "logits.merged": merged}


def record_bf16_errors(model_folder: pathlib.Path, adapter_folder: pathlib.Path, ids, reference: dict) -> dict:
    """How far transformers' own bf16 run is from its F32 run."""
    base = logits(load_model(model_folder, torch.bfloat16), ids)
    adapted_model = load_adapted(model_folder, adapter_folder, torch.bfloat16)
    adapted = logits(adapted_model, ids)
    merged = logits(adapted_model.merge_and_unload(), ids)
    errors = {
        "bf16_error.base": largest_difference(base, reference["logits.base"]),
        "bf16_error.adapted": largest_difference(adapted, reference["logits.adapted"]),
        "bf16_error.merged": largest_difference(merged, reference["logits.merged"]),
    }
    print("  " + ", ".join(f"{name} {value.item():.3f}" for name, value in errors.items()))
    return errors


def record(model_folder: pathlib.Path, adapter_folder: pathlib.Path, path: pathlib.Path, seed: str):
    base = load_model(model_folder)
    adapted = load_adapted(model_folder, adapter_folder)
    ids, greedy_base, greedy_adapted = choose_prompt(base, adapted, seed)
    tensors = {
        "ids": ids,
        "greedy.base": greedy_base,
        "greedy.adapted": greedy_adapted,
    }
    tensors |= record_logits(model_folder, adapter_folder, ids)
    tensors |= record_bf16_errors(model_folder, adapter_folder, ids, tensors)

    with torch.no_grad():
        # The inner model of the adapted one: the adapter's layers are inside it.
        hidden = adapted.get_base_model().model(input_ids=ids[None].long())
    tensors["hidden.adapted"] = hidden.last_hidden_state[0]

    tensors["long_ids"] = random_ids(base.config.vocab_size, LONG_TOKENS, seed, "long")
    tensors["long_logits_last.adapted"] = logits(adapted, tensors["long_ids"])[-1]
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    path.chmod(0o644)
