"""What a model computes from rows of ids: per task one tensor or one per row."""

import torch

from .configuration import HIDDEN, SEQUENCE_CLASSIFICATION
from .inference import GREEDY_TOKENS


def forget_lengths(model):
    """`dynamic` rotary positions depend on the longest earlier call; this resets them."""
    for module in model.modules():
        if hasattr(module, "max_seq_len_cached") and hasattr(module, "original_inv_freq"):
            module.inv_freq = module.original_inv_freq.clone()
            module.max_seq_len_cached = module.original_max_seq_len


def forward(model, row: dict, **arguments):
    forget_lengths(model)
    inputs = {name: value[None].long() for name, value in row.items()}
    return model(**inputs, **arguments)


def of_row(model, task: str, row: dict) -> torch.Tensor:
    """[tokens, vocabulary], [tokens, labels], [tokens, hidden] or [labels]."""
    output = forward(model, row)
    return (output.last_hidden_state if task == HIDDEN else output.logits)[0].float()


def of_rows(model, task: str, rows: list[dict]) -> list[torch.Tensor]:
    """One result per row, each computed alone, so that nothing is padded."""
    with torch.no_grad():
        return [of_row(model, task, row) for row in rows]


def pooled_rows(model, rows: list[dict]) -> torch.Tensor:
    """[rows, hidden]: what the pooler of a bare encoder computes, each row alone."""
    with torch.no_grad():
        return torch.stack([forward(model, row).pooler_output[0].float() for row in rows])


def encoder_of(model):
    """The encoder of a model with a head, with the adapter's layers."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(model, model.base_model_prefix, model)


def named(name: str, task: str, results: list[torch.Tensor], only: bool) -> dict[str, torch.Tensor]:
    """The tensors with a task's results: [rows, labels], or one for each row, numbered if there are several."""
    if task == SEQUENCE_CLASSIFICATION:
        return {name: torch.stack(results)}
    return {name if only else f"{name}.{index}": value for index, value in enumerate(results)}


def padded(rows: list[dict], padding: int) -> dict[str, torch.Tensor]:
    """A batch of rows padded on the right, with its attention mask."""
    width = max(len(row["input_ids"]) for row in rows)

    def pad(values, fill):
        return torch.stack([torch.nn.functional.pad(value, (0, width - len(value)), value=fill) for value in values])

    batch = {"input_ids": pad([row["input_ids"] for row in rows], padding).long()}
    batch["attention_mask"] = pad([torch.ones_like(row["input_ids"]) for row in rows], 0).long()
    if "token_type_ids" in rows[0]:
        batch["token_type_ids"] = pad([row["token_type_ids"] for row in rows], 0).long()
    return batch


def computes_cache_again(model) -> bool:
    """Whether `generate` recomputes all keys and values when a continuation exceeds the original context."""
    rope = getattr(model.config, "rope_parameters", None) or {}
    return model.config.model_type == "phi3" and rope.get("rope_type") == "longrope"


@torch.no_grad()
def greedy(model, prompt: torch.Tensor, least_margin: float = 0.0, cached: bool = True, again: bool | None = None):
    """The continuation step by step, or None if the two best logits of a step differ by less than `least_margin`.

    With `cached`, keys and values of earlier steps are reused, rotated as in their own step; `again` is
    `computes_cache_again` unless it is given.
    """
    again = computes_cache_again(model) if again is None else again
    original = getattr(model.config, "original_max_position_embeddings", None)
    ids = prompt
    output = forward(model, {"input_ids": ids}, use_cache=cached)
    while True:
        best = output.logits[0, -1].float().topk(2)
        if (best.values[0] - best.values[1]).item() < least_margin:
            return None
        ids = torch.cat([ids, best.indices[:1].int()])
        if len(ids) == len(prompt) + GREEDY_TOKENS:
            return ids[len(prompt) :]
        if cached and not (again and len(ids) == original + 1):
            # `forward` is not used, because the lengths of earlier steps matter.
            output = model(
                input_ids=ids[-1:][None].long(), past_key_values=output.past_key_values, use_cache=True
            )
        else:
            output = forward(model, {"input_ids": ids}, use_cache=cached)
