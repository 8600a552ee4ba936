"""Measures PyTorch, with PEFT for an adapter. `lora-bench run MODEL --peers` starts this program."""

import time

import peer_protocol

arguments = peer_protocol.parse(("base", "merged", "unmerged"))

import torch
import transformers

torch.set_num_threads(arguments.threads)
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[arguments.dtype]
config = transformers.AutoConfig.from_pretrained(arguments.model)
is_encoder = config.model_type in ("bert", "roberta")
is_causal = not is_encoder and getattr(config, "is_causal", True)
kind = transformers.AutoModel if is_encoder else transformers.AutoModelForCausalLM
model = kind.from_pretrained(arguments.model, dtype=dtype, attn_implementation="sdpa")
if arguments.variant != "base":
    import peft

    model = peft.PeftModel.from_pretrained(model, arguments.adapter)
    if arguments.variant == "merged":
        model = model.merge_and_unload()
model.eval()


def ids(count):
    return torch.tensor([peer_protocol.some_tokens(config.vocab_size, count)])


def forward(tokens, seconds):
    prompt = ids(tokens)

    @torch.inference_mode()
    def call():
        if is_encoder:
            return model(input_ids=prompt)
        return model(input_ids=prompt, use_cache=is_causal, logits_to_keep=1)

    return peer_protocol.times_of(seconds, call)


caches = {}


@torch.inference_mode()
def decode(context, steps):
    if context not in caches:
        out = model(input_ids=ids(context), use_cache=True, logits_to_keep=1)
        caches[context] = (out.past_key_values, out.logits[:, -1:].argmax(-1), context)
    cache, token, position = caches[context]
    times = []
    for _ in range(steps):
        start = time.monotonic()
        out = model(input_ids=token, past_key_values=cache, use_cache=True)
        cache, token = out.past_key_values, out.logits[:, -1:].argmax(-1)
        times.append(time.monotonic() - start)
    caches[context] = (cache, token, position + steps)
    return times, position


peer_protocol.serve(forward, decode if is_causal else None)
