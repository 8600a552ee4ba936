"""Records one configuration: its folders, reference.safetensors and fixture.json."""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file

from . import adapters, combinations, folders, results, training, weakness
from .configuration import (
    HIDDEN,
    LANGUAGE_MODEL,
    SEQUENCE_CLASSIFICATION,
    Adapter,
    Configuration,
)
from .families import FIXTURES, REPOSITORY
from .inference import GREEDY_MARGIN, PROMPT_TOKENS, random_ids

#: The least change that an adapter must make, and the largest error that merging it may make, relative to the largest value.
EFFECT = 0.1
MERGE_ERROR = 1e-5
#: A continuation that only repeats itself would not show that the cache is wrong.
DISTINCT = 4


class Recorder:
    """Gathers the tensors of one configuration."""

    def __init__(self, name: str, configuration: Configuration):
        self.name = name
        self.configuration = configuration
        self.folder = FIXTURES / name
        self.model_folder = self.folder / "model"
        self.tensors: dict[str, torch.Tensor] = {}
        self.loaded: dict[str, object] = {}
        self.entries: list[dict] = []
        self.only = len(configuration.rows) == 1

    def adapter_folder(self, name: str) -> pathlib.Path:
        return self.folder / "adapters" / name

    def load_base(self, dtype=torch.float32):
        return folders.load(self.model_folder, self.configuration.architecture, dtype)

    def load_adapted(self, name: str, dtype=torch.float32):
        adapter = self.configuration.adapters[name]
        return adapters.load_adapted(self.model_folder, self.adapter_folder(name), self.configuration, adapter, dtype)

    def make_folders(self):
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir()
        c = self.configuration
        config = folders.make_config_of(c.architecture, c.config)
        model = folders.random_model(config, self.name, c.architecture)
        folders.save_model(model, self.model_folder, c.dtype, c.shard_size, c.transformers_4)
        if c.edit_checkpoint is not None:
            before = self.load_base().state_dict()
            folders.edit_checkpoint(self.model_folder, c.edit_checkpoint)
            after = self.load_base().state_dict()
            assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
        base_path = str(self.model_folder.relative_to(REPOSITORY))
        for name, adapter in c.adapters.items():
            adapters.save(self.model_folder, self.adapter_folder(name), c, adapter, f"{self.name}/{name}", base_path)

    def choose_rows(self) -> list[dict]:
        """Random ids without the padding id; for a language model such that greedy continuations are clear."""
        base = self.load_base()
        padding = base.config.pad_token_id
        # Ids that every vocabulary has.
        sizes = [a.vocabulary for a in self.configuration.adapters.values() if a.vocabulary is not None]
        vocabulary = min([base.config.vocab_size, *sizes])
        types = getattr(base.config, "type_vocab_size", 0)
        greedy = {"base": base}
        greedy |= {name: self.load_adapted(name) for name, a in self.configuration.adapters.items() if a.greedy}
        for attempt in range(100):
            rows = []
            for index, length in enumerate(self.configuration.rows):
                seed = (self.name, "ids", str(index), str(attempt))
                ids = random_ids(vocabulary, length, *seed)
                ids = torch.where(ids == padding, (ids + 1) % vocabulary, ids) if padding is not None else ids
                rows.append({"input_ids": ids})
                if types > 1:
                    rows[-1]["token_type_ids"] = random_ids(types, length, *seed, "types")
            continuations = {}
            for name, model in greedy.items() if self.configuration.task == LANGUAGE_MODEL else ():
                ids = results.greedy(model, rows[0]["input_ids"][:PROMPT_TOKENS], GREEDY_MARGIN)
                if ids is None or len(ids.unique()) < DISTINCT:
                    break
                if any(torch.equal(ids, other) for other in continuations.values()):
                    break
                continuations[f"greedy.{name}"] = ids
            else:
                if continuations and self.configuration.short is not None:
                    # This shows cached keys that were rotated twice, or that are in the wrong place.
                    wrong = {"again": False} if results.computes_cache_again(base) else {"cached": False}
                    other = results.greedy(base, rows[0]["input_ids"][:PROMPT_TOKENS], **wrong)
                    if torch.equal(other, continuations["greedy.base"]):
                        continue
                self.tensors |= continuations
                break
        else:
            raise SystemExit(f"error: {self.name}: no prompt with a clear greedy continuation")
        if padding is not None and self.configuration.task == SEQUENCE_CLASSIFICATION and types == 0:
            # A row of a causal model that itself ends with padding is pooled at the token before the padding.
            rows[-1]["input_ids"][-2:] = padding
        for index, row in enumerate(rows):
            suffix = "" if self.only else f".{index}"
            self.tensors[f"ids{suffix}"] = row["input_ids"]
            if "token_type_ids" in row:
                self.tensors[f"token_types{suffix}"] = row["token_type_ids"]
        return rows

    def record_results(self, model, label: str, hidden_label: str, task: str, rows: list[dict]):
        values = results.of_rows(model, task, rows)
        weakness.check_spread(f"{self.name}: {label}", task, values)
        weakness.check_padding(f"{self.name}: {label}", model, self.configuration, task, rows, values)
        self.tensors |= results.named(label, task, values, self.only)
        if model.config.model_type in ("bert", "roberta"):
            hidden = results.of_rows(results.encoder_of(model), HIDDEN, rows)
            self.tensors |= results.named(hidden_label, HIDDEN, hidden, self.only)
            if task == HIDDEN:
                self.tensors[f"pooled.{hidden_label.partition('.')[2]}"] = results.pooled_rows(model, rows)
        if task == LANGUAGE_MODEL:
            vocabulary = self.load_base().config.vocab_size
            for kind, length in (("short", self.configuration.short), ("long", self.configuration.long)):
                if length is not None:
                    ids = random_ids(vocabulary, length, self.name, kind)
                    self.tensors[f"{kind}_ids"] = ids
                    value = results.of_rows(model, task, [{"input_ids": ids}])[0]
                    self.tensors[f"{kind}.{hidden_label.partition('.')[2]}"] = value[-1] if kind == "long" else value
        return values

    def record_adapter(self, name: str, adapter: Adapter, rows, base):
        task = adapters.task_of(self.configuration, adapter)
        model = self.load_adapted(name)
        values = self.record_results(model, f"adapter.{name}", f"hidden.{name}", task, rows)
        largest = max(value.abs().max().item() for value in values)
        effect = weakness.difference(base, values) if task == self.configuration.task else float("inf")
        print(f"  {name}: effect {effect:.2f}, ", end="")
        weakness.require(effect > EFFECT, f"{self.name}: adapter {name} changes too little ({effect:.1e})")
        if adapter.vocabulary is not None:
            self.record_new_ids(name, model, adapter)
        error = self.merge_error(model, task, rows, values)
        print(f"merge error {error:.1e}")
        weakness.require(
            (error < MERGE_ERROR * largest) == adapter.merged,
            f"{self.name}: adapter {name}: PEFT's merge differs by {error:.1e} of {largest:.1e}",
        )
        if adapter.merged:
            self.tensors |= results.named(f"merged.{name}", task, self.merged, self.only)
        weakness.check_adapter(
            f"{self.name}: {name}",
            self.model_folder,
            self.adapter_folder(name),
            self.configuration,
            adapter,
            rows,
            values,
        )
        entry = {"name": name, "merged": adapter.merged, "greedy": f"greedy.{name}" in self.tensors}
        if task != self.configuration.task:
            entry["task"] = task
        if adapter.note:
            entry["note"] = adapter.note
        self.entries.append(entry)

    def record_new_ids(self, name: str, model, adapter: Adapter):
        """A prompt with ids that only the resized vocabulary has."""
        ids = random_ids(adapter.vocabulary, 11, self.name, "new", name)
        ids[3:6] = torch.arange(adapter.vocabulary - 3, adapter.vocabulary)
        self.tensors[f"new_ids.{name}"] = ids
        self.tensors[f"new.{name}"] = results.of_rows(model, LANGUAGE_MODEL, [{"input_ids": ids}])[0]

    def merge_error(self, model, task: str, rows, values) -> float:
        """How far PEFT's own merge is from the unmerged result; infinite if it refuses."""
        try:
            self.merged = results.of_rows(model.merge_and_unload(), task, rows)
        except RuntimeError as error:
            print(f"PEFT cannot merge: {error}; ", end="")
            return float("inf")
        return weakness.difference(self.merged, values)

    def record_bf16_errors(self, rows, base):
        """How far transformers' own bf16 run is from its F32 run: of the base, and with the first adapter."""
        first = next(n for n, a in self.configuration.adapters.items() if a.task is None and a.vocabulary is None)
        task = self.configuration.task
        runs = {"base": (self.load_base(torch.bfloat16), base)}
        adapted = results.of_rows(self.load_adapted(first), task, rows)
        runs[first] = (self.load_adapted(first, torch.bfloat16), adapted)
        for name, (model, reference) in runs.items():
            error = weakness.difference(results.of_rows(model, task, rows), reference)
            print(f"  bf16 error of {name}: {error:.3f}")
            self.tensors[f"bf16_error.{name}"] = torch.tensor([error])

    def record(self):
        c = self.configuration
        self.make_folders()
        rows = self.choose_rows()
        base = self.record_results(self.load_base(), "base", "hidden.base", c.task, rows)
        weakness.check_features(self.name, self.model_folder, c, rows, base)
        for name, adapter in c.adapters.items():
            self.record_adapter(name, adapter, rows, base)
        if c.dtype == torch.bfloat16:
            self.record_bf16_errors(rows, base)
        if c.training is not None:
            adapter, clip = c.training
            training.record(self.model_folder, self.adapter_folder(adapter), self.folder, self.name, clip)
        path = self.folder / "reference.safetensors"
        save_file({name: value.contiguous() for name, value in self.tensors.items()}, path)
        path.chmod(0o644)
        description = {"task": c.task, "rows": len(c.rows), "adapters": self.entries}
        if c.note:
            description["note"] = c.note
        (self.folder / "fixture.json").write_text(json.dumps(description, indent=2) + "\n")


def generate(name: str, configuration: Configuration):
    Recorder(name, configuration).record()
    combinations.generate(name, configuration)
