"""Folders as people have them: the files beside a small tokenizer, in what transformers reads of them."""

import json

from . import tokenizer_models

BPE_OPTIONS = {"byte_fallback": True, "character_coverage": 0.98, "normalization_rule_name": "identity", "remove_extra_whitespaces": False}


def _added(tokenizer, **changes):
    """added_tokens_decoder of a tokenizer_config.json."""
    result = {}
    for index, token in tokenizer.get_added_tokens_decoder().items():
        state = token.__getstate__()
        state.update(changes.get(token.content, {}))
        result[str(index)] = state
    return result


def _json(name, config, tokenizer_config, **files):
    tokenizer = tokenizer_models.PUBLISHED[name]()
    if tokenizer_config.pop("with_decoder", True):
        tokenizer_config["added_tokens_decoder"] = _added(tokenizer)
    return {
        "config.json": json.dumps(config),
        "tokenizer.json": tokenizer.to_str(),
        "tokenizer_config.json": json.dumps(tokenizer_config),
        **files,
    }


def _vocabulary(name, config, tokenizer_config, **files):
    """vocab.json and merges.txt, or vocab.txt."""
    model = json.loads(tokenizer_models.PUBLISHED[name]().to_str())["model"]
    result = {"config.json": json.dumps(config), "tokenizer_config.json": json.dumps(tokenizer_config), **files}
    if "merges" in model:
        result["vocab.json"] = json.dumps(model["vocab"])
        result["merges.txt"] = "#version: 0.2\n" + "".join(f"{' '.join(merge)}\n" for merge in model["merges"])
    else:
        result["vocab.txt"] = "".join(f"{text}\n" for text, _ in sorted(model["vocab"].items(), key=lambda item: item[1]))
    return result


def _sentencepiece(file, kind, config, tokenizer_config, size=1250, **options):
    return {
        "config.json": json.dumps(config),
        "tokenizer_config.json": json.dumps(tokenizer_config),
        file: tokenizer_models.sentencepiece_model(kind, size, **options),
    }


LLAMA_NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 4096}

