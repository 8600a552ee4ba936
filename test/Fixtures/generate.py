#!/usr/bin/env python3
"""Records the fixtures of test/Fixtures and examples/ from torch, transformers and peft.

    python test/Fixtures/generate.py               # everything
    python test/Fixtures/generate.py qwen3 gpt2    # some configurations
    python test/Fixtures/generate.py examples      # the shipped example
    python test/Fixtures/generate.py combinations  # several adapters at once, for the existing folders
    python test/Fixtures/generate.py mlx           # adapters of mlx-lm for existing models
    python test/Fixtures/generate.py encoders      # encoders with tokenizers, and results of texts

README.md in this folder describes each written file.
"""

import argparse
import os
import sys
import time
import warnings

# One thread, so that sums are always added in the same order and a second run on the same machine writes the same
# bytes.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

from generator import combinations, encoders, example, families, mlx, record
from generator.models import CONFIGURATIONS

EXAMPLES = "examples"
COMBINATIONS = "combinations"
MLX = "mlx"
ENCODERS = "encoders"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help=f"{', '.join([*families.FAMILIES, *CONFIGURATIONS])}, {MLX}, {ENCODERS}, {COMBINATIONS} or {EXAMPLES}; default: all of them",
    )
    arguments = parser.parse_args()
    known = [*families.FAMILIES, *CONFIGURATIONS, MLX, ENCODERS, EXAMPLES, COMBINATIONS]
    for target in arguments.targets:
        if target not in known:
            parser.error(f"unknown target '{target}', expected one of {', '.join(known)}")

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    # PEFT looks for the base model's folder by the name that it writes into an adapter.
    os.chdir(families.REPOSITORY)

    for target in arguments.targets or known[:-1]:
        start = time.monotonic()
        if target == EXAMPLES:
            example.generate()
        elif target == MLX:
            mlx.generate()
        elif target == ENCODERS:
            encoders.generate()
        elif target == COMBINATIONS:
            for name, configuration in CONFIGURATIONS.items():
                combinations.generate(name, configuration)
        elif target in CONFIGURATIONS:
            record.generate(target, CONFIGURATIONS[target])
        else:
            families.generate(target)
        print(f"{target}: {time.monotonic() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
