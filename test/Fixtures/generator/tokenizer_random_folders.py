"""Folders of tokenizer_folders with random settings in the files beside the tokenizer."""

import functools
import json

from . import tokenizer_folders

FLAGS = [
    "add_bos_token", "add_eos_token", "add_prefix_space", "clean_up_tokenization_spaces", "legacy", "split_special_tokens", "do_lower_case",
    "strip_accents", "tokenize_chinese_chars", "trim_offsets",
]
CLASSES = {
    "BPE": ["LlamaTokenizer", "LlamaTokenizerFast", "Qwen2Tokenizer", "GPT2Tokenizer", "GemmaTokenizer", "PreTrainedTokenizerFast", "RobertaTokenizer"],
    "WordPiece": ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "PreTrainedTokenizerFast"],
    "Unigram": ["XLMRobertaTokenizer", "PreTrainedTokenizerFast", "LlamaTokenizer"],
}
TYPES = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "gpt2", "bert", "roberta", "xlm-roberta", "distilbert", ""]
TOKENS = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "<|im_end|>", "<|endoftext|>", "<new>"]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"]


@functools.cache
def _files(name):
    return tokenizer_folders.FOLDERS[name]()


def _token(source):
    text = source.choice(TOKENS)
    if source.randrange(3):
        return text
    flags = {flag: source.randrange(3) == 0 for flag in ("lstrip", "rstrip", "normalized", "single_word")}
    return {"content": text, "__type": "AddedToken", **flags}


def random_folder(source):
    """A name, and the files of a folder: texts or bytes by their names."""
    name = source.choice(list(tokenizer_folders.FOLDERS))
    files = dict(_files(name))
    settings = json.loads(files["tokenizer_config.json"])
    for flag in FLAGS:
        if source.randrange(5) == 0:
            settings[flag] = source.choice([True, False])
    for token in NAMES:
        if source.randrange(12) == 0:
            settings[token] = _token(source)
    if source.randrange(8) == 0:
        settings["additional_special_tokens"] = [_token(source) for _ in range(source.randrange(3))]
    if source.randrange(8) == 0:
        settings.pop("added_tokens_decoder", None)
    if "tokenizer.json" in files and source.randrange(5) == 0:
        kind = json.loads(files["tokenizer.json"])["model"]["type"]
        settings["tokenizer_class"] = source.choice(CLASSES[kind])
    if source.randrange(6) == 0:
        files["special_tokens_map.json"] = json.dumps({token: _token(source) for token in source.sample(NAMES, 3)})
    if source.randrange(4) == 0:
        # As in an adapter's folder.
        del files["config.json"]
        files["adapter_config.json"] = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "base"})
    elif source.randrange(6) == 0:
        files["config.json"] = json.dumps({"model_type": source.choice(TYPES)})
    files["tokenizer_config.json"] = json.dumps(settings)
    return name, files
