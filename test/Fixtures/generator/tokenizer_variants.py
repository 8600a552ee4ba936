"""Tokenizers that use what the published ones of tokenizer_models do not: every component and flag of the library."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import tokenizer_models, tokenizer_texts
from .tokenizer_models import CL100K, GPT4O, KIMI, TEKKEN, _byte_level, _proto, _sentencepiece_like, _special, _train_bpe


def _words(normalizer=None, pre_tokenizer=None, **options):
    """WordLevel over characters and words, which shows each change of a component in ids."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.WhitespaceSplit()
    _train_bpe(tokenizer, 420, ["<unk>", "<s>", "</s>", "[CLS]", "[MASK]"])
    return tokenizer


def word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    trainer = trainers.WordLevelTrainer(vocab_size=800, special_tokens=["<unk>", "[CLS]", "[SEP]"], show_progress=False)
    tokenizer.train_from_iterator(tokenizer_texts.corpus(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer


def suffixes():
    tokenizer = Tokenizer(
        models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>", fuse_unk=False)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>"],
        continuing_subword_prefix="##",
        end_of_word_suffix="</w>",
        limit_alphabet=200,
        show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_texts.corpus(), trainer)
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


def added_flags():
    """Added tokens of every kind, some of which match only a normalised text."""
    tokenizer = _words(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre_tokenizers.Whitespace())
    tokenizer.add_tokens(
        [
            AddedToken("Free", single_word=True),
            AddedToken("REASON", normalized=True),
            AddedToken("human", lstrip=True, rstrip=True, normalized=False),
            AddedToken("ﬁ", normalized=True),
            AddedToken("a b", normalized=False),
            AddedToken("ab", single_word=True, normalized=False),
            AddedToken("abc", normalized=False, rstrip=True),
            AddedToken("漢", lstrip=True),
        ]
    )
    tokenizer.add_special_tokens(_special("<mask>", lstrip=True, rstrip=True))
    tokenizer.add_special_tokens([AddedToken("<Pad>", special=True, normalized=True)])
    return tokenizer


def unigram_bytes():
    model = _proto(tokenizer_models.sentencepiece_model("unigram", 1100, True, byte_fallback=True, character_coverage=0.98))
    vocabulary = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always"), decoders.Fuse()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    return tokenizer


def unigram_whole():
    """A Unigram model of whole texts: no words."""
    model = _proto(tokenizer_models.sentencepiece_model("unigram", 900, character_coverage=0.98))
    vocabulary = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _with_pattern(pattern, behavior, invert=False):
    return lambda: _words(None, pre_tokenizers.Split(Regex(pattern), behavior, invert))


def ctc():
    vocabulary = {text: i for i, text in enumerate(["<pad>", "|", "<unk>", *"abcdefghijklmnopqrstuvwxyz' .!?,"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "|")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.CTC()
    return tokenizer


def _with_decoder(decoder):
    def make():
        tokenizer = tokenizer_models.llama2()
        tokenizer.decoder = decoder
        return tokenizer

    return make


def byte_normalizer():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("_"), normalizers.ByteLevel()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("Ġ|Ċ"), "merged_with_next")
    _train_bpe(tokenizer, 420, ["<unk>"], pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def deepseek():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
            pre_tokenizers.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
            pre_tokenizers.Split(
                Regex(
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
                    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
                ),
                "isolated",
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    _train_bpe(tokenizer, 420, [], pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def few_bytes():
    """A byte-level alphabet with holes: unknown bytes vanish, or are the unknown token."""
    tokenizer = _byte_level(None, None, True, 300, ["<unk>"], alphabet=False, unk_token="<unk>", fuse_unk=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def few_bytes_lost():
    tokenizer = _byte_level(CL100K, None, True, 300, [], alphabet=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    return tokenizer


def characters_lost():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    _train_bpe(tokenizer, 500)
    return tokenizer


def many_sequences():
    tokenizer = _words(
        normalizers.Sequence(
            [
                normalizers.Strip(),
                normalizers.NFD(),
                normalizers.Replace(Regex(r"(?i:n't)|\p{Zs}{2,}"), " not "),
                normalizers.Replace("e", "ee"),
                normalizers.Replace(Regex(r"\p{M}+"), ""),
            ]
        ),
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.CharDelimiterSplit("-"),
                pre_tokenizers.Metaspace(prepend_scheme="first", split=True),
                pre_tokenizers.Punctuation("merged_with_previous"),
                pre_tokenizers.UnicodeScripts(),
            ]
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:3 [CLS]:2", pair="$B:1 [CLS]:0 $A:5", special_tokens=[("[CLS]", 3)]
    )
    return tokenizer


VARIANTS = {
    "xlm-roberta-nmt": lambda: tokenizer_models.xlm_roberta(has_small_charsmap=False),
    "word-level": word_level,
    "suffixes": suffixes,
    "added-flags": added_flags,
    "unigram-bytes": unigram_bytes,
    "unigram-whole": unigram_whole,
    "tekken": lambda: _byte_level(TEKKEN, size=420, ignore_merges=True),
    "gpt4o": lambda: _byte_level(GPT4O, size=420),
    "cl100k": lambda: _byte_level(CL100K, size=420),
    "kimi": lambda: _byte_level(KIMI, size=420),
    "deepseek": deepseek,
    "few-bytes": few_bytes,
    "few-bytes-lost": few_bytes_lost,
    "characters-lost": characters_lost,
    "byte-normalizer": byte_normalizer,
    "many-sequences": many_sequences,
    "ctc": ctc,
    "decoder-none": _with_decoder(decoders.Sequence([])),
    "decoder-wordpiece": _with_decoder(decoders.Sequence([decoders.Fuse(), decoders.Replace(Regex("[▁a]+"), "<>")])),
    "decoder-strip": _with_decoder(decoders.Sequence([decoders.Strip("▁", 1, 0), decoders.Fuse(), decoders.Strip("A", 2, 0)])),
    "removed": _with_pattern(r"\s+|\d", "removed"),
    "contiguous": _with_pattern(r"\W", "contiguous"),
    "previous": _with_pattern(r"[[:punct:]]|\h", "merged_with_previous"),
    "next": _with_pattern(r"\b", "merged_with_next"),
    "inverted": _with_pattern(r"\w+|[^\w\s]+", "removed", True),
    "empty-matches": _with_pattern(r"x*", "isolated"),
    "digits": lambda: _words(normalizers.NFKC(), pre_tokenizers.Digits(individual_digits=False)),
    "scripts": lambda: _words(normalizers.BertNormalizer(lowercase=False), pre_tokenizers.UnicodeScripts()),
    "punctuation": lambda: _words(normalizers.Nmt(), pre_tokenizers.Punctuation("contiguous")),
    "fixed": lambda: _words(normalizers.Lowercase(), pre_tokenizers.FixedLength(3)),
    "nfd-filter": lambda: _words(
        normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()]), pre_tokenizers.Split(" ", "merged_with_next")
    ),
}
