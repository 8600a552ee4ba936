#!/usr/bin/env python3
"""Records what transformers makes of texts with the model of test/Fixtures/llama, for test/Tools/text-*.test.

    record_text.py    # writes test/Fixtures/text

The folder gets the files that make a model's folder take text: a tokenizer of single bytes with three special tokens,
a chat template and the defaults of generation. `prompts.jsonl` has requests, and `answers.jsonl` what transformers
answers: a line for each, in the form of --output. All are greedy. Between the best and the second best score there is
at least 0.002 at each step, so that rounding decides nothing; prompts for which it would are left out.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "test" / "Fixtures"
sys.path.insert(0, str(FIXTURES))

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

from generator import example

TARGET = FIXTURES / "text"
SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
GAP = 0.002

TEMPLATE = """{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if tools %}{{- tools | tojson }}{% endif %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def write_tokenizer():
    example.save_byte_tokenizer(TARGET, len(SPECIAL), dict(enumerate(SPECIAL)), pad_token=SPECIAL[0], eos_token=SPECIAL[2])
    (TARGET / "chat_template.jinja").write_text(TEMPLATE)
    (TARGET / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 13], "max_new_tokens": 24}) + "\n")


class Gap(LogitsProcessor):
    """Notes the least distance between the two best scores."""

    def __init__(self):
        self.least = float("inf")

    def __call__(self, ids, scores):
        best = torch.topk(scores[0], 2).values
        self.least = min(self.least, float(best[0] - best[1]))
        return scores


NAMES = {"max_tokens": "max_new_tokens", "no_repeat_ngram": "no_repeat_ngram_size"}


def answer(model, tokenizer, request):
    options = {NAMES.get(key, key): value for key, value in request.items()}
    options.pop("greedy", None)
    if "logit_bias" in options:
        options["sequence_bias"] = {(int(i),): float(x) for i, x in options.pop("logit_bias").items()}
    if "messages" in options:
        conversation = {key: options.pop(key) for key in ("messages", "tools") if key in options}
        text = tokenizer.apply_chat_template(
            conversation["messages"], tools=conversation.get("tools"), add_generation_prompt=True, tokenize=False
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        ids = tokenizer(options.pop("prompt"))["input_ids"]
    gap = Gap()
    with torch.no_grad():
        out = model.generate(
            torch.tensor([ids]), do_sample=False, pad_token_id=0, logits_processor=LogitsProcessorList([gap]), **options
        )[0].tolist()
    new = out[len(ids) :]
    ends = new[-1] in model.generation_config.eos_token_id
    limit = options.get("max_new_tokens", model.generation_config.max_new_tokens)
    assert ends or len(new) == limit
    result = {
        "text": tokenizer.decode(new, skip_special_tokens=True),
        "ids": new,
        "prompt_tokens": len(ids),
        "finish_reason": "stop" if ends else "length",
    }
    if ends:
        result["text"] = tokenizer.decode(new[:-1], skip_special_tokens=True)
    return result, gap.least


def requests():
    prompts = [
        "Why is the sky blue?",
        "Warum ist der Himmel blau? \u2013 \u00c4 \u00f6 \u00fc",
        " leading space",
        "line\nend\n",
        "\u65e5\u672c\u8a9e \U0001f469\u200d\U0001f469\u200d\U0001f467",
        "special <|im_end|> inside",
        "a",
        "0123456789 " * 9,
    ]
    variants = [
        {},
        {"max_tokens": 5},
        {"max_tokens": 40, "repetition_penalty": 1.3},
        {"max_tokens": 40, "no_repeat_ngram": 2},
        {"logit_bias": {"100": 2.5, "7": -100.0}},
        {"max_tokens": 1},
    ]
    for i, prompt in enumerate(prompts):
        for j, variant in enumerate(variants):
            if (i + j) % 2 == 0 or not variant:
                yield {"prompt": prompt, "greedy": True} | variant
    conversation = [{"role": "user", "content": " Hello \u00e9! "}]
    yield {"messages": conversation, "greedy": True}
    conversation = [{"role": "system", "content": "Be short."}, *conversation]
    conversation += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And <now>?"}]
    yield {"messages": conversation, "greedy": True, "max_tokens": 9}
    tool = {"type": "function", "function": {"name": "f", "description": "\u00e4 'quote'", "parameters": {"z": 1, "a": []}}}
    yield {"messages": conversation, "tools": [tool], "greedy": True}


def main():
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    write_tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FIXTURES / "llama" / "model", folder, dirs_exist_ok=True)
        shutil.copytree(TARGET, folder, dirs_exist_ok=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        prompts, answers = [], []
        for request in requests():
            result, gap = answer(model, tokenizer, request)
            if gap < GAP:
                print("left out, gap", gap, request)
                continue
            prompts.append(request)
            answers.append(result)
    for name, lines in (("prompts", prompts), ("answers", answers)):
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        (TARGET / f"{name}.jsonl").write_text(text)
    print(len(prompts), "requests")


if __name__ == "__main__":
    main()
