#!/usr/bin/env python3
"""Records how the Python packages tokenizers and transformers encode texts, for test/unit/Text.

    record_tokenizers.py [NAME ...]        default: all; writes test/unit/Text/Inputs/NAME.json.gz and texts.json.gz
    record_tokenizers.py folders           writes test/unit/Text/folders.json.gz, which the default does, too
    record_tokenizers.py compositions      writes test/unit/Text/compositions.json.gz, which the default does, too

A record holds the tokenizer.json of a small tokenizer (test/Fixtures/generator/tokenizer_models.py, tokenizer_variants.py),
and cases: [text, second text or -1, with special tokens, ids, offsets, type ids of pairs, decoded, decoded without special
tokens]. Texts are indices into texts.json.gz; offsets are, for each id, the distance from the end of the one before and the
length, in bytes of UTF-8.
"""

import gzip
import hashlib
import json
import os
import pathlib
import random
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))
sys.path.insert(0, str(REPOSITORY / "tools" / "dev"))

from check_tokenizers import byte_offsets
from generator import tokenizer_compositions, tokenizer_folders, tokenizer_models, tokenizer_texts, tokenizer_variants
from tokenizers import Tokenizer

INPUTS = REPOSITORY / "test" / "unit" / "Text" / "Inputs"
#: Variants whose components no other record has.
RECORDED_VARIANTS = [
    "word-level", "suffixes", "added-flags", "unigram-bytes", "tekken", "cl100k", "kimi", "deepseek", "few-bytes", "few-bytes-lost",
    "byte-normalizer", "many-sequences", "ctc", "decoder-strip", "removed", "contiguous", "previous", "next", "inverted", "scripts",
    "fixed", "nfd-filter",
]


def deltas(offsets):
    result, last = [], 0
    for begin, end in offsets:
        result += [begin - last, end - begin]
        last = end
    return result


def record(tokenizer, texts, variant):
    """`variant` is None for published configurations; others have less cases each, and not the same."""
    cases = []
    languages = len(tokenizer_texts.LANGUAGES)
    for index, text in enumerate(texts):
        if variant is not None and (index % 9 != variant % 9 if index < languages else index % 2 != variant % 2):
            continue
        second = (index * 7 + 3) % len(texts) if index % 11 == 5 else -1
        pair = [text] if second < 0 else [text, texts[second]]
        special = index % 2 == 0
        encoding = tokenizer.encode(*pair, add_special_tokens=special)
        case = [index, second, int(special), encoding.ids, deltas(byte_offsets(pair, encoding))]
        case.append(encoding.type_ids if second >= 0 else [])
        if index % 3 == 0 or index >= languages:
            case += [tokenizer.decode(encoding.ids, skip_special_tokens=False), tokenizer.decode(encoding.ids)]
        cases.append(case)
    return cases


#: What shows a folder's files: special tokens with and without spaces, the beginning, languages, punctuation.
FOLDER_TEXTS = [
    "",
    "a <s>human ﬁ</s>",
    "  Hello,  world!  It's ½ of <unk> 你好 😀 .",
    "<|im_start|>user\nHi there<|im_end|> <|end|>  x<|user|> [MASK] <mask> <pad><one>two <two><new>r",
    "[INST] free [/INST] <chat>born<ctrl>\n\n<bos> 한국어 ▁▁ Würde don ' t do n't .",
]


