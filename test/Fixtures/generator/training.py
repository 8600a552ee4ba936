"""Records a training run of an adapter: rows, gradients of the first step, losses and final tensors."""

import json
import pathlib

import torch
from peft import get_peft_model_state_dict
from safetensors.torch import save_file

from .folders import generator, load_adapted
from .inference import largest_difference, random_ids

STEPS = 20
BATCH_SIZE = 3
LEARNING_RATE = 1e-2
BETAS = (0.9, 0.98)
EPSILON = 1e-8
WEIGHT_DECAY = 0.1

IGNORED = -100
#: Row lengths: all different, and no multiple of the batch size, so that batches wrap around.
LENGTHS = (11, 5, 23, 17, 8, 14, 20)
#: The row without labels; its labels are its ids.
ROW_WITHOUT_LABELS = 2


def make_rows(vocabulary: int, seed: str) -> list[dict]:
    rows = []
    for index, length in enumerate(LENGTHS):
        ids = random_ids(vocabulary, length, seed, "row", str(index))
        row = {"input_ids": ids.tolist()}
        if index != ROW_WITHOUT_LABELS:
            labels = ids.clone()
            # A prompt that is not learned, and a few tokens inside the answer.
            labels[: length // 3] = IGNORED
            inside = torch.rand(length, generator=generator(seed, "ignored", str(index)))
            labels[inside < 0.15] = IGNORED
            labels[-1] = ids[-1]
            row["labels"] = labels.tolist()
        rows.append(row)
    # Labels need not be the ids.
    rows[0]["labels"][-2] = (rows[0]["input_ids"][-2] + 1) % vocabulary
    return rows


def write_rows(rows: list[dict], path: pathlib.Path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def make_batch(rows: list[dict], step: int, batch_size: int) -> dict:
    """Rows in order, padded on the right; after the last row, the first follows."""
    batch = [rows[(step * batch_size + i) % len(rows)] for i in range(batch_size)]
    width = max(len(row["input_ids"]) for row in batch)
    padded = {"input_ids": [], "attention_mask": [], "labels": []}
    for row in batch:
        ids = row["input_ids"]
        padding = width - len(ids)
        padded["input_ids"].append(ids + [0] * padding)
        padded["attention_mask"].append([1] * len(ids) + [0] * padding)
        padded["labels"].append(row.get("labels", ids) + [IGNORED] * padding)
    return {name: torch.tensor(value) for name, value in padded.items()}


def train(model, rows: list[dict], clip: float, steps=STEPS, batch_size=BATCH_SIZE):
    """AdamW over the adapter: (losses, gradient norms before clipping, first gradients by PEFT's saved names)."""
    trained = {
        name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    optimizer = torch.optim.AdamW(
        trained.values(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY
    )
    losses, norms, first_gradients = [], [], {}
    for step in range(steps):
        loss = model(**make_batch(rows, step, batch_size), use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            first_gradients = {name: parameter.grad.clone() for name, parameter in trained.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), clip).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms, first_gradients


def relative_difference(a: dict, b: dict) -> float:
    """The largest max|a - b| / max|b| of all tensors."""
    return max((largest_difference(a[name], b[name]) / b[name].abs().max()).item() for name in b)


def record(model_folder: pathlib.Path, adapter_folder: pathlib.Path, folder: pathlib.Path, seed: str, clip: float):
    model = load_adapted(model_folder, adapter_folder, trainable=True)
    rows = make_rows(model.config.vocab_size, seed)
    write_rows(rows, folder / "train.jsonl")
    losses, norms, gradients = train(model, rows, clip)
    # Without the base weights of targeted embeddings, which are not trained.
    final = get_peft_model_state_dict(model, save_embedding_layers=False)
    assert gradients.keys() == final.keys()
    clipped = sum(norm > clip for norm in norms)
    print(f"  loss {losses[0]:.4f} -> {losses[-1]:.4f}, norms {min(norms):.3f} .. {max(norms):.3f}, clipped {clipped}")
    assert 0 < clipped < STEPS, "the clipping norm lies outside the norms of the steps"
    assert min(losses) < losses[0] - 0.1, "the loss does not move"

    # The same run in double precision shows how much of the recorded numbers is rounding.
    double = load_adapted(model_folder, adapter_folder, trainable=True).double()
    losses_64, norms_64, gradients_64 = train(double, rows, clip)
    deviation = {
        "losses": max(abs(a - b) / abs(b) for a, b in zip(losses, losses_64)),
        "gradient_norms": max(abs(a - b) / abs(b) for a, b in zip(norms, norms_64)),
        "gradients": relative_difference(gradients, gradients_64),
        "final": relative_difference(final, get_peft_model_state_dict(double, save_embedding_layers=False)),
    }
    print("  double precision differs by " + ", ".join(f"{k} {v:.1e}" for k, v in deviation.items()))
    assert max(deviation[key] for key in ("losses", "gradients")) < 1e-5, "the run is ill-conditioned"

    tensors = {f"grad.{name}": value for name, value in gradients.items()}
    tensors |= {f"final.{name}": value.detach() for name, value in final.items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "train_reference.safetensors")
    (folder / "train_reference.safetensors").chmod(0o644)
    report = {
        "hyperparameters": {
            "optimizer": "AdamW",
            "steps": STEPS,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "betas": BETAS,
            "eps": EPSILON,
            "weight_decay": WEIGHT_DECAY,
            "clip": clip,
        },
        "losses": losses,
        "gradient_norms": norms,
        "float64_relative_deviation": deviation,
    }
    (folder / "train_reference.json").write_text(json.dumps(report, indent=2) + "\n")
