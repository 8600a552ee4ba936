#!/usr/bin/env python3
"""Records what transformers' logits processors make of logits, for test/unit/Generation.

    record_sampling.py        writes test/unit/Generation/Inputs/sampling.json and sampling.safetensors

A case has settings in the keys of generation_config.json ("extra": those that are options of ours only), a prompt, the tokens
generated so far, the name of its logits, and the limit of new tokens. The probabilities after all processors are the rows of
the tensors `probabilities.N`, for a vocabulary of N. "lookups" has what PromptLookupCandidateGenerator proposes after texts: [text,
tokens to propose, longest sequence to look for, proposal]. "configs" has what transformers takes from generation_config.json, and
from config.json of old models: [whether it is the latter, file, values that it takes or null if it fails]. torch's sums depend on the CPU, so a case whose probabilities differ in f64
is at the edge of a limit by chance, and is left out. Cases named "tie" are at an edge on purpose: all their sums are exact.
"""

import json
import math
import pathlib
import random

import numpy
import torch
from safetensors.numpy import save_file
from transformers import GenerationConfig, GenerationMixin, LlamaConfig
from transformers.generation.candidate_generator import PromptLookupCandidateGenerator
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList, RepetitionPenaltyLogitsProcessor
from transformers.generation.logits_process import SequenceBiasLogitsProcessor

INPUTS = pathlib.Path(__file__).resolve().parents[2] / "test" / "unit" / "Generation" / "Inputs"
END = [3, 11]
INFINITY = float("inf")


class Model(GenerationMixin):
    """As much of a model as `_get_logits_processor` asks for."""

    config = LlamaConfig()


class Penalties(LogitsProcessor):
    """OpenAI's formula, by the tokens that were generated."""

    def __init__(self, prompt_length, presence, frequency):
        self.prompt_length, self.presence, self.frequency = prompt_length, presence, frequency

    def __call__(self, input_ids, scores):
        counts = torch.zeros_like(scores)
        for token in input_ids[0, self.prompt_length :].tolist():
            counts[0, token] += 1
        return scores - self.frequency * counts - self.presence * (counts > 0)


def processors(case):
    settings = dict(case["settings"])
    extra = case.get("extra", {})
    biases = (settings.get("sequence_bias") or []) + [[[token], bias] for token, bias in extra.get("logit_bias", [])]
    if biases:
        settings["sequence_bias"] = biases
    config = GenerationConfig(**settings)
    has_no_max, has_no_min = config.max_length is None, config.min_length is None
    if "max_new_tokens" in case:
        config.max_new_tokens = case["max_new_tokens"]
    config.update(**config._get_default_generation_params(), defaults_only=True)
    model, prompt = Model(), torch.tensor([case["prompt"]])
    model._prepare_generated_length(config, has_no_max, has_no_min, "input_ids", prompt.shape[1], prompt)
    config._eos_token_tensor = torch.tensor(END)
    result = model._get_logits_processor(
        config, input_ids_seq_length=prompt.shape[1], encoder_input_ids=prompt, device="cpu", logits_processor=LogitsProcessorList())
    if "presence_penalty" in extra or "frequency_penalty" in extra:
        penalties = Penalties(prompt.shape[1], extra.get("presence_penalty", 0.0), extra.get("frequency_penalty", 0.0))
        first = [SequenceBiasLogitsProcessor, RepetitionPenaltyLogitsProcessor]
        result.insert(sum(type(processor) in first for processor in result), penalties)
    return result


def probabilities(case, logits):
    text = torch.tensor([case["prompt"] + case["new"]])
    scores = processors(case)(text, logits[None])
    return scores.softmax(-1)[0].numpy()