FOLDERS = {
    "llama": lambda: _json(
        "llama2",
        {"model_type": "llama"},
        {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": False, **LLAMA_NAMES},
    ),
    "llama-legacy": lambda: _json(
        "llama2",
        {"model_type": "llama"},
        {"tokenizer_class": "LlamaTokenizerFast", "legacy": True, "with_decoder": False, **LLAMA_NAMES},
        **{
            "special_tokens_map.json": json.dumps(
                {
                    "bos_token": {"content": "<s>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False},
                    "pad_token": "<pad>",
                    "additional_special_tokens": ["<one>", "human"],
                }
            ),
            "added_tokens.json": json.dumps({"<two>": 957, "<one>": 958}),
        },
    ),
    "llama-no-prefix": lambda: _json(
        "llama2", {"model_type": "llama"}, {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False, **LLAMA_NAMES}
    ),
    "llama3": lambda: _json(
        "llama3",
        {"model_type": "llama"},
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin_of_text|>",
            "eos_token": "<|eot_id|>",
            "clean_up_tokenization_spaces": True,
            "model_max_length": 131072,
        },
    ),
    "llama3-as-llama": lambda: _json("llama3", {"model_type": "llama"}, {"tokenizer_class": "LlamaTokenizer", **LLAMA_NAMES}),
    "mistral": lambda: _json("mistral", {"model_type": "mistral"}, {"tokenizer_class": "LlamaTokenizer", "legacy": False, **LLAMA_NAMES}),
    "phi3": lambda: _json(
        "phi3", {"model_type": "phi3"}, {"tokenizer_class": "LlamaTokenizer", **LLAMA_NAMES, "eos_token": "<|endoftext|>"}
    ),
    "qwen2": lambda: _json(
        "qwen2",
        {"model_type": "qwen2"},
        {
            "tokenizer_class": "Qwen2Tokenizer",
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "unk_token": None,
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            "split_special_tokens": False,
        },
    ),
    "extra-names": lambda: _json(
        "qwen2",
        {"model_type": "qwen2"},
        {
            "tokenizer_class": "Qwen2Tokenizer",
            "extra_special_tokens": {"image_token": "world", "eos_token": "<|im_end|>", "audio_token": "<one>"},
            "additional_special_tokens": ["Hello", "<two>"],
            "video_token": "<new>",
        },
    ),
    "extra-lists": lambda: _json(
        "llama2",
        {"model_type": "llama"},
        {
            "tokenizer_class": "LlamaTokenizer",
            "extra_special_tokens": ["world", "<|user|>"],
            "z_token": "<one>",
            "b_token": "<two>",
            "with_decoder": False,
            **LLAMA_NAMES,
        },
        **{
            "special_tokens_map.json": json.dumps(
                {"extra_special_tokens": [{"content": "Hello"}, "<|user|>", "<chat>"], "y_token": "<new>", "b_token": "<pad>"}
            )
        },
    ),
    "extra-both": lambda: _json(
        "gpt2",
        {"model_type": "gpt2"},
        {
            "tokenizer_class": "GPT2Tokenizer",
            "extra_special_tokens": {"image_token": "world", "a_token": "human"},
            "additional_special_tokens": ["Hi"],
            "with_decoder": False,
        },
        **{"special_tokens_map.json": json.dumps({"additional_special_tokens": ["Hello"]}), "added_tokens.json": json.dumps({"Hello": 704})},
    ),
    "gemma": lambda: _json(
        "gemma",
        {"model_type": "gemma2"},
        {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "bos_token": "<bos>", "eos_token": "<eos>"},
    ),
    "gpt2": lambda: _json("gpt2", {"model_type": "gpt2"}, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}),
    "bert": lambda: _json(
        "bert-cased",
        {"model_type": "bert"},
        {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "clean_up_tokenization_spaces": True, "with_decoder": False},
        **{"special_tokens_map.json": json.dumps({"cls_token": "[CLS]", "mask_token": "[MASK]"})},
    ),
    "bert-lower": lambda: _json(
        "bert-cased",
        {"model_type": "bert"},
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
    ),
    "roberta": lambda: _json("roberta", {"model_type": "roberta"}, {"tokenizer_class": "RobertaTokenizer", "trim_offsets": False}),
    "xlm-roberta": lambda: _json("xlm-roberta", {"model_type": "xlm-roberta"}, {"tokenizer_class": "XLMRobertaTokenizer"}),
    "split-special": lambda: _json(
        "llama3", {"model_type": "llama"}, {"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": True}
    ),
    "gpt2-files": lambda: _vocabulary(
        "gpt2",
        {"model_type": "gpt2"},
        {"add_bos_token": True},
        **{"added_tokens.json": json.dumps({"<new>": 701, "<newer>": 702})},
    ),
    "qwen2-files": lambda: _vocabulary("qwen2", {"model_type": "qwen2"}, {"tokenizer_class": "Qwen2Tokenizer", "add_eos_token": True}),
    "roberta-files": lambda: _vocabulary("roberta", {"model_type": "roberta"}, {"add_prefix_space": True}),
    "bert-files": lambda: _vocabulary("bert-uncased", {"model_type": "bert"}, {"do_lower_case": True}),
    "llama-model": lambda: _sentencepiece(
        "tokenizer.model", "bpe", {"model_type": "llama"}, {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True},
        **BPE_OPTIONS, user_defined_symbols=["<chat>"],
    ),
    "gemma-model": lambda: _sentencepiece(
        "tokenizer.model", "bpe", {"model_type": "gemma"}, {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True},
        **BPE_OPTIONS, bos_piece="<bos>", eos_piece="<eos>", add_dummy_prefix=False,
    ),
    "mistral-model": lambda: _sentencepiece(
        "tokenizer.model", "bpe", {"model_type": "mistral"},
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False, **LLAMA_NAMES},
        **BPE_OPTIONS, user_defined_symbols=["[INST]", "[/INST]"], control_symbols=["<ctrl>"],
    ),
    "generic-unigram": lambda: _sentencepiece(
        "tokenizer.model", "unigram", {"model_type": "mistral"}, {"tokenizer_class": "LlamaTokenizer", "add_eos_token": True}, 900,
        has_small_charsmap=True, character_coverage=0.98,
    ),
    "xlm-roberta-model": lambda: _sentencepiece(
        "sentencepiece.bpe.model", "unigram", {"model_type": "xlm-roberta"}, {"tokenizer_class": "XLMRobertaTokenizer"}, 900,
        has_small_charsmap=True, character_coverage=0.98,
    ),
}
