#!/usr/bin/env python3
"""Records how PEFT loads adapters whose vocabulary differs from that of the base model, for test/unit/Adapter/NewTokensTest.cpp.

    record_new_tokens.py    # writes test/unit/Adapter/Inputs/new-tokens

Every combination of: the vocabulary grew, was cut or is the same; how embedding and head are trained; tied or not;
and the argument of save_pretrained(save_embedding_layers=...). Each adapter is trained (filled with random numbers),
saved, and loaded twice by PEFT on the base model, which is resized each time and gets random new rows. What is equal
both times and equal to what was saved is the expected result: the embedding and the head as matrices, unmerged.

cases.json: for each model (its folder is models/NAME), what its adapters have in common, and a line for each adapter:
`config` is adapter_config.json without default values; `tensors` gives the tensor in tensors.safetensors for each key
of adapter_model.safetensors, without "base_model.model.". `embedding`, `head` and `bias` are the expected results, as
tensors of the same file. An adapter without them must be rejected, because PEFT drops rows or whole tensors of it
without an error.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from generator import adapters, folders

TARGET = REPOSITORY / "test" / "unit" / "Adapter" / "Inputs" / "new-tokens"
WIDTH = 4
VOCABULARY = 7
RESIZED = {"grown": VOCABULARY + 2, "cut": VOCABULARY - 2, "same": VOCABULARY}
DECODER = dict(
    vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, head_dim=2, max_position_embeddings=32,
)
GPT2 = dict(vocab_size=VOCABULARY, n_embd=WIDTH, n_head=2, n_layer=1, n_positions=32, n_inner=6)
BERT = dict(
    vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
    max_position_embeddings=16, type_vocab_size=2,
)
#: Families whose adapters differ from those of others only in names. They are recorded for a vocabulary that grew.
ALIKE = ("qwen2", "gemma2", "roberta-maskedlm")
#: name: class, configuration, the embedding's name, other targets, task_type.
FAMILIES = {
    "llama": ("LlamaForCausalLM", DECODER, "embed_tokens", ["q_proj"], "CAUSAL_LM"),
    "gpt2": ("GPT2LMHeadModel", GPT2, "wte", ["c_attn"], "CAUSAL_LM"),
    "qwen2": ("Qwen2ForCausalLM", DECODER, "embed_tokens", ["q_proj"], "CAUSAL_LM"),
    "gemma2": ("Gemma2ForCausalLM", DECODER, "embed_tokens", ["q_proj"], "CAUSAL_LM"),
    "llama-seqcls": ("LlamaForSequenceClassification", DECODER | dict(num_labels=3), "embed_tokens", ["q_proj"], "SEQ_CLS"),
    "bert-seqcls": ("BertForSequenceClassification", BERT | dict(num_labels=3), "word_embeddings", ["query"], "SEQ_CLS"),
    "bert-maskedlm": ("BertForMaskedLM", BERT, "word_embeddings", ["query"], None),
    "roberta-maskedlm": ("RobertaForMaskedLM", BERT | dict(pad_token_id=1), "word_embeddings", ["query"], None),
}


def ways(family: str, size: int) -> dict[str, dict]:
    """How embedding and head may be trained: arguments of LoraConfig."""
    _, _, embedding, others, _ = FAMILIES[family]
    head = "decoder" if "maskedlm" in family else "score" if family == "llama-seqcls" else "lm_head"
    new = list(range(VOCABULARY, size)) or [2, 4]
    both = {"e": [embedding], "h": [head], "eh": [embedding, head]}
    if family == "bert-seqcls":
        both = {"e": [embedding]}
    result = {"none": dict(target_modules=others)}
    for name, modules in both.items():
        result[f"save-{name}"] = dict(target_modules=others, modules_to_save=modules)
        result[f"target-{name}"] = dict(target_modules=others + modules)
        result[f"dora-{name}"] = dict(target_modules=others + modules, use_dora=True)
    result["rows"] = dict(target_modules=others, trainable_token_indices=new)
    result["rows-e"] = dict(target_modules=others, trainable_token_indices={embedding: new})
    if family not in ("llama", "gpt2"):
        return result
    for name, modules in both.items():
        result[f"save-{name}-tie"] = dict(target_modules=others, modules_to_save=modules, ensure_weight_tying=True)
        result[f"target-{name}-tie"] = dict(target_modules=others + modules, ensure_weight_tying=True)
    result |= {
        "all-linear": dict(target_modules="all-linear"),
        "bias-save-eh": dict(target_modules=others, modules_to_save=[embedding, head], bias="all"),
        "rows-some": dict(target_modules=others, trainable_token_indices=new[1:]),
        "rows-more": dict(target_modules=others, trainable_token_indices=[3] + new),
        "rows-h": dict(target_modules=others, trainable_token_indices={head: new}),
        "rows-eh": dict(target_modules=others, trainable_token_indices={embedding: new, head: new}),
        "rows-eh-other": dict(target_modules=others, trainable_token_indices={embedding: new, head: [0] + new}),
        "rows-eh-tie": dict(target_modules=others, trainable_token_indices={embedding: new, head: new}, ensure_weight_tying=True),
        "rows-save-h": dict(target_modules=others, trainable_token_indices=new, modules_to_save=[head]),
        "rows-h-save-e": dict(target_modules=others, trainable_token_indices={head: new}, modules_to_save=[embedding]),
        "rows-target-h": dict(target_modules=others + [head], trainable_token_indices=new),
        "rows-target-e": dict(target_modules=others + [embedding], trainable_token_indices=new),
        "rows-h-target-e": dict(target_modules=others + [embedding], trainable_token_indices={head: new}),
        "rows-h-target-h": dict(target_modules=others + [head], trainable_token_indices={head: new}),
        "target-e-save-h": dict(target_modules=others + [embedding], modules_to_save=[head]),
        "target-h-save-e": dict(target_modules=others + [head], modules_to_save=[embedding]),
        "regex-eh": dict(target_modules=".*(" + "|".join(others + [embedding, head]) + ")"),
    }
    return result


def base_folder(name: str, family: str, tied: bool) -> pathlib.Path:
    architecture, config, *_ = FAMILIES[family]
    folder = TARGET / "models" / name
    model = folders.random_model(
        folders.make_config_of(architecture, config | dict(tie_word_embeddings=tied)), f"new-tokens/{name}", architecture
    )
    folders.save_model(model, folder, torch.float32, "1MB")
    return folder


def load(folder: pathlib.Path, family: str, size: int, seed: int):
    """Loads the base as a user does: new rows are random."""
    torch.manual_seed(seed)
    model = folders.load(folder, FAMILIES[family][0])
    if size != VOCABULARY:
        model.resize_token_embeddings(size)
    return model


@torch.no_grad()
def matrices(model, size: int) -> dict[str, torch.Tensor]:
    """What the embedding and the head compute, as matrices."""
    base = model.get_base_model()
    ids = torch.arange(size)
    embedding = base.get_input_embeddings()
    # Gemma multiplies the rows of the embedding.
    scale = next((m.scalar_embed_scale for m in embedding.modules() if hasattr(m, "scalar_embed_scale")), 1)
    result = {"embedding": embedding(ids) / scale}
    head = base.get_output_embeddings()
    head = getattr(base, "score", getattr(base, "classifier", None)) if head is None else head
    bias = head(torch.zeros(1, WIDTH))[0]
    result["head"] = (head(torch.eye(WIDTH)) - bias).T
    if bias.abs().max() > 0:
        result["bias"] = bias
    return {name: value.contiguous().clone() for name, value in result.items()}


def is_close(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all((a[name] - b[name]).abs().max() < 1e-6 for name in a)


def record_case(folder, family, size, lora, save, seed, into) -> dict | None:
    """The case, or None if PEFT cannot create or load such an adapter."""
    _, _, _, _, task = FAMILIES[family]
    try:
        base = load(folder, family, size, 1)
        if size > VOCABULARY:
            adapters.randomize_new_rows(base, VOCABULARY, seed)
        model = get_peft_model(base, LoraConfig(task_type=task, r=1, lora_alpha=2, lora_dropout=0.0, **lora))
        adapters.randomize(model, seed)
        adapters.tie_branches(model)
        trained = matrices(model.eval(), size)
        # PEFT reads the size of the vocabulary before resizing from this folder.
        model.peft_config["default"].base_model_name_or_path = str(folder)
        model.save_pretrained(into, save_embedding_layers=save)
        reloaded = [
            matrices(PeftModel.from_pretrained(load(folder, family, size, seed), into).eval(), size) for seed in (2, 3)
        ]
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        print(f"    PEFT: {type(error).__name__}: {str(error)[:150]}")
        return None
    config = json.loads((into / "adapter_config.json").read_text())
    default = json.loads(json.dumps(LoraConfig().to_dict(), default=list))
    config = {k: v for k, v in config.items() if k in ("peft_type", "r", "lora_alpha") or v != default.get(k)}
    for key in ("base_model_name_or_path", "inference_mode", "peft_version"):
        config.pop(key, None)
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key].sort()
    tensors = load_file(into / "adapter_model.safetensors")
    case = {"config": config, "tensors": tensors}
    # If nothing in the adapter shows that the vocabulary differs, it runs on the base model as it is.
    sizes = {length for name, value in tensors.items() for length in value.shape if "lora_A" not in name}
    tokens = lora.get("trainable_token_indices") or []
    tokens = [t for part in (tokens.values() if isinstance(tokens, dict) else [tokens]) for t in part]
    if size not in sizes and max(tokens, default=0) < VOCABULARY:
        return case | matrices(PeftModel.from_pretrained(load(folder, family, VOCABULARY, 2), into).eval(), VOCABULARY)
    return case | reloaded[0] if all(is_close(trained, other) for other in reloaded) else case


def shared(cases: dict[str, dict], part: str) -> dict:
    """The entries of a part that all cases have."""
    first, *others = (case[part] for case in cases.values())
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    shutil.rmtree(TARGET, ignore_errors=True)
    pool: dict[bytes, str] = {}
    values: dict[str, torch.Tensor] = {}

    def pooled(tensor: torch.Tensor) -> str:
        key = str((tensor.dtype, tensor.shape)).encode() + tensor.contiguous().view(torch.uint8).numpy().tobytes()
        name = pool.setdefault(key, str(len(pool)))
        values[name] = tensor.contiguous()
        return name

    models = {}
    scratch = pathlib.Path(tempfile.mkdtemp())
    for family in FAMILIES:
        for tied in (True, False):
            if not tied and family.endswith("seqcls"):
                continue
            name = family if family.endswith("seqcls") else f"{family}-{'tied' if tied else 'untied'}"
            folder = base_folder(name, family, tied)
            cases, known = {}, {}
            for vocabulary, size in RESIZED.items():
                if vocabulary != "grown" and family in ALIKE or vocabulary == "same" and family not in ("llama", "gpt2"):
                    continue
                for way, lora in ways(family, size).items():
                    for save in ("auto", True, False):
                        label = f"{vocabulary}/{way}/{save}"
                        into = scratch / name / label
                        print(f"{name}/{label}")
                        case = record_case(folder, family, size, lora, save, f"{name}/{vocabulary}", into)
                        if case is None:
                            continue
                        case["tensors"] = {
                            key.removeprefix("base_model.model."): pooled(value)
                            for key, value in sorted(case["tensors"].items())
                        }
                        for key in ("embedding", "head", "bias"):
                            if key in case:
                                case[key] = pooled(case[key])
                        # The saved files are often the same for every value of save_embedding_layers.
                        same = known.setdefault(json.dumps(case, sort_keys=True), label)
                        if same == label:
                            cases[label] = case
            models[name] = cases
    shutil.rmtree(scratch)
    lines = []
    for name, cases in models.items():
        common = {part: shared(cases, part) for part in ("config", "tensors")}
        inner = [f'  "common": {json.dumps(common, sort_keys=True)}']
        for label, case in cases.items():
            for part, known in common.items():
                case[part] = {key: value for key, value in case[part].items() if key not in known}
            inner.append(f"  {json.dumps(label)}: {json.dumps(case, sort_keys=True, separators=(',', ':'))}")
        lines.append(f" {json.dumps(name)}: {{\n" + ",\n".join(inner) + "\n }")
    (TARGET / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    save_file(values, TARGET / "tensors.safetensors", metadata={"format": "pt"})
    for file in TARGET.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)


if __name__ == "__main__":
    main()
