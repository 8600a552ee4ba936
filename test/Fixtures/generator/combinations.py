"""Records what PEFT computes when several adapters are active, each with a weight."""

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from . import adapters, results, weakness
from .configuration import Configuration
from .families import FIXTURES

#: The least difference between the results of two combinations, and between a combination with and without its weights.
EFFECT = 0.05


def load(name: str, configuration: Configuration, parts, weighted=True):
    folder = FIXTURES / name
    first = configuration.adapters[parts[0][0]]
    base = adapters.load_base(folder / "model", configuration, first, torch.float32)
    model = None
    for index, (part, _) in enumerate(parts):
        path, label = folder / "adapters" / part, f"part{index}"
        if model is None:
            model = PeftModel.from_pretrained(base, path, adapter_name=label, low_cpu_mem_usage=False)
        else:
            model.load_adapter(path, adapter_name=label, low_cpu_mem_usage=False)
    model.base_model.set_adapter([f"part{index}" for index in range(len(parts))])
    for module in model.modules():
        for index, (_, weight) in enumerate(parts):
            scaling = getattr(module, "scaling", None)
            if weighted and isinstance(scaling, dict) and f"part{index}" in scaling:
                scaling[f"part{index}"] *= weight
    return model.eval()


def generate(name: str, configuration: Configuration):
    if not configuration.combinations:
        return
    ids = load_file(FIXTURES / name / "reference.safetensors")["ids"]
    rows = [{"input_ids": ids}]
    tensors = {}
    for label, parts in configuration.combinations.items():
        values = results.of_rows(load(name, configuration, parts), configuration.task, rows)
        plain = results.of_rows(load(name, configuration, parts, weighted=False), configuration.task, rows)
        distance = weakness.difference(values, plain)
        print(f"  {name}: {label}: the weights matter by {distance:.2f}")
        weakness.require(distance > EFFECT, f"{name}: {label}: the weights change too little")
        tensors[label] = values[0].contiguous()
    path = FIXTURES / name / "combined.safetensors"
    save_file(tensors, path)
    path.chmod(0o644)
