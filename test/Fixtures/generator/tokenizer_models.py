"""Small tokenizers in the configurations of published models, trained on tokenizer_texts."""

import pathlib
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import tokenizer_texts

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
SIZE = 700


def _bytes():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def _special(*texts, **options):
    return [AddedToken(text, special=True, normalized=False, **options) for text in texts]


def _train_bpe(tokenizer, size=SIZE, specials=(), alphabet=()):
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(specials),
        initial_alphabet=list(alphabet),
        limit_alphabet=max(250, len(alphabet)),
        show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_texts.corpus(), trainer)


def _sentencepiece_like(specials, **options):
    """BPE of characters with bytes for the others, as converted from sentencepiece."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True, **options))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    _train_bpe(tokenizer, SIZE + 256, [*specials, *_bytes()])
    tokenizer.pre_tokenizer = None
    # Bytes are pieces of the model, and no added tokens.
    import json

    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = [token for token in description["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(description))


def llama2():
    tokenizer = _sentencepiece_like(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s>:0 $A:0", pair="<s>:0 $A:0 <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def phi3():
    tokenizer = llama2()
    tokenizer.add_special_tokens(
        [
            AddedToken(text, special=True, normalized=False, rstrip=True)
            for text in ["<|endoftext|>", "<|assistant|>", "<|user|>", "<|end|>", "<|system|>"]
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1", special_tokens=[])
    return tokenizer


def mistral():
    tokenizer = _sentencepiece_like(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s>:0 $A:0", pair="<s>:0 $A:0 <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def gemma():
    tokenizer = _sentencepiece_like(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ["\n\n", "\n\n\n", "▁▁", "▁▁▁▁", "<h1>"]])
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos>:0 $A:0", pair="<bos>:0 $A:0 <bos>:1 $B:1", special_tokens=[("<bos>", 2)]
    )
    return tokenizer


def _byte_level(pattern=None, normalizer=None, add_prefix_space=False, size=SIZE, specials=(), alphabet=True, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=False),
            ]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    _train_bpe(tokenizer, size, specials, pre_tokenizers.ByteLevel.alphabet() if alphabet else ())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def llama3():
    tokenizer = _byte_level(LLAMA3, ignore_merges=True)
    tokenizer.add_special_tokens(_special("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"))
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True, add_prefix_space=True),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|>:0 $A:0 <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", bos)],
            ),
        ]
    )
    return tokenizer


def qwen2():
    tokenizer = _byte_level(QWEN, normalizers.NFC())
    tokenizer.add_special_tokens(_special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False, add_prefix_space=False)
    return tokenizer


def qwen3():
    tokenizer = qwen2()
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ["<think>", "</think>", "<tool_call>"]])
    return tokenizer


def gpt2():
    tokenizer = _byte_level()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=True)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False, add_prefix_space=False)
    return tokenizer


def roberta():
    tokenizer = _byte_level(specials=["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", special=True, lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def bert(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=SIZE + 300,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        limit_alphabet=300,
        show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_texts.corpus(), trainer)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


#: A small charsmap: what it replaces is one character, a cluster, nothing, or becomes several. That of nmt_nfkc has 240 KB.
CHARSMAP = {
    "ﬁ": "fi", "ﬂ": "fl", "㍿": "株式会社", "①": "1", "½": "1⁄2", "\u212b": "\u00c5", "\u212a": "K", "\u2126": "\u03a9", "\u3000": " ", "\u00a0": " ", "\n": " ", "\t": " ",
    "\r": " ", "\u200b": " ", "\u2028": " ", "…": "...", "Ａ": "A", "Ｂ": "B", "Ｃ": "C", "１": "1", "２": "2", "e\u0301": "é", "a\u0301": "á",
    "ｶﾞ": "ガ", "ｷﾞ": "ギ", "ﷺ": "صلى الله عليه وسلم", "\u1100\u1161\u11a8": "각", "\u00ad": "", "\x01": "", "\u200e": "", "ß": "ss",
}


def sentencepiece_model(kind, size=800, has_small_charsmap=False, **options):
    """The bytes of a model that sentencepiece trains."""
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "corpus.txt"
        lines = [line.replace("\n", " ").replace("\0", " ") for line in tokenizer_texts.corpus()]
        source.write_text("\n".join(lines), encoding="utf-8", errors="replace")
        prefix = f"{folder}/model"
        if has_small_charsmap:
            points = lambda text: " ".join(f"{ord(character):X}" for character in text)
            rules = pathlib.Path(folder) / "rules.tsv"
            rules.write_text("".join(f"{points(old)}\t{points(new)}\n" for old, new in CHARSMAP.items()))
            options["normalization_rule_tsv"] = str(rules)
        sentencepiece.SentencePieceTrainer.train(
            input=str(source), model_prefix=prefix, model_type=kind, vocab_size=size, minloglevel=2, num_threads=1, **options
        )
        return pathlib.Path(prefix + ".model").read_bytes()


def _proto(data):
    from transformers.convert_slow_tokenizer import import_protobuf

    model = import_protobuf().ModelProto()
    model.ParseFromString(data)
    return model


def xlm_roberta(has_small_charsmap=True):
    model = _proto(sentencepiece_model("unigram", 900, has_small_charsmap, character_coverage=0.98))
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece.piece, piece.score) for piece in model.pieces[3:]] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*_special("<s>", "<pad>", "</s>", "<unk>"), *_special("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


#: Those of published models. Fixtures are recorded from them.
PUBLISHED = {
    "llama2": llama2,
    "llama3": llama3,
    "mistral": mistral,
    "qwen2": qwen2,
    "qwen3": qwen3,
    "gemma": gemma,
    "phi3": phi3,
    "gpt2": gpt2,
    "bert-uncased": lambda: bert(True),
    "bert-cased": lambda: bert(False),
    "roberta": roberta,
    "xlm-roberta": xlm_roberta,
}
