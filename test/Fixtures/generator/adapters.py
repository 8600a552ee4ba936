"""Adapters as PEFT writes them. Every trained tensor is filled with random numbers large enough to change the results."""

import json
import pathlib

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from .configuration import Adapter, Configuration
from .folders import fill, generator, load

#: PEFT's task_type of an adapter, per task.
TASK_TYPES = {
    "language_model": "CAUSAL_LM",
    "masked_language_model": None,
    "hidden": "FEATURE_EXTRACTION",
    "sequence_classification": "SEQ_CLS",
    "token_classification": "TOKEN_CLS",
}


def task_of(configuration: Configuration, adapter: Adapter) -> str:
    return adapter.task or configuration.task


def load_base(folder: pathlib.Path, configuration: Configuration, adapter: Adapter, dtype):
    """The base model of the adapter, with a resized vocabulary if the adapter has one."""
    labels = {} if adapter.labels is None else {"num_labels": adapter.labels}
    torch.manual_seed(1)  # Of weights that the checkpoint lacks: the adapter replaces them.
    model = load(folder, adapter.architecture or configuration.architecture, dtype, **labels)
    if adapter.vocabulary is not None:
        model.resize_token_embeddings(adapter.vocabulary, mean_resizing=False)
    return model


def load_adapted(folder, adapter_folder, configuration, adapter, dtype=torch.float32, trainable=False):
    base = load_base(folder, configuration, adapter, dtype)
    return PeftModel.from_pretrained(base, adapter_folder, is_trainable=trainable, low_cpu_mem_usage=False).eval()


@torch.no_grad()
def randomize(model, seed: str):
    """Fills every trained tensor; magnitudes stay near the norms that initialize them."""
    centered = model.config.model_type.startswith("gemma")
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.empty(parameter.shape).normal_(generator=generator(seed, name))
        if "lora_magnitude_vector" in name:
            parameter.mul_(1 + 0.3 * noise)
        elif "lora_embedding_A" in name:
            parameter.copy_(0.7 * noise)
        elif "lora_embedding_B" in name:
            parameter.copy_(0.15 * noise)
        elif "lora_A" in name:
            parameter.copy_(noise * parameter.shape[1] ** -0.5)
        elif "lora_B" in name:
            parameter.copy_(0.1 * noise)
        elif "trainable_tokens_delta" in name:
            parameter.copy_(0.4 * noise)
        else:
            for part in (".modules_to_save.default", ".base_layer", "base_model.model."):
                name = name.replace(part, "")
            fill(name, parameter, noise, centered)


@torch.no_grad()
def tie_branches(model):
    """Under `ensure_weight_tying`, embedding and head share a branch; on a 16-bit base, PEFT's F32 copies are separate."""
    embedding, head = model.get_base_model().get_input_embeddings(), model.get_base_model().get_output_embeddings()
    if model.peft_config["default"].ensure_weight_tying and hasattr(head, "lora_A") and hasattr(embedding, "lora_embedding_A"):
        head.lora_A["default"].weight.copy_(embedding.lora_embedding_B["default"].T)
        head.lora_B["default"].weight.copy_(embedding.lora_embedding_A["default"].T)


@torch.no_grad()
def randomize_new_rows(model, first: int, seed: str):
    """Fills the new rows of a resized vocabulary, which transformers draws from the global generator."""
    weights = {"input": model.get_input_embeddings().weight}
    output = model.get_output_embeddings()
    if output is not None and output.weight is not weights["input"]:
        weights["output"] = output.weight
    for name, weight in weights.items():
        noise = torch.empty(weight[first:].shape).normal_(generator=generator(seed, "new rows", name))
        weight[first:] = 0.25 * noise


def save(folder, adapter_folder, configuration: Configuration, adapter: Adapter, seed: str, base_path: str):
    """Creates the adapter on the base in the checkpoint's type, as a training program does, and saves it."""
    arguments = {"task_type": TASK_TYPES[task_of(configuration, adapter)], "lora_dropout": 0.0} | adapter.lora
    base = load_base(folder, configuration, adapter, configuration.dtype)
    if adapter.vocabulary is not None:
        randomize_new_rows(base, json.loads((folder / "config.json").read_text())["vocab_size"], seed)
    model = get_peft_model(base, LoraConfig(**arguments))
    randomize(model, seed)
    tie_branches(model)
    # PEFT stores the path from which the base was loaded; it differs between machines.
    model.peft_config["default"].base_model_name_or_path = base_path
    model.save_pretrained(adapter_folder, save_embedding_layers=adapter.save_embedding_layers)
    (adapter_folder / "README.md").unlink(missing_ok=True)
    path = adapter_folder / "adapter_config.json"
    written = json.loads(path.read_text())
    # PEFT writes sets in an order that differs from run to run.
    for key in ("target_modules", "exclude_modules"):
        if isinstance(written.get(key), list):
            written[key].sort()
    if adapter.edit_config is not None:
        adapter.edit_config(written)
    path.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    for file in adapter_folder.iterdir():
        file.chmod(0o644)