def record_folders():
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    transformers.utils.logging.set_verbosity_error()
    shared, folders = {}, {}
    for name, make in tokenizer_folders.FOLDERS.items():
        files = make()
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                (pathlib.Path(folder) / file).write_bytes(content if isinstance(content, bytes) else content.encode())
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            cases = []
            for text in FOLDER_TEXTS:
                pair = tokenizer(text, "and more", return_token_type_ids=True)
                ids = tokenizer(text).input_ids
                cases.append(
                    {
                        "text": text,
                        "ids": ids,
                        "plain": tokenizer(text, add_special_tokens=False).input_ids,
                        "pair": pair.input_ids,
                        "types": pair.token_type_ids,
                        "decoded": tokenizer.decode(ids),
                        "skipped": tokenizer.decode(ids, skip_special_tokens=True),
                    }
                )
            named = {}
            for attribute in tokenizer.SPECIAL_TOKENS_ATTRIBUTES:
                value = getattr(tokenizer, attribute + "_id")
                if value is not None:
                    named[attribute] = value
            added = tokenizer.added_tokens_decoder
            content = {}
            for file, body in files.items():
                if len(body) < 2000:
                    content[file] = {"hex": body.hex()} if isinstance(body, bytes) else body
                    continue
                key = f"{hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()[:8]} {file}"
                shared[key] = {"hex": body.hex()} if isinstance(body, bytes) else body
                content[file] = {"file": key}
            folders[name] = {
                "files": content,
                "cases": cases,
                "named": named,
                "limit": max(tokenizer.get_vocab().values()) + 1,
                "special": sorted(index for index, token in added.items() if token.special),
            }
    write(INPUTS.parent / "folders.json.gz", {"shared": shared, "folders": folders})


def record_compositions(count=30, texts_each=10):
    """Random tokenizers with random texts, and curious ones."""
    texts, records = [], []

    def case(tokenizer, pair, special):
        try:
            encoding = tokenizer.encode(*pair, add_special_tokens=special)
            decoded = [tokenizer.decode(encoding.ids, skip_special_tokens=skip) for skip in (False, True)]
        except BaseException as error:  # Some compositions are errors there, or panics.
            if isinstance(error, KeyboardInterrupt):
                raise
            return None
        offsets = byte_offsets(pair, encoding)
        if offsets is None:
            return None
        indices = [len(texts) + index for index in range(len(pair))]
        texts.extend(pair)
        result = [indices[0], indices[1] if len(pair) > 1 else -1, int(special), encoding.ids, deltas(offsets)]
        return [*result, encoding.type_ids if len(pair) > 1 else [], *decoded]

    def add(name, tokenizer, pairs):
        tokenizer = Tokenizer.from_str(tokenizer.to_str())
        cases = [case(tokenizer, pair, index % 3 != 2) for index, pair in enumerate(pairs)]
        records.append({"name": name, "tokenizer": json.loads(tokenizer.to_str()), "cases": [one for one in cases if one]})

    for name, (make, given) in tokenizer_compositions.CURIOUS.items():
        add(name, make(), [[text] for text in given] + [given[:2]])
    for number in range(count):
        source = random.Random(f"recorded {number}")
        while len((tokenizer := tokenizer_compositions.random_tokenizer(source)).to_str()) > 40_000:
            pass
        specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        pairs = [[tokenizer_texts.random_text(source, specials) for _ in range(1 + (index % 4 == 0))] for index in range(texts_each)]
        add(f"random {number}", tokenizer, pairs)
    write(INPUTS.parent / "compositions.json.gz", {"texts": texts, "records": records})


def write(path, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def main():
    INPUTS.mkdir(parents=True, exist_ok=True)
    invalid = [data.decode("utf-8", errors="replace") for data in tokenizer_texts.INVALID]
    texts = [*tokenizer_texts.recorded_texts(), *invalid]
    write(INPUTS / "texts.json.gz", {"texts": texts, "invalid": [data.hex() for data in tokenizer_texts.INVALID]})
    known = {**tokenizer_models.PUBLISHED, **{name: tokenizer_variants.VARIANTS[name] for name in RECORDED_VARIANTS}}
    if not sys.argv[1:] or "folders" in sys.argv[1:]:
        record_folders()
    if not sys.argv[1:] or "compositions" in sys.argv[1:]:
        record_compositions()
    for name in [name for name in sys.argv[1:] if name not in ("folders", "compositions")] or ([] if sys.argv[1:] else known):
        # The file is what is read there, too.
        text = known[name]().to_str()
        tokenizer = Tokenizer.from_str(text)
        cases = record(tokenizer, texts, RECORDED_VARIANTS.index(name) if name in RECORDED_VARIANTS else None)
        write(INPUTS / f"{name}.json.gz", {"tokenizer": json.loads(text), "cases": cases})


if __name__ == "__main__":
    main()
