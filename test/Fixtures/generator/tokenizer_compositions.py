"""Random tokenizers: any components of the library in any order, with any options, over a small vocabulary."""

import functools
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import tokenizer_models, tokenizer_texts

BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
PATTERNS = [
    " ", "", "e", "▁", "ab", "é", "\n", "漢", "😀", "  ", Regex(r"\s+"), Regex(r"\d"), Regex(r"\p{L}+"), Regex(r"\W"), Regex("[aeiou]"), Regex("x*"),
    Regex(r"\b"), Regex(r"(?i:the|and)"), Regex(r"\s+(?!\S)|\s"), Regex(r"[^\s\p{L}\p{N}]+"), Regex(r"\p{N}{1,3}"), Regex(r"^\s*"), Regex(r".$"), Regex(r"(?<=a)b|c(?=d)"),
    Regex(tokenizer_models.LLAMA3), Regex(tokenizer_models.GPT4O), Regex(tokenizer_models.CL100K), Regex(tokenizer_models.KIMI),
]
CONTENTS = ["", " ", "▁", "_", "ee", "A", "<x>", "\u0301", "漢字", "  ", "\n"]
SPECIALS = ["<unk>", "<s>", "</s>", "[CLS]", "[SEP]", "<mask>", "<pad>", "[UNK]"]
ADDED = [
    "<new>", "Free", "free", "FREE", " human", "human ", "a b", "ab", "abc", "é", "e\u0301", "ﬁ", "漢", "▁the", "ing", " ", "  ", "\n", "\n\n", "<|im_start|>",
    "The", "1", "12", "😀", "Ġ", "##s", "ß", "İ", "<S>", "s>", "<s",
]


def _sequence(source, make, wrap, empty=0.3):
    """None, one component, or several."""
    if source.random() < empty:
        return None
    count = source.choice([1, 1, 1, 2, 2, 3, 4, 0])
    if count == 1 and source.randrange(4):
        return make(source)
    return wrap([make(source) for _ in range(count)])


def _flag(source):
    return source.random() < 0.5


@functools.cache
def _charsmaps():
    return [
        tokenizer_models._proto(tokenizer_models.sentencepiece_model("unigram", 900, small, character_coverage=0.98)).normalizer_spec.precompiled_charsmap
        for small in (True, False)
    ]


def normalizer(source):
    kind = source.randrange(13)
    simple = [normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD, normalizers.Lowercase, normalizers.StripAccents, normalizers.Nmt]
    if kind < len(simple):
        return simple[kind]()
    if kind == 7:
        return normalizers.Strip(left=_flag(source), right=_flag(source))
    if kind == 8:
        return normalizers.BertNormalizer(
            clean_text=_flag(source), handle_chinese_chars=_flag(source), strip_accents=source.choice([None, True, False]), lowercase=_flag(source)
        )
    if kind == 9:
        return normalizers.Prepend(source.choice([content for content in CONTENTS if content]))
    if kind == 10:
        return normalizers.ByteLevel() if source.randrange(3) == 0 else normalizers.NFKC()
    if kind == 11:
        return normalizers.Precompiled(source.choice(_charsmaps()))
    return normalizers.Replace(source.choice([pattern for pattern in PATTERNS if pattern != ""]), source.choice(CONTENTS))


def pre_tokenizer(source):
    kind = source.randrange(12)
    simple = [pre_tokenizers.BertPreTokenizer, pre_tokenizers.Whitespace, pre_tokenizers.WhitespaceSplit, pre_tokenizers.UnicodeScripts]
    if kind < len(simple):
        return simple[kind]()
    if kind == 4:
        return pre_tokenizers.Digits(individual_digits=_flag(source))
    if kind == 5:
        return pre_tokenizers.Punctuation(source.choice(BEHAVIORS))
    if kind == 6:
        return pre_tokenizers.CharDelimiterSplit(source.choice("-e ▁漢"))
    if kind == 7:
        return pre_tokenizers.FixedLength(source.choice([1, 2, 3, 7]))
    if kind == 8:
        return pre_tokenizers.Metaspace(source.choice("▁_ é"), source.choice(["always", "first", "never"]), _flag(source))
    if kind == 9:
        return pre_tokenizers.ByteLevel(add_prefix_space=_flag(source), trim_offsets=_flag(source), use_regex=_flag(source))
    return pre_tokenizers.Split(source.choice(PATTERNS), source.choice(BEHAVIORS), _flag(source))


def decoder(source):
    kind = source.randrange(9)
    if kind == 0:
        return decoders.ByteLevel()
    if kind == 1:
        return decoders.ByteFallback()
    if kind == 2:
        return decoders.Fuse()
    if kind == 3:
        return decoders.Metaspace(source.choice("▁_"), source.choice(["always", "first", "never"]), _flag(source))
    if kind == 4:
        return decoders.Replace(source.choice([pattern for pattern in PATTERNS if pattern != ""]), source.choice(CONTENTS))
    if kind == 5:
        return decoders.Strip(source.choice(" ▁eA"), source.randrange(3), source.randrange(3))
    if kind == 6:
        return decoders.WordPiece(source.choice(["##", "@@", "e"]), _flag(source))
    if kind == 7:
        return decoders.BPEDecoder(source.choice(["</w>", "e", "▁"]))
    return decoders.CTC(source.choice(["<pad>", "e"]), source.choice(["|", " ", "▁"]), _flag(source))


