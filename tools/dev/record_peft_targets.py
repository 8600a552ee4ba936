#!/usr/bin/env python3
"""Records which modules PEFT's own code targets, for test/unit/Import/PeftTargetsTest.cpp.

    record_peft_targets.py PEFT_PACKAGE_DIR > test/unit/Import/Inputs/peft-targets.json

PEFT_PACKAGE_DIR contains tuners/ and utils/, for example the folder `peft` of an unpacked wheel. Two functions are
extracted from the sources by name, so neither torch nor PEFT's dependencies are needed.
"""

import ast
import json
import math
import pathlib
import re
import sys
import types

LINEAR = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
MODULES = [f"model.layers.{layer}.{name}" for layer in (0, 1, 2, 10) for name in LINEAR]
MODULES += ["model.layers.1.experts.0.up_proj", "model.layers.2.experts.1.up_proj", "layers.1.q_proj", "h.1.attn.c_attn", "proj", "lm_head"]

CASES = [
    {"target_modules": ["q_proj", "v_proj"]},
    {"target_modules": ["proj"]},
    {"target_modules": ["_proj"]},
    {"target_modules": ["self_attn.q_proj", "lm_head"]},
    {"target_modules": ["model.layers.1.self_attn.q_proj"]},
    {"target_modules": ["q.proj"]},
    {"target_modules": [".q_proj"]},
    {"target_modules": [""]},
    {"target_modules": []},
    {"target_modules": "q_proj"},
    {"target_modules": ".*q_proj"},
    {"target_modules": r".*\.q_proj|.*\.v_proj"},
    {"target_modules": r".*\.(?:q|v)_proj"},
    {"target_modules": r"model\.layers\.(0|2)\..*"},
    {"target_modules": r"model\.layers\.\d\.mlp\.(?!down).*"},
    {"target_modules": r"model\.layers\.\d\..*(?<!down)_proj"},
    {"target_modules": r".*\b(q|k)_proj\b"},
    {"target_modules": r"model\.layers\.(?P<a>\d)(?P=a)?\.self_attn\.\w+"},
    {"target_modules": r"model\.layers\.\d{,1}\.self_attn\.q_proj"},
    {"target_modules": r"model\.layers\.\d{2,}\.self_attn\.q_proj"},
    {"target_modules": r"(?i).*Q_PROJ"},
    {"target_modules": r"(?x) .* \. q_proj  # a comment"},
    {"target_modules": r".*[[q]_proj"},
    {"target_modules": r".*[^]]_proj\Z"},
    {"target_modules": r"^.*q_proj$"},
    {"target_modules": r".*\.1\.(?#only layer one)self_attn\.q_proj"},
    {"target_modules": ["q_proj"], "exclude_modules": ["model.layers.0.self_attn.q_proj", "1.self_attn.q_proj"]},
    {"target_modules": ["q_proj", "up_proj"], "exclude_modules": r".*\.experts\..*"},
    {"target_modules": ["q_proj", "up_proj"], "exclude_modules": ["experts"]},
    {"target_modules": ["q_proj"], "exclude_modules": ""},
    {"target_modules": ["q_proj"], "exclude_modules": []},
    {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": 1},
    {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": 0},
    {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0, 10]},
    {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": []},
    {"target_modules": ["q_proj", "lm_head", "proj"], "layers_to_transform": [1]},
    {"target_modules": ["model.layers.0.self_attn.q_proj", "k_proj"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "c_attn"], "layers_to_transform": [1], "layers_pattern": "layers"},
    {"target_modules": ["q_proj", "c_attn"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]},
    {"target_modules": ["q_proj", "c_attn"], "layers_to_transform": [1], "layers_pattern": "(layers|h)"},
    {"target_modules": ["up_proj"], "layers_to_transform": [1], "layers_pattern": ["experts", "layers"]},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ""},
    {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": []},
    {"target_modules": ["q_proj"], "layers_to_transform": [], "layers_pattern": "layers"},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"q_proj": 4}},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"q_proj": 4, "layers.1.self_attn.q_proj": 2}},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"layers.1.self_attn.q_proj": 2, "q_proj": 4}},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"^model.layers.0.self_attn.q_proj": 2}},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"_proj": 2, "[qk]_proj": 3}},
    {"target_modules": ["q_proj", "k_proj"], "rank_pattern": {"layers\\.(0|1)\\..*": 5}, "alpha_pattern": {"k_proj": 1.5}},
    {"target_modules": ["q_proj"], "rank_pattern": {"q_proj": 4}, "alpha_pattern": {"layers.0.*": 3}, "use_rslora": True},
    {"target_modules": ["q_proj"], "r": 5, "lora_alpha": 7},
]


def functions_of(package, wanted):
    namespace = {"re": re, "Optional": None, "Sequence": list, "_ExcludedModule": type("_ExcludedModule", (), {"__bool__": lambda self: False})}
    for file, name in wanted:
        source = (package / file).read_text()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                node.returns = None
                for argument in node.args.args:
                    argument.annotation = None
                exec(compile(ast.Module([node], []), file, "exec"), namespace)
    return namespace


def main():
    package = pathlib.Path(sys.argv[1])
    peft = functions_of(
        package,
        [
            ("utils/other.py", "match_target_against_key"),
            ("utils/other.py", "get_pattern_key"),
            ("tuners/tuners_utils.py", "check_target_module_exists"),
        ],
    )
    recorded = []
    for case in CASES:
        config = {"peft_type": "LORA", "r": 3, "lora_alpha": 6, **case}
        get = types.SimpleNamespace(
            **{key: None for key in ("exclude_modules", "modules_to_save", "target_parameters", "layers_to_transform", "layers_pattern")}
        )
        get.__dict__.update(config)
        selected = {}
        for module in MODULES:
            if not peft["check_target_module_exists"](get, module):
                continue
            ranks, alphas = config.get("rank_pattern", {}), config.get("alpha_pattern", {})
            rank = ranks.get(peft["get_pattern_key"](list(ranks), module), config["r"])
            alpha = alphas.get(peft["get_pattern_key"](list(alphas), module), config["lora_alpha"])
            selected[module] = [rank, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)]
        recorded.append({"config": config, "selected": selected})
    json.dump({"modules": MODULES, "cases": recorded}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
