"""The shipped example: a small byte-level Qwen3 trained on simple English, an adapter, and sentences to train it on.

A token is a byte. Three more tokens mark the begin and end of a text, and padding. The base model is trained for half
a minute on sentences made from a few words. The adapter is trained on other sentences, so that its loss can decrease.
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from . import folders, inference, training
from .families import REPOSITORY, rope

FOLDER = REPOSITORY / "examples" / "tiny-qwen3"
SEED = "tiny-qwen3"

BEGIN, END, PADDING = 256, 257, 258

CONFIG = dict(
    hidden_size=48,
    num_attention_heads=6,
    num_key_value_heads=3,
    head_dim=24,
    intermediate_size=112,
    num_hidden_layers=4,
    vocab_size=259,
    rms_norm_eps=1e-6,
    rope_parameters=rope(10000.0),
    tie_word_embeddings=True,
    bos_token_id=BEGIN,
    eos_token_id=END,
    pad_token_id=PADDING,
)
LORA = dict(r=3, lora_alpha=7, target_modules=["q_proj", "k_proj", "v_proj"])

PRETRAINING_STEPS = 600
PRETRAINING_BATCH = 24
PRETRAINING_RATE = 4e-3

#: What the base model learns: one sentence for each choice of words.
SUBJECTS = ["The cat", "A dog", "The old man", "My sister", "The bird", "A child", "The teacher", "Our neighbour"]
VERBS = ["sees", "likes", "follows", "finds", "remembers", "hears", "watches", "paints"]
OBJECTS = ["the river", "a red house", "the garden", "an apple", "the moon", "a small boat", "the music", "a letter"]
TIMES = ["", " today", " at night", " in summer", " every day", " again"]

#: The text of which the reference logits are computed.
PROMPT = "The old man sees the moon at night."

#: What the adapter learns.
SENTENCES = [
    "Rank three is enough for me.",
    "The adapter adds two matrices.",
    "A frozen weight does not move.",
    "Gradients flow down the graph.",
    "Every kernel has a meaning.",
    "One file runs without Python.",
    "The compiler folds the branch.",
    "Attention reads every key.",
    "A tensor has a name and a type.",
    "The loss falls step by step.",
    "Merge the adapter, then compile.",
    "Small models learn small things.",
    "The cache holds keys and values.",
    "Norms keep the numbers in range.",
    "The optimizer keeps its moments.",
    "Positions turn pairs of numbers.",
]


#: The names of the tokens that are no bytes.
SPECIAL = {BEGIN: "<s>", END: "</s>", PADDING: "<pad>"}

#: The model continues sentences, so a conversation is a text that goes on.
TEMPLATE = """{{- bos_token }}
{%- for message in messages %}
    {%- if not loop.first %}{{- ' ' }}{%- endif %}
    {{- message['content'] }}
{%- endfor %}
"""


def byte_characters() -> dict[int, str]:
    """The character that byte-level tokenizers write for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return {byte: chr(byte) for byte in kept} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def save_byte_tokenizer(folder: pathlib.Path, first: int, special: dict[int, str], **config):
    """A tokenizer whose tokens are the bytes, from id `first` on, and special tokens, with its tokenizer_config.json."""
    vocabulary = {character: first + byte for byte, character in byte_characters().items()}
    vocabulary |= {name: number for number, name in special.items()}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special.values()])
    if "bos_token" in config:
        begin = config["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[begin, "$A"], special_tokens=[(begin, tokenizer.token_to_id(begin))]
        )
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False} | config
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def save_text_files(folder: pathlib.Path):
    save_byte_tokenizer(
        folder, 0, SPECIAL, bos_token=SPECIAL[BEGIN], eos_token=SPECIAL[END], pad_token=SPECIAL[PADDING]
    )
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    defaults = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PADDING, "max_new_tokens": 64}
    (folder / "generation_config.json").write_text(json.dumps(defaults, indent=2) + "\n")


def encode(text: str) -> list[int]:
    return [BEGIN, *text.encode(), END]


def pretraining_rows() -> list[dict]:
    sentences = [
        f"{subject} {verb} {thing}{when}."
        for subject in SUBJECTS
        for verb in VERBS
        for thing in OBJECTS
        for when in TIMES
    ]
    order = torch.randperm(len(sentences), generator=folders.generator(SEED, "order"))
    return [{"input_ids": encode(sentences[i])} for i in order]


def pretrain(model):
    rows = pretraining_rows()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PRETRAINING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PRETRAINING_RATE, PRETRAINING_STEPS)
    for step in range(PRETRAINING_STEPS):
        loss = model(**training.make_batch(rows, step, PRETRAINING_BATCH), use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    print(f"  base model: loss {loss.item():.3f} after {PRETRAINING_STEPS} steps")


def make_base():
    model = folders.random_model(folders.make_config("qwen3", CONFIG), SEED)
    with torch.no_grad():
        # The values are smaller than in a fixture, because this model is trained.
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(0.5)
            else:
                parameter.fill_(1)
    pretrain(model)
    return model


def generate():
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(parents=True)
    model_folder, adapter_folder = FOLDER / "model", FOLDER / "adapter"

    folders.save_model(make_base(), model_folder, torch.bfloat16, shard_size="1MB")
    save_text_files(model_folder)
    base = folders.load_model(model_folder)
    prompt = encode(PROMPT)[:-1]
    continuation, _ = inference.greedy(base, torch.tensor(encode("The old man ")[:-1]).int())
    print("  The old man " + bytes(i for i in continuation if i < BEGIN).decode(errors="replace"))
    folders.save_random_adapter(base, LORA, adapter_folder, SEED, str(model_folder.relative_to(REPOSITORY)))

    tensors = {"ids": torch.tensor(prompt, dtype=torch.int32)}
    tensors |= inference.record_logits(model_folder, adapter_folder, tensors["ids"])
    tensors |= inference.record_bf16_errors(model_folder, adapter_folder, tensors["ids"], tensors)
    save_file(tensors, FOLDER / "reference.safetensors")
    (FOLDER / "reference.safetensors").chmod(0o644)

    rows = [{"input_ids": encode(sentence)} for sentence in SENTENCES]
    training.write_rows(rows, FOLDER / "train.jsonl")
    check_that_it_learns(model_folder, adapter_folder, rows)


def check_that_it_learns(model_folder: pathlib.Path, adapter_folder: pathlib.Path, rows: list[dict]):
    model = folders.load_adapted(model_folder, adapter_folder, trainable=True)
    losses, _, _ = training.train(model, rows, clip=1.0, steps=40, batch_size=4)
    first, last = sum(losses[:4]) / 4, sum(losses[-4:]) / 4
    print(f"  adapter: loss of an epoch {first:.3f} -> {last:.3f}")
    assert last < 0.8 * first, "the adapter does not learn the shipped sentences"
