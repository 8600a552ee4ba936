"""Model and adapter folders as transformers and PEFT write them, filled with reproducible random numbers."""

import json
import pathlib
import zlib

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

#: Attention as transformers writes it in plain torch operations.
ATTENTION = "eager"

#: Parts of names that identify the kind of a matrix; a Conv1D is stored as [in, out].
EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "wpe", "_embeddings")
CLASSIFIERS = ("score", "classifier")
CONV1D = ("c_attn", "c_proj", "c_fc")

#: A value for `transformers_4`: config.json of that version did not have this key.
ABSENT = object()


def generator(*name: str) -> torch.Generator:
    """A random generator that depends only on the name, so that an added tensor does not change others."""
    return torch.Generator().manual_seed(zlib.crc32("/".join(name).encode()))


def make_config(model_type: str, arguments: dict):
    no_special_tokens = dict(bos_token_id=None, eos_token_id=None, pad_token_id=None)
    return AutoConfig.for_model(
        model_type, max_position_embeddings=512, **no_special_tokens | arguments
    )


def make_config_of(architecture: str, arguments: dict):
    """The configuration of a class of transformers, without special tokens unless they are given."""
    no_special_tokens = dict(bos_token_id=None, eos_token_id=None, pad_token_id=None)
    return getattr(transformers, architecture).config_class(**no_special_tokens | arguments)


def fill(name: str, parameter, noise: torch.Tensor, centered: bool = False):
    """Fills a parameter with numbers of a suitable size; `centered` norms multiply by 1 + weight."""
    transposed = any(part in name for part in CONV1D)
    if name.endswith("bias"):
        # With larger values, GPT-2 would repeat the same token.
        parameter.copy_(noise.mul(0.1 if transposed or "ln_" in name else 0.3))
    elif parameter.dim() == 1:
        # Gemma's norms after a branch must be larger than the embedding; otherwise each token would predict
        # itself.
        outweighs = "post_" in name or name.endswith("model.norm.weight")
        parameter.copy_(noise.mul(0.2).add(1 if not centered else 2.5 if outweighs else 0))
    elif any(part in name for part in EMBEDDINGS):
        parameter.copy_(noise.mul(0.6 if "wpe" in name else 0.1 if centered else 0.25))
    elif any(part in name for part in CLASSIFIERS):
        parameter.copy_(noise.mul(3 * parameter.shape[1] ** -0.5))
    elif transposed:
        parameter.copy_(noise.mul(2 * parameter.shape[0] ** -0.5))
    else:
        parameter.copy_(noise.mul(1.2 * parameter.shape[1] ** -0.5))


def random_model(config, seed: str, architecture: str | None = None):
    """A model whose results spread over several units, and whose norms and biases have an effect."""
    model_class = getattr(transformers, architecture) if architecture else AutoModelForCausalLM
    model = getattr(model_class, "_from_config" if architecture else "from_config")(config, dtype=torch.float32)
    centered = config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            fill(name, parameter, torch.empty(parameter.shape).normal_(generator=generator(seed, name)), centered)
    return model.eval()


def save_model(model, folder: pathlib.Path, dtype, shard_size: str, transformers_4: dict | None = None):
    """Writes config.json and the checkpoint; with `transformers_4`, the configuration in the form of that version."""
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for checkpoint in folder.glob("*.safetensors"):
        checkpoint.chmod(0o644)
    if transformers_4 is None:
        return
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["torch_dtype"] = config.pop("dtype")
    rope = config.pop("rope_parameters", None)
    if rope is not None:
        full = rope.get("full_attention", rope)
        config["rope_theta"] = full["rope_theta"]
    config["transformers_version"] = "4.44.2"
    for key in ("layer_types", "pad_token_id", "head_dim"):
        config.pop(key, None)
    config.update(transformers_4)
    config = {key: value for key, value in config.items() if value is not ABSENT}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def edit_checkpoint(folder: pathlib.Path, edit):
    """Rewrites model.safetensors with the names and tensors that `edit` makes of it."""
    path = folder / "model.safetensors"
    tensors = {name: value.contiguous() for name, value in edit(load_file(path)).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


def load(folder: pathlib.Path, architecture: str, dtype=torch.float32, **arguments):
    """The model of a folder as the named class of transformers."""
    return (
        getattr(transformers, architecture)
        .from_pretrained(folder, dtype=dtype, attn_implementation=ATTENTION, **arguments)
        .eval()
    )


def load_model(folder: pathlib.Path, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation=ATTENTION
    ).eval()


def load_adapted(model_folder: pathlib.Path, adapter_folder: pathlib.Path, dtype=torch.float32, trainable=False):
    """The model with the adapter beside it. PEFT keeps the adapter in F32 on a 16-bit base."""
    model = PeftModel.from_pretrained(
        load_model(model_folder, dtype), adapter_folder, is_trainable=trainable
    )
    return model.eval()


def save_random_adapter(base, lora: dict, folder: pathlib.Path, seed: str, base_path: str):
    """Saves an adapter whose A and B are both random, and large enough to change the logits clearly."""
    config = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **lora)
    model = get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" not in name:
                continue
            parameter.normal_(generator=generator(seed, "adapter", name))
            parameter.mul_(parameter.shape[1] ** -0.5 if "lora_A" in name else 0.05)
    # PEFT stores the path from which the base was loaded; it differs between machines.
    config.base_model_name_or_path = base_path
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # PEFT writes the set of targets in an order that differs from run to run.
    path = folder / "adapter_config.json"
    written = json.loads(path.read_text())
    if isinstance(written["target_modules"], list):
        written["target_modules"].sort()
    path.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)
