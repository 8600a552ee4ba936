"""Adapters as mlx-lm writes them, made with numpy, and the results of mlx-lm's formulas.

mlx-lm runs only on Apple's machines. Its LoRALinear computes x Wᵀ + scale * ((x lora_a) lora_b), its LoRAEmbedding
adds scale * lora_a[id] lora_b, also where the embedding is the head, and DoRALinear scales each output by
m / ||W + scale * lora_bᵀ lora_aᵀ||. So the weights are known, and transformers computes the logits.
"""

import json
import pathlib
import shutil

import numpy
import torch
import transformers
from safetensors.numpy import save_file
from safetensors.torch import load_file

from . import weakness
from .families import FIXTURES

#: For each adapter: the fixture with its model, the keys of its config, and its layers by mlx-lm's and by transformers' names.
ADAPTERS = {
    "linear": (
        "llama",
        {
            "fine_tune_type": "lora",
            "num_layers": 2,
            "lora_parameters": {"rank": 3, "dropout": 0.05, "scale": 7.5, "keys": ["self_attn.q_proj", "mlp.down_proj"]},
        },
        [
            (f"model.layers.{layer}.{name}",) * 2
            for layer in (1, 2)
            for name in ("self_attn.q_proj", "mlp.down_proj")
        ]
        + [("lm_head", "lm_head")],
    ),
    "dora": (
        "llama",
        {"fine_tune_type": "dora", "num_layers": 1, "lora_parameters": {"rank": 2, "dropout": 0.0, "scale": 20.0}},
        [(f"model.layers.2.{name}",) * 2 for name in ("self_attn.v_proj", "mlp.up_proj")],
    ),
    # The first versions multiplied by scale * alpha / rank; they had the key lora_layers.
    "old": (
        "gpt2",
        {"lora_layers": 2, "lora_parameters": {"rank": 4, "alpha": 6.0, "dropout": 0.0, "scale": 2.0}},
        [
            ("model.wte", "transformer.wte"),
            ("model.h.0.attn.c_attn", "transformer.h.0.attn.c_attn"),
            ("model.h.1.mlp.c_proj", "transformer.h.1.mlp.c_proj"),
        ],
    ),
}


def scale_of(config: dict) -> float:
    parameters = config["lora_parameters"]
    return parameters["scale"] * parameters.get("alpha", parameters["rank"]) / parameters["rank"]


def adapted(weight, a, b, m, scale: float, kind: str):
    """The weight as transformers stores it."""
    stored = weight.astype(numpy.float64)
    if kind == "embedding":
        return stored + scale * (a @ b)
    linear = stored.T if kind == "conv1d" else stored  # [out, in]
    result = linear + (scale * b.T) @ a.T
    if m is not None:
        result *= (m / numpy.linalg.norm(result, axis=1))[:, None]
    return result.T if kind == "conv1d" else result


def generate():
    root = FIXTURES / "mlx"
    if root.exists():
        shutil.rmtree(root)
    for name, (fixture, config, modules) in ADAPTERS.items():
        source = FIXTURES / fixture
        random = numpy.random.default_rng(len(name))
        model = transformers.AutoModelForCausalLM.from_pretrained(source / "model", dtype=torch.float32).eval()
        ids = load_file(source / "reference.safetensors")["ids"]
        base = run(model, ids)
        tensors, expected = {}, {}
        for written, path in modules:
            module = model.get_submodule(path)
            kind = {"Embedding": "embedding", "Conv1D": "conv1d"}.get(type(module).__name__, "linear")
            weight = module.weight.detach().numpy()
            rows, columns = weight.shape if kind != "linear" else weight.T.shape
            rank, scale = config["lora_parameters"]["rank"], scale_of(config)
            a = random.standard_normal((rows, rank)).astype(numpy.float32) * rows**-0.5
            b = random.standard_normal((rank, columns)).astype(numpy.float32) * (0.3 / scale)
            tensors |= {f"{written}.lora_a": a.astype(numpy.float32), f"{written}.lora_b": b.astype(numpy.float32)}
            m = None
            if config.get("fine_tune_type") == "dora":
                m = numpy.linalg.norm(weight, axis=1) * (1 + 0.3 * random.standard_normal(len(weight)))
                tensors[f"{written}.m"] = m = m.astype(numpy.float32)
            value = adapted(weight, tensors[f"{written}.lora_a"], tensors[f"{written}.lora_b"], m, scale, kind)
            expected[f"{path}.weight"] = value.astype(numpy.float32)
            with torch.no_grad():
                module.weight.copy_(torch.from_numpy(expected[f"{path}.weight"]))
        values = run(model, ids)
        distance = float((values - base).abs().max())
        print(f"  {name}: effect {distance:.2f}")
        weakness.require(distance > 0.5, f"mlx: {name} changes too little")
        folder = root / name
        folder.mkdir(parents=True)
        save_file(tensors, folder / "adapters.safetensors", {"format": "mlx"})
        text = json.dumps({"model": "a model", "seed": 0} | config, indent=4, sort_keys=True)
        (folder / "adapter_config.json").write_text(text + "\n")
        save_file({"logits": values.numpy()} | expected, root / f"{name}.safetensors")
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


@torch.no_grad()
def run(model, ids) -> torch.Tensor:
    return model(input_ids=ids[None].long(), use_cache=False).logits[0].float()
