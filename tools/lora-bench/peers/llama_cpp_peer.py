"""Measures llama.cpp if llama-bench is on the path. `lora-bench run MODEL --peers` starts this program.

The checkpoint is written as GGUF by the package `gguf`. Each request runs llama-bench once; its time is that of the
tokens, without loading the model.
"""

import json
import os
import shutil
import subprocess

import peer_protocol

arguments = peer_protocol.parse()
program = shutil.which("llama-bench")
if not program:
    raise SystemExit("llama-bench is not on the path")

import gguf
import safetensors
import torch

with open(os.path.join(arguments.model, "config.json"), encoding="utf-8") as file:
    config = json.load(file)
path = os.path.join(arguments.work, "llama.gguf")


def tensors():
    """Yields names and tensors, one at a time."""
    for name in sorted(os.listdir(arguments.model)):
        if name.endswith(".safetensors"):
            with safetensors.safe_open(os.path.join(arguments.model, name), "pt") as file:
                for key in file.keys():
                    yield key, file.get_tensor(key)


# The names of tensors in a layer, in Hugging Face's and in GGUF's form.
in_layer = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name):
    module = name.removesuffix(".weight")
    if module in whole:
        return whole[module] + ".weight"
    _, _, layer, rest = module.split(".", 3)
    return f"blk.{layer}.{in_layer[rest]}.weight"


def write_gguf():
    vocabulary, heads = config["vocab_size"], config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(min(config["max_position_embeddings"], 8192))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"t{i}" for i in range(vocabulary)])
    writer.add_token_types([1] * vocabulary)
    writer.add_token_merges(["t 1"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    kinds = gguf.GGMLQuantizationType
    matrix_type = {"f32": kinds.F32, "bf16": kinds.BF16}[arguments.dtype]
    for name, tensor in tensors():
        kind = matrix_type if tensor.dim() == 2 else kinds.F32
        values = gguf.quants.quantize(tensor.to(torch.float32).numpy(), kind)
        writer.add_tensor(gguf_name(name), values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def bench(*options):
    command = [program, "-m", path, "-t", str(arguments.threads), "-r", "1", "-o", "json", *options]
    out = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return json.loads(out)[-1]


def forward(tokens, seconds):
    return [bench("-p", str(tokens), "-n", "0")["avg_ns"] * 1e-9]


def decode(context, steps):
    seconds = bench("-p", "0", "-n", str(steps), "-d", str(context))["avg_ns"] * 1e-9
    return [seconds / steps] * steps, context


write_gguf()
peer_protocol.serve(forward, decode)