def make_logits():
    """Names start with the size of the vocabulary."""
    random_numbers = numpy.random.default_rng(20)
    result = {}
    for size in (97, 1000):
        normal = random_numbers.normal(size=size)
        result[f"{size}.flat"] = normal * 0.4 + 3
        result[f"{size}.wide"] = normal[::-1] * 3 - 5
        # A few likely tokens, as from a trained model.
        result[f"{size}.peaked"] = random_numbers.normal(size=size) * 2 + 12 * random_numbers.uniform(size=size) ** 12
        # Groups of equal logits, in random order.
        result[f"{size}.ties"] = random_numbers.permutation(numpy.repeat(numpy.arange(-2, 4, 0.5), math.ceil(size / 12))[:size])
        holes = random_numbers.normal(size=size) * 2
        holes[random_numbers.permutation(size)[: size // 2]] = -INFINITY
        result[f"{size}.holes"] = holes
        # 8 or 10 possible tokens of the same probability: sums are exact.
        for count in (8, 10):
            equal = numpy.full(size, -INFINITY)
            equal[random_numbers.permutation(size)[:count]] = 1.5
            result[f"{size}.equal{count}"] = equal
    invalid = random_numbers.normal(size=97)
    invalid[[5, 40]] = numpy.nan
    invalid[[7, 90]] = -INFINITY
    result["97.invalid"] = invalid
    result["97.infinite"] = numpy.where(numpy.arange(97) == 30, INFINITY, invalid)
    return {name: torch.tensor(values.astype(numpy.float32)) for name, values in result.items()}


#: Settings of each processor alone; those of the second list need do_sample.
ALONE = [
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.8}, {"no_repeat_ngram_size": 1}, {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 3}, {"no_repeat_ngram_size": 40}, {"bad_words_ids": [[4], [3], [11], [21, 22], [5, 6, 7], [9, 6, 17]]},
    {"sequence_bias": [[[4], -2.5], [[6], 3.25], [[5, 6], -1.5], [[7, 5, 6], 40.0], [[7, 6], 9.0], [[5, 9], 2.0]]},
    {"min_length": 9}, {"min_length": 8}, {"min_length": 90, "min_new_tokens": 3}, {"min_new_tokens": 4}, {"min_new_tokens": 3},
    {"suppress_tokens": [0, 1, 2, 50, 96]}, {"begin_suppress_tokens": [5, 6, 7, 8]}, {"forced_eos_token_id": 11},
    {"forced_eos_token_id": [11, 3]}, {"exponential_decay_length_penalty": [1, 1.7]}, {"exponential_decay_length_penalty": [3, 1.7]},
    {"forced_bos_token_id": 30}, {"renormalize_logits": True}, {},
]
DRAWN = [
    {"temperature": 0.7}, {"temperature": 2.5}, {"temperature": 0.05}, {"top_k": 1}, {"top_k": 5}, {"top_k": 2000}, {},
    {"top_p": 0.0}, {"top_p": 0.1}, {"top_p": 0.5}, {"top_p": 0.92}, {"top_p": 0.999}, {"min_p": 0.0}, {"min_p": 0.05}, {"min_p": 0.3},
    {"min_p": 1.0}, {"typical_p": 0.2}, {"typical_p": 0.9}, {"epsilon_cutoff": 0.0009}, {"epsilon_cutoff": 0.2}, {"eta_cutoff": 0.0009},
    {"eta_cutoff": 0.3}, {"top_h": 0.2}, {"top_h": 0.7}, {"renormalize_logits": True},
]
EXTRA = [
    {"logit_bias": [[4, 2.5], [90, -1.25], [6, 30.0]]}, {"presence_penalty": 0.7}, {"frequency_penalty": 0.45},
    {"presence_penalty": -1.5, "frequency_penalty": 0.9},
]


def make_cases(logits):
    chance = random.Random(17)
    prompt, new = [5, 6, 7, 9, 6], [7, 5, 6]
    base = {"prompt": prompt, "new": new}
    cases = []
    for index, settings in enumerate(ALONE):
        for name in ("97.flat", "97.wide", "97.holes") if index % 3 else ("97.wide", "97.peaked"):
            cases.append({**base, "logits": name, "settings": settings})
    for extra in EXTRA:
        cases.append({**base, "logits": "97.wide", "settings": {}, "extra": extra})
        cases.append({**base, "logits": "97.flat", "settings": {"do_sample": True, "repetition_penalty": 1.2}, "extra": extra})
    for index, settings in enumerate(DRAWN):
        alone = {"do_sample": True, "top_k": 0, **settings}
        for name in ("flat", "wide", "peaked", "ties", "holes"):
            cases.append({**base, "logits": "97." + name, "settings": alone})
        if index % 4 == 2:
            cases.append({**base, "logits": "1000." + ("flat", "wide", "ties")[index // 4 % 3], "settings": alone})
    # The first token, one token of prompt, a limit.
    for prompt, new, more in (([5], [], {}), ([5, 9], [], {}), ([5], [30], {}), ([5, 9, 2], [7, 7], {"max_new_tokens": 3})):
        for settings in (
            {"begin_suppress_tokens": [4, 5, 6]}, {"begin_suppress_tokens": [4, 5, 6], "forced_bos_token_id": 30},
            {"forced_eos_token_id": 11, "suppress_tokens": [8]}, {"forced_eos_token_id": [3, 11], "min_new_tokens": 2},
        ):
            cases.append({"prompt": prompt, "new": new, "logits": "97.wide", "settings": settings, **more})
    # Tokens beyond the vocabulary, and a long text of repetitions.
    cases.append({"prompt": [200, 5, 96], "new": [7, 300], "logits": "97.flat", "settings": {"repetition_penalty": 1.9}})
    cases.append({"prompt": [8, 99, 8], "new": [99, 8], "logits": "97.flat", "settings": {"no_repeat_ngram_size": 2}})
    long_prompt = [chance.randrange(97) for _ in range(300)]
    long_new = [chance.randrange(4) for _ in range(80)]
    for settings in ({"no_repeat_ngram_size": 3}, {"repetition_penalty": 1.1, "do_sample": True}):
        cases.append({"prompt": long_prompt, "new": long_new, "logits": "97.peaked", "settings": settings})
    for name in ("97.invalid", "97.infinite"):
        for settings in ({}, {"do_sample": True, "temperature": 1.5}, {"suppress_tokens": [30], "top_p": 0.8, "do_sample": True}):
            cases.append({**base, "logits": name, "settings": {"remove_invalid_values": True, **settings}})
    for count in (8, 10):
        for size in (97, 1000):
            for settings in [{"top_p": tenth / 10} for tenth in range(0, 11)] + [{"top_k": k} for k in (1, 4, count)]:
                if size == 97 or settings.get("top_p") in (0.3, 0.7):
                    settings = {"do_sample": True, "top_k": 0, **settings}
                    cases.append({**base, "logits": f"{size}.equal{count}", "settings": settings, "tie": True})
    # Combinations.
    for index in range(120):
        case = {"prompt": [chance.randrange(97) for _ in range(chance.randrange(1, 12))], "settings": {}}
        case["new"] = [chance.randrange(97) for _ in range(chance.randrange(0, 6))]
        case["logits"] = chance.choice([name for name in logits if name.split(".")[1] in ("flat", "wide", "peaked", "ties", "holes")])
        if index % 5:
            case["logits"] = "97" + case["logits"][case["logits"].index(".") :]
        for settings in chance.sample(ALONE[:-4], 3):
            case["settings"].update(settings)
        if index % 6:
            case["settings"].update({"do_sample": True})
            for settings in chance.sample(DRAWN, 3):
                case["settings"].update(settings)
        if index % 4 == 1:
            case["extra"] = dict(chance.choice(EXTRA))
            biased = {tuple(ids) for ids, _ in case["settings"].get("sequence_bias", [])}
            if any((token,) in biased for token, _ in case["extra"].get("logit_bias", [])):
                del case["settings"]["sequence_bias"]
        if index % 3 == 0:
            case["max_new_tokens"] = len(case["new"]) + chance.randrange(1, 4)
        cases.append(case)
    return cases


def make_lookups():
    chance = random.Random(5)
    result = []
    for index in range(150):
        length, alphabet = chance.randrange(1, 40), chance.choice([2, 4, 9, 30])
        text = [chance.randrange(alphabet) + 2 for _ in range(length)]
        tokens, longest = chance.randrange(1, 12), chance.randrange(1, 5)
        generator = PromptLookupCandidateGenerator(
            eos_token_id=torch.tensor(END), num_output_tokens=tokens, max_matching_ngram_size=longest, max_length=1000)
        found, _ = generator.get_candidates(torch.tensor([text]))
        result.append([text, tokens, longest, found[0, length:].tolist()])
    return result


#: Contents of generation_config.json.
CONFIGS = [
    {}, {"do_sample": True}, {"do_sample": None, "top_k": None, "temperature": None}, {"top_k": 0, "top_p": 0.0},
    {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [128001, 128009], "bos_token_id": 128000},
    {"do_sample": True, "top_p": -0.1}, {"do_sample": False, "top_p": -0.1}, {"do_sample": True, "top_p": 1.5},
    {"do_sample": True, "top_k": -3}, {"do_sample": False, "top_k": -3}, {"do_sample": True, "temperature": -0.5},
    {"do_sample": True, "min_p": 1.5}, {"do_sample": True, "min_p": 0.1}, {"do_sample": True, "typical_p": 0.0},
    {"do_sample": True, "typical_p": 1.5}, {"do_sample": True, "epsilon_cutoff": 2.0, "eta_cutoff": -1.0},
    {"do_sample": True, "top_h": 1.5}, {"do_sample": True, "top_h": 0.5}, {"repetition_penalty": -1.0}, {"repetition_penalty": 0.0},
    {"no_repeat_ngram_size": -2}, {"no_repeat_ngram_size": 3}, {"min_length": -1}, {"min_new_tokens": 3, "min_length": 7},
    {"bad_words_ids": [[-3]]}, {"bad_words_ids": [4]}, {"bad_words_ids": [[4, 5]]}, {"sequence_bias": [[[4], "x"]]},
    {"sequence_bias": [[[4, 5], -1.5]]}, {"max_new_tokens": 0}, {"max_new_tokens": 5, "max_length": 70},
    {"forced_eos_token_id": [3, 11], "forced_bos_token_id": 5}, {"suppress_tokens": [1, 2], "begin_suppress_tokens": [3]},
    {"exponential_decay_length_penalty": [5, 1.5]}, {"remove_invalid_values": True, "renormalize_logits": True},
    {"stop_strings": ["a", "b"]}, {"use_cache": False, "length_penalty": 2.0, "early_stopping": True, "unknown": 3},
    {"pad_token_id": -1, "eos_token_id": 2}, {"transformers_version": "4.30", "_from_model_config": True, "eos_token_id": 2},
]
#: Contents of config.json.
MODEL_CONFIGS = [
    {"model_type": "gpt2", "eos_token_id": 7, "bos_token_id": None, "n_embd": 8},
    {"model_type": "x", "eos_token_id": 7, "temperature": 0.5, "do_sample": True, "text_config": {"eos_token_id": 8, "pad_token_id": 9}},
    {"model_type": "x", "text_config": {"eos_token_id": 8, "top_k": 9}, "top_p": 0.5},
    {"model_type": "x", "decoder": {"eos_token_id": 6, "min_p": 0.25}, "text_config": {"eos_token_id": 8, "pad_token_id": 9}},
    {"model_type": "x", "force_bos_token_to_be_generated": True, "bos_token_id": 4},
    {"model_type": "x", "text_config": {}, "max_length": 20, "num_beams": 1},
]
KEYS = """do_sample sequence_bias repetition_penalty no_repeat_ngram_size bad_words_ids min_length min_new_tokens forced_bos_token_id
    forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens temperature top_h
    top_k top_p min_p typical_p epsilon_cutoff eta_cutoff renormalize_logits eos_token_id bos_token_id pad_token_id max_new_tokens
    max_length stop_strings""".split()


def make_configs():
    result = []
    for is_old, contents in [(False, config) for config in CONFIGS] + [(True, config) for config in MODEL_CONFIGS]:
        try:
            config = (GenerationConfig.from_model_config if is_old else GenerationConfig.from_dict)(json.loads(json.dumps(contents)))
            values = {key: getattr(config, key, None) for key in KEYS}
            for key, value in config._get_default_generation_params().items():
                # The default of max_length is a limit of new tokens.
                if key in KEYS and key != "max_length" and values[key] is None:
                    values[key] = value
            processors({"settings": {**values, "eos_token_id": None}, "prompt": [5, 6], "new": []})
            result.append([is_old, contents, values])
        except (ValueError, TypeError):
            result.append([is_old, contents, None])
    return result


def main():
    logits = make_logits()
    kept, rows, dropped = [], {97: [], 1000: []}, 0
    for case in make_cases(logits):
        values = logits[case["logits"]]
        result = probabilities(case, values)
        if not numpy.isfinite(result).all():
            dropped += 1
            continue
        if not case.pop("tie", False):
            wide = probabilities(case, values.double())
            if abs(wide - result).max() > 2e-7:
                dropped += 1
                continue
        case["row"] = len(rows[len(values)])
        rows[len(values)].append(result)
        kept.append(case)
    assert dropped < 40 and len(kept) > 250, (dropped, len(kept))
    INPUTS.mkdir(parents=True, exist_ok=True)
    tensors = {f"logits.{name}": values.numpy() for name, values in logits.items()}
    tensors.update({f"probabilities.{size}": numpy.stack(values) for size, values in rows.items()})
    save_file(tensors, INPUTS / "sampling.safetensors")
    lines = ",\n".join(json.dumps(case) for case in kept)
    lookups = ",\n".join(json.dumps(lookup) for lookup in make_lookups())
    configs = ",\n".join(json.dumps(config) for config in make_configs())
    text = f'{{"eos": {json.dumps(END)}, "cases": [\n{lines}\n], "lookups": [\n{lookups}\n],\n"configs": [\n{configs}\n]}}\n'
    (INPUTS / "sampling.json").write_text(text)
    print(f"{len(kept)} cases, {dropped} left out")


if __name__ == "__main__":
    main()
