"""Checks that a fixture is not a weak test. Each function ends the generation with a message if it is."""

import json
import pathlib
import tempfile

import torch
import transformers

from . import adapters, results
from .configuration import HIDDEN, SEQUENCE_CLASSIFICATION, Adapter, Configuration
from .folders import ATTENTION

#: Tests compare within about 1e-4 of the largest value. A difference that a test must notice is far above that.
NOTICED = 5e-3
#: A trained tensor whose gradient is smaller everywhere has no effect.
GRADIENT = 1e-4

#: Settings of an adapter that change the result of the same tensors, and the values that switch them off.
NEUTRAL_SETTINGS = {
    "use_dora": False,
    "use_rslora": False,
    "lora_bias": False,
    "init_lora_weights": True,
    "alpha_pattern": {},
    "trainable_token_indices": None,
}
#: Values of init_lora_weights that mean W + sBA.
PLAIN_INITS = (True, False, "gaussian", "orthogonal", "eva")


def difference(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """The largest difference, infinite where shapes differ."""
    if any(x.shape != y.shape for x, y in zip(a, b, strict=True)):
        return float("inf")
    return max((x - y).abs().max().item() for x, y in zip(a, b))


def require(condition: bool, message: str):
    if not condition:
        raise SystemExit(f"error: weak fixture: {message}")


def check_spread(name: str, task: str, values: list[torch.Tensor]):
    """Results must not be nearly equal; with one result for each row, rows must differ from each other."""
    if task == SEQUENCE_CLASSIFICATION:
        rows = torch.stack(values)
        for index in range(1, len(rows)):
            nearest = (rows[index] - rows[:index]).abs().amax(-1).min().item()
            require(nearest > 0.05, f"{name}: row {index} computes what another row does ({nearest:.1e})")
    else:
        spread = min((value.amax(-1) - value.amin(-1)).min().item() for value in values)
        require(spread > 0.5, f"{name}: the results are flat ({spread:.2f})")
    require(all(value.isfinite().all() for value in values), f"{name}: not finite")


def check_features(name: str, folder: pathlib.Path, configuration: Configuration, rows, base):
    """Without one of its features, the model must compute other results."""
    written = json.loads((folder / "config.json").read_text())
    model_class = getattr(transformers, configuration.architecture)
    for feature, overrides in configuration.must_matter.items():
        config = model_class.config_class.from_dict(written | overrides)
        model = model_class.from_pretrained(
            folder, config=config, dtype=torch.float32, attn_implementation=ATTENTION
        ).eval()
        change = difference(results.of_rows(model, configuration.task, rows), base)
        print(f"  without {feature}: {change:.3f}")
        require(change > NOTICED, f"{name}: {feature} changes nothing ({change:.1e})")


def check_padding(name: str, model, configuration: Configuration, task: str, rows, values):
    """A padded batch must compute what its rows compute alone."""
    padding = model.config.pad_token_id
    if len(rows) == 1 or padding is None:
        return
    with torch.no_grad():
        output = model(**results.padded(rows, padding))
    batch = output.last_hidden_state if task == HIDDEN else output.logits
    for index, value in enumerate(values):
        own = batch[index] if task == SEQUENCE_CLASSIFICATION else batch[index, : len(value)]
        error = (own - value).abs().max().item()
        require(error < 1e-4, f"{name}: row {index} in a padded batch differs by {error:.1e}")


def check_adapter(name: str, folder, adapter_folder, configuration: Configuration, adapter: Adapter, rows, values):
    """Every trained tensor, and every setting that changes the meaning of tensors, must change the results."""
    task = adapters.task_of(configuration, adapter)
    model = adapters.load_adapted(folder, adapter_folder, configuration, adapter, trainable=True)
    weights = torch.Generator().manual_seed(7)
    total = 0.0
    for row in rows:
        result = results.of_row(model, task, row)
        total = total + (result * torch.randn(result.shape, generator=weights)).sum()
    total.backward()
    for parameter_name, parameter in model.named_parameters():
        if not parameter.requires_grad or any(part in parameter_name for part in adapter.without_effect):
            continue
        gradient = 0.0 if parameter.grad is None else parameter.grad.abs().max().item()
        require(gradient > GRADIENT, f"{name}: {parameter_name} has no influence ({gradient:.1e})")

    written = json.loads((adapter_folder / "adapter_config.json").read_text())
    for key, neutral in NEUTRAL_SETTINGS.items():
        value = written.get(key, neutral)
        if not value or value == neutral or (key == "init_lora_weights" and value in PLAIN_INITS):
            continue
        with tempfile.TemporaryDirectory() as other:
            other = pathlib.Path(other)
            for file in adapter_folder.iterdir():
                (other / file.name).write_bytes(file.read_bytes())
            (other / "adapter_config.json").write_text(json.dumps(written | {key: neutral}))
            plain = adapters.load_adapted(folder, other, configuration, adapter)
        change = difference(results.of_rows(plain, task, rows), values)
        print(f"    without {key}: {change:.3f}")
        require(change > NOTICED, f"{name}: {key} changes nothing ({change:.1e})")
