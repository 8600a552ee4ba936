"""Measures ONNX Runtime, for encoders. `lora-bench run MODEL --peers` starts this program. PyTorch exports the model, in f32."""

import os

import peer_protocol

arguments = peer_protocol.parse()

import onnxruntime
import torch
import transformers

if arguments.dtype != "f32":
    raise SystemExit("ONNX Runtime computes in f32 on CPUs: lora-bench run --dtype f32")
model = transformers.AutoModel.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="eager").eval()
vocabulary = model.config.vocab_size
sessions = {}


def make_session(tokens):
    """A session for one length: ONNX Runtime is fastest with fixed shapes."""
    path = os.path.join(arguments.work, f"encoder-{tokens}.onnx")
    ids = torch.tensor([peer_protocol.some_tokens(vocabulary, tokens)])
    inputs = (ids, torch.ones_like(ids))
    torch.onnx.export(model, inputs, path, input_names=["ids", "mask"], output_names=["hidden", "pooled"], dynamo=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session, {name: value.numpy() for name, value in zip(names, inputs)}


def forward(tokens, seconds):
    if tokens not in sessions:
        sessions[tokens] = make_session(tokens)
    session, feeds = sessions[tokens]
    return peer_protocol.times_of(seconds, lambda: session.run(None, feeds))


peer_protocol.serve(forward)