def post_processor(source, ids):
    """`ids` are those of the special tokens."""
    names = list(ids)
    kind = source.randrange(4)
    pair = lambda: (lambda name: (name, ids[name]))(source.choice(names))
    if kind == 0:
        return processors.BertProcessing(pair(), pair())
    if kind == 1:
        return processors.RobertaProcessing(pair(), pair(), trim_offsets=_flag(source), add_prefix_space=_flag(source))
    if kind == 2:
        return processors.ByteLevel(trim_offsets=_flag(source), add_prefix_space=_flag(source), use_regex=_flag(source))

    def template(texts):
        # The text that an offset is in is not known there if B comes before A.
        parts = list(texts)
        for _ in range(source.randrange(4)):
            parts.insert(source.randrange(len(parts) + 1), source.choice(names))
        return " ".join(part + source.choice(["", "", ":0", ":1", ":3"]) for part in parts)

    return processors.TemplateProcessing(single=template(["$A"]), pair=template(["$A", "$B"]), special_tokens=list(ids.items()))


def without_added(tokenizer, texts):
    """Without these added tokens, which stay pieces of the model."""
    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = [token for token in description["added_tokens"] if token["content"] not in texts]
    return Tokenizer.from_str(json.dumps(description))


def _pieces(source, count, longest):
    """Parts of sentences, and single characters."""
    text = " ".join(source.sample(list(tokenizer_texts.LANGUAGES.values()), 6) + [tokenizer_texts.LANGUAGES["en"]] * 3)
    text = text if _flag(source) else text.replace(" ", "▁")
    result = dict.fromkeys(character for character in text if source.randrange(8))
    for _ in range(count):
        begin = source.randrange(len(text))
        result[text[begin : begin + source.randrange(1, longest)]] = None
    return list(result)


def model(source, tokenizer):
    """The tokenizer with a model over a small vocabulary, and its special tokens. BPE is trained; others get random pieces."""
    kind = source.choice(["bpe", "bpe", "bpe", "wordpiece", "unigram", "wordlevel"])
    specials = [name for name in SPECIALS if source.randrange(3)] or ["<unk>"]
    unknown = source.choice([None, *specials])
    if kind == "bpe":
        options = {"unk_token": unknown, "fuse_unk": _flag(source), "byte_fallback": source.randrange(3) == 0, "ignore_merges": source.randrange(4) == 0}
        # With bytes for unknown characters, too, the library's offsets are arbitrary.
        if source.randrange(4) == 0 and not options["byte_fallback"]:
            options["continuing_subword_prefix"] = source.choice(["##", "@"])
        if source.randrange(4) == 0 and not options["byte_fallback"]:
            options["end_of_word_suffix"] = source.choice(["</w>", "#"])
        tokenizer.model = models.BPE(**options)
        bytes_ = [f"<0x{byte:02X}>" for byte in range(256)] if options["byte_fallback"] and source.randrange(4) else []
        if bytes_ and source.randrange(4) == 0:
            bytes_ = [byte for byte in bytes_ if source.randrange(30)]
        alphabet = pre_tokenizers.ByteLevel.alphabet() if source.randrange(3) else []
        trainer = trainers.BpeTrainer(
            vocab_size=source.choice([300, 500, 900]), special_tokens=[*specials, *bytes_], initial_alphabet=alphabet, limit_alphabet=300,
            show_progress=False, **{name: options[name] for name in ("continuing_subword_prefix", "end_of_word_suffix") if name in options},
        )
        lines = source.sample(list(tokenizer_texts.LANGUAGES.values()), 12) + [tokenizer_texts.LANGUAGES["en"]] * 3
        tokenizer.train_from_iterator(lines, trainer)
        tokenizer = without_added(tokenizer, bytes_)
    elif kind == "unigram":
        pieces = [(name, 0.0) for name in specials] + [(piece, -source.choice([1.0, 2.5, 7.25, source.random() * 12])) for piece in _pieces(source, 500, 8)]
        byte_fallback = source.randrange(3) == 0
        if byte_fallback:
            pieces += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)]
        known = set()
        pieces = [piece for piece in pieces if not (piece[0] in known or known.add(piece[0]))]
        tokenizer.model = models.Unigram(pieces, unk_id=source.choice([None, 0, len(specials) - 1]), byte_fallback=byte_fallback)
    else:
        pieces = dict.fromkeys(specials)
        prefix = source.choice(["##", "##", "@", ""])
        for piece in _pieces(source, 400, 9):
            pieces[piece if kind == "wordlevel" or _flag(source) else prefix + piece] = None
        if kind == "wordlevel":
            pieces.update(dict.fromkeys(word for text in tokenizer_texts.LANGUAGES.values() for word in text.split()))
        vocabulary = {piece: index for index, piece in enumerate(pieces)}
        unknown = unknown or specials[0]
        if kind == "wordlevel":
            tokenizer.model = models.WordLevel(vocabulary, unk_token=unknown)
        else:
            tokenizer.model = models.WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=source.choice([5, 20, 100]), continuing_subword_prefix=prefix)
    return tokenizer, specials


