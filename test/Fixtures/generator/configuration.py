"""Defines a configuration: a small model, its adapters, and the features that must change its results."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

#: What a model computes; fixture.json has the same values.
LANGUAGE_MODEL = "language_model"
MASKED_LANGUAGE_MODEL = "masked_language_model"
HIDDEN = "hidden"
SEQUENCE_CLASSIFICATION = "sequence_classification"
TOKEN_CLASSIFICATION = "token_classification"


@dataclass(frozen=True)
class Adapter:
    """One adapter of a configuration."""

    #: Arguments of peft.LoraConfig.
    lora: dict
    #: Class that the adapter is made for, where it is not the checkpoint's, and its number of labels.
    architecture: str | None = None
    labels: int | None = None
    #: What is computed with it, if it differs from what the configuration's base computes.
    task: str | None = None
    #: Rows of the embeddings after model.resize_token_embeddings, which users call before get_peft_model.
    vocabulary: int | None = None
    #: Argument of save_pretrained.
    save_embedding_layers: bool | str = "auto"
    #: Record a greedy continuation.
    greedy: bool = False
    #: Whether PEFT's own merge computes the same; if not, `note` says why.
    merged: bool = True
    note: str = ""
    #: Trained tensors that cannot change the result, as parts of their names.
    without_effect: tuple[str, ...] = ()
    #: Changes the written folder's configuration to what older versions wrote.
    edit_config: Callable[[dict], None] | None = None


@dataclass(frozen=True)
class Configuration:
    """One model folder and everything that is recorded for it."""

    #: transformers' class of the checkpoint.
    architecture: str
    #: Arguments of its configuration class.
    config: dict
    #: Type of the checkpoint's numbers.
    dtype: torch.dtype
    adapters: dict[str, Adapter]
    task: str = LANGUAGE_MODEL
    #: Number of ids; several numbers make a batch of rows, all of different lengths.
    rows: tuple[int, ...] = (29,)
    #: config.json as transformers 4 wrote it: these keys replace what transformers 5 writes.
    transformers_4: dict | None = None
    #: Largest size of a checkpoint file; smaller than the checkpoint makes shards.
    shard_size: str = "1MB"
    #: Changes names and tensors of the checkpoint to those that other programs and old versions wrote.
    edit_checkpoint: Callable[[dict], dict] | None = None
    #: For each feature the keys of config.json that switch it off; each must change the result.
    must_matter: dict[str, dict] = field(default_factory=dict)
    #: Rotary positions that depend on the length of a call: also record a prompt of this many ids.
    short: int | None = None
    #: Also record the last logits of a prompt of this many ids.
    long: int | None = None
    #: Also record a training run: the adapter, and the norm that gradients are clipped to.
    training: tuple[str, float] | None = None
    #: Also record adapters that are active together: in the order in which PEFT loads them, each with its weight.
    combinations: dict[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    note: str = ""
