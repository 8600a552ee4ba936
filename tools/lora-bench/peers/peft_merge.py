"""Merges an adapter with PEFT: loads, merges, saves, and waits for the disk. lora-bench times the whole program."""

import os

import peer_protocol

arguments = peer_protocol.parse()

import peft
import torch
import transformers

torch.set_num_threads(arguments.threads)
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[arguments.dtype]
config = transformers.AutoConfig.from_pretrained(arguments.model)
is_encoder = config.model_type in ("bert", "roberta")
kind = transformers.AutoModel if is_encoder else transformers.AutoModelForCausalLM
model = kind.from_pretrained(arguments.model, dtype=dtype)
peft.PeftModel.from_pretrained(model, arguments.adapter).merge_and_unload().save_pretrained(arguments.out)
for name in os.listdir(arguments.out):
    file = os.open(os.path.join(arguments.out, name), os.O_RDONLY)
    os.fsync(file)
    os.close(file)