def is_sound(tokenizer):
    """Whether no two added tokens, and none and nothing, are the same after normalization: the library finds any of these."""
    tokens = list(tokenizer.get_added_tokens_decoder().values())
    normalized = [tokenizer.normalizer.normalize_str(token.content) for token in tokens if token.normalized and tokenizer.normalizer]
    return "" not in normalized and len(set(normalized)) == len(normalized)


def random_tokenizer(source):
    while not is_sound(tokenizer := _any_tokenizer(source)):
        pass
    return tokenizer


def _any_tokenizer(source):
    tokenizer = Tokenizer(models.BPE())
    made = _sequence(source, normalizer, normalizers.Sequence)
    if made:
        tokenizer.normalizer = made
    made = _sequence(source, pre_tokenizer, pre_tokenizers.Sequence)
    if made:
        tokenizer.pre_tokenizer = made
    tokenizer, specials = model(source, tokenizer)
    made = _sequence(source, decoder, decoders.Sequence)
    if made:
        tokenizer.decoder = made
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=_flag(source), lstrip=source.randrange(4) == 0) for name in specials])
    for _ in range(source.choice([0, 0, 1, 3, 8])):
        flags = {name: source.randrange(3) == 0 for name in ("single_word", "lstrip", "rstrip", "normalized")}
        text = source.choice(ADDED)
        # A normalizer can leave nothing of white space, which the library then finds everywhere.
        flags["normalized"] &= not text.isspace()
        token = AddedToken(text, special=source.randrange(4) == 0, **flags)
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    ids = {name: tokenizer.token_to_id(name) for name in specials}
    made = _sequence(source, lambda source: post_processor(source, ids), processors.Sequence)
    if made:
        tokenizer.post_processor = made
    return tokenizer


def _small(**parts):
    """A tokenizer of words of one piece each."""
    vocabulary = {piece: index for index, piece in enumerate(["<unk>", "a", "b", "ab", "x", "▁a", "▁", " ", "[CLS]", "[SEP]", "<0x41>"])}
    tokenizer = Tokenizer(parts.pop("model", None) or models.WordLevel(vocabulary, unk_token="<unk>"))
    added = parts.pop("added", [])
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.add_tokens([AddedToken(text, **{"normalized": False, **flags}) for text, flags in added])
    return tokenizer


def _unigram(unk_id, **parts):
    return _small(model=models.Unigram([("<unk>", -9.0), ("a", -1.0), ("ab", -1.5), ("abc", -2.0)], unk_id=unk_id), **parts)


_FRAME = processors.BertProcessing(("[SEP]", 9), ("[CLS]", 8))
_TEMPLATE = processors.TemplateProcessing(single="[CLS] $A:1", pair="$A $B:1", special_tokens=[("[CLS]", 8)])

#: Where the library does what is not obvious, and the texts that show it.
CURIOUS = {
    "white space that a token stripped is a token again": (
        lambda: _small(pre_tokenizer=pre_tokenizers.Split("", "isolated"), added=[("x", {"rstrip": True}), ("  ", {})]), ["ax    b", "x   a", "x "]),
    "of white space that was stripped, nothing is left to strip": (
        lambda: _small(added=[("x", {"rstrip": True}), (" ", {"lstrip": True, "rstrip": True})]), ["a    b", "a  a b"]),
    "joined pieces are no bytes": (lambda: _small(decoder=decoders.Sequence([decoders.Fuse(), decoders.ByteFallback()])), ["<0x41>", "a", "ab"]),
    "nothing is found in an empty text": (
        lambda: _small(decoder=decoders.Sequence([decoders.Fuse(), decoders.Replace(Regex("^a*"), "x")])), ["", "a", "x"]),
    "a longer piece stands for an unknown character": (lambda: _unigram(None), ["ab", "abc", "aab", "abcab"]),
    "an unknown piece of Unigram is its own text": (
        lambda: _unigram(0, pre_tokenizer=pre_tokenizers.Split("a", "isolated"), post_processor=processors.ByteLevel(trim_offsets=True)),
        [" b a  c ", "\u3000b", "ab \u2028 "]),
    "what a normalizer removes is no beginning": (
        lambda: _small(normalizer=normalizers.Strip(), pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
        ["a", " a", "  a  ", "x"]),
    "post-processors in a row": (
        lambda: _small(post_processor=processors.Sequence([_TEMPLATE, processors.ByteLevel(), _FRAME])), ["a", "b", ""]),
    "words in Latin-1": (lambda: _small(pre_tokenizer=pre_tokenizers.Split(Regex(r"\w+"), "isolated")), ["a½b", "½ ²a", "\u2460a"]),
}
