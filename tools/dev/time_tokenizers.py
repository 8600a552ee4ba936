#!/usr/bin/env python3
"""Measures the runtime's tokenizers against the Python package tokenizers, on one thread and the same text.

    time_tokenizers.py [--build BUILD_DIR] [--megabytes N] [--rounds N] [NAME ...]

A NAME is a configuration of test/Fixtures/generator/tokenizer_models.py, a tokenizer.json or a model's folder; default: one of each
kind. Texts: sentences of many languages in a random order, and one word of a megabyte, whose time per byte shows whether work is
linear. Both are timed in turn, in time of the processor; the best of the rounds counts; the ratio is
theirs / ours.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))

from generator import tokenizer_models, tokenizer_texts
from tokenizers import Tokenizer


def sentences(size, seed=0):
    """Mostly English of ever new words, as real texts have them, with other languages and code between."""
    source = random.Random(seed)
    parts = [*tokenizer_texts.LANGUAGES.values(), *tokenizer_texts.CURIOUS[14:]]
    syllables = ["al", "be", "con", "de", "er", "fi", "gra", "ho", "in", "ja", "kel", "lo", "men", "no", "or", "pre", "qui", "re", "sta", "tion"]
    words = ["".join(source.choice(syllables) for _ in range(source.randrange(1, 5))) for _ in range(20000)]
    result, length = [], 0
    while length < size:
        if source.randrange(4) == 0:
            part = source.choice(parts)
        else:
            part = " ".join(words[int(source.paretovariate(0.6)) % len(words)] for _ in range(20)) + source.choice([". ", ", ", "\n"])
        result.append(part)
        length += len(part.encode())
    return "".join(result)


def ours(program, path, text, rounds):
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(text.encode())
        file.flush()
        output = subprocess.check_output([program, path, "--time", file.name, str(rounds)], text=True)
    return float(output.splitlines()[0].split()[2]), float(output.splitlines()[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(REPOSITORY / "build"))
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*", default=["llama2", "llama3", "qwen2", "gemma", "gpt2", "bert-uncased", "xlm-roberta"])
    arguments = parser.parse_args()
    texts = {"text": sentences(int(arguments.megabytes * 1e6)), "word": "ab" * 500_000}
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as folder:
            path = name
            if name in tokenizer_models.PUBLISHED:
                path = f"{folder}/tokenizer.json"
                tokenizer_models.PUBLISHED[name]().save(path)
            file = path if path.endswith(".json") else f"{path}/tokenizer.json"
            stored = f"{folder}/stored"
            program = f"{arguments.build}/test/bin/text-tokens"
            subprocess.check_call([program, path, "--store", stored])
            start = time.perf_counter()
            tokenizer = Tokenizer.from_file(file)
            opening = time.perf_counter() - start
            tokenizer.no_truncation()
            opened, _ = ours(program, stored, "x", 1)
            print(f"{name}: opens in {opened * 1000:.2f} ms from a compiled file, {opening * 1000:.2f} ms there")
            for kind, text in texts.items():
                best_theirs, best_ours = 1e30, 1e30
                for _ in range(arguments.rounds):
                    start = time.process_time()
                    tokenizer.encode(text)
                    best_theirs = min(best_theirs, time.process_time() - start)
                    best_ours = min(best_ours, ours(program, stored, text, 1)[1])
                size = len(text.encode()) / 1e6
                print(f"    {kind}: {size / best_ours:.1f} MB/s, {size / best_theirs:.1f} MB/s there, ratio {best_theirs / best_ours:.2f}", flush=True)


if __name__ == "__main__":
    main()
