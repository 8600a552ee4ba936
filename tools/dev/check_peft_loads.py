#!/usr/bin/env python3
"""Loads an adapter folder with PEFT itself and compares what it computes.

    check_peft_loads.py ADAPTER_DIR MODEL_DIR
        every tensor in the file must be used, and none that PEFT expects may be missing
    check_peft_loads.py ADAPTER_DIR MODEL_DIR REFERENCE.safetensors
        compares with `logits.adapted` for `ids`, as in test/Fixtures/*/reference.safetensors
    check_peft_loads.py ADAPTER_DIR MODEL_DIR OUT.safetensors --ids 5,7,9
        compares with `logits`, as `lora-run --ids 5,7,9 --logits OUT.safetensors` writes it
    check_peft_loads.py ADAPTER_DIR MODEL_DIR --expect-tensors train_reference.safetensors
        compares the adapter's tensors with those named `final.NAME`
    check_peft_loads.py ADAPTER_DIR MODEL_DIR --merged MERGED_DIR [--ids 5,7,9] [--tolerance T]
        loads what `lora-adapter merge` wrote with transformers; no parameter may be missing or unused. Compares
        its output with that of MODEL_DIR and the adapter, unmerged

Exits with 1 if something differs by more than the tolerance. Needs torch, transformers, peft and safetensors
(test/Fixtures/requirements.txt).
"""

import argparse
import pathlib
import sys

import torch
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapter", type=pathlib.Path, metavar="ADAPTER_DIR")
    parser.add_argument("model", type=pathlib.Path, metavar="MODEL_DIR")
    parser.add_argument("reference", type=pathlib.Path, nargs="?", metavar="REFERENCE.safetensors")
    parser.add_argument("--ids", help="comma-separated token ids; default: the tensor `ids` of the reference")
    parser.add_argument("--tensor", help="default: `logits.adapted`, with --ids `logits`")
    parser.add_argument("--expect-tensors", type=pathlib.Path, metavar="FILE.safetensors")
    parser.add_argument("--merged", type=pathlib.Path, metavar="MERGED_DIR")
    parser.add_argument("--prefix", default="final.", help="of the names in --expect-tensors; default: %(default)s")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="largest absolute difference of logits; default: %(default)s"
    )
    parser.add_argument(
        "--tensor-tolerance",
        type=float,
        default=1e-3,
        help="largest max|a - b| / max|b| of a tensor; default: %(default)s",
    )
    arguments = parser.parse_args()
    if arguments.ids and not arguments.reference and not arguments.merged:
        parser.error("--ids needs a file with logits to compare with, or --merged")
    return arguments


def load(arguments):
    """The adapted model in F32, with PEFT's own loading and a check that no tensor is left over or missing."""
    task = LoraConfig.from_pretrained(arguments.adapter).task_type
    kind = {
        "SEQ_CLS": transformers.AutoModelForSequenceClassification,
        "TOKEN_CLS": transformers.AutoModelForTokenClassification,
    }.get(task, AutoModelForCausalLM)
    base = kind.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig.from_pretrained(arguments.adapter)
    model = get_peft_model(base, config).eval()
    saved = load_file(arguments.adapter / "adapter_model.safetensors")
    set_peft_model_state_dict(model, dict(saved))
    expected = get_peft_model_state_dict(model)
    problems = [f"PEFT does not know tensor '{name}'" for name in saved.keys() - expected.keys()]
    problems += [f"PEFT misses tensor '{name}'" for name in expected.keys() - saved.keys()]
    problems += [
        f"PEFT loaded other values for tensor '{name}'"
        for name in saved.keys() & expected.keys()
        if not torch.equal(saved[name].float(), expected[name].float())
    ]
    return model, saved, problems


def compare_logits(model, arguments) -> list[str]:
    reference = load_file(arguments.reference)
    if arguments.ids:
        ids = torch.tensor([int(part) for part in arguments.ids.split(",")])
    else:
        ids = reference["ids"].long()
    name = arguments.tensor or ("logits" if arguments.ids else "logits.adapted")
    given = reference[name].float()
    with torch.no_grad():
        own = model(input_ids=ids[None], use_cache=False).logits[0]
    if given.numel() != own.numel():
        return [f"'{name}' has shape {list(given.shape)}, expected {list(own.shape)}"]
    difference = (given.reshape(own.shape) - own).abs().max().item()
    print(f"{name}: largest difference {difference:.3e}, largest logit {own.abs().max().item():.3f}")
    # The comparison is false for NaN, so NaN fails.
    return [] if difference <= arguments.tolerance else [f"'{name}' differs by {difference:.3e}"]


def compare_merged(model, arguments) -> list[str]:
    config = transformers.AutoConfig.from_pretrained(arguments.merged)
    merged, info = getattr(transformers, config.architectures[0]).from_pretrained(
        arguments.merged, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    problems = [f"transformers finds {kind}: {sorted(info[kind])}" for kind in info if info[kind]]
    ids = torch.tensor([int(part) for part in arguments.ids.split(",")] if arguments.ids else range(1, 24))
    with torch.no_grad():
        want = model(input_ids=ids[None])[0]
        given = merged.eval()(input_ids=ids[None])[0]
    difference = (given - want).abs().max().item() if given.shape == want.shape else float("inf")
    print(f"merged: largest difference {difference:.3e}, largest number {want.abs().max().item():.3f}")
    if not difference <= arguments.tolerance:
        problems.append(f"the merged model differs by {difference:.3e}")
    return problems


def compare_tensors(saved: dict, arguments) -> list[str]:
    expected = {
        name.removeprefix(arguments.prefix): value
        for name, value in load_file(arguments.expect_tensors).items()
        if name.startswith(arguments.prefix)
    }
    if saved.keys() != expected.keys():
        return [f"tensors {sorted(saved.keys() ^ expected.keys())} are in one of the files only"]
    problems = []
    worst = 0.0
    for name, value in expected.items():
        if saved[name].shape != value.shape:
            problems.append(f"'{name}' has shape {list(saved[name].shape)}, expected {list(value.shape)}")
            continue
        difference = ((saved[name].float() - value).abs().max() / value.abs().max()).item()
        worst = max(worst, difference)
        if not difference <= arguments.tensor_tolerance:
            problems.append(f"'{name}' differs by {difference:.3e} relative")
    print(f"adapter tensors: largest relative difference {worst:.3e}")
    return problems


def main() -> int:
    arguments = parse_arguments()
    model, saved, problems = load(arguments)
    print(f"PEFT loads {len(saved)} tensors")
    if arguments.reference:
        problems += compare_logits(model, arguments)
    if arguments.merged:
        problems += compare_merged(model, arguments)
    if arguments.expect_tensors:
        problems += compare_tensors(saved, arguments)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
