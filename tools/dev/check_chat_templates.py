#!/usr/bin/env python3
"""Compares the runtime's chat templates with transformers' `apply_chat_template` on random templates.

    check_chat_templates.py [--build BUILD_DIR] [--templates N] [--seed S] [--file TEMPLATE.jinja ...]

Compared are the texts; where transformers fails, the runtime must fail, too. Exits with 1 if something differs, and shows the
first differences. With --file, only the templates of files are compared, with the conversations of the record. Needs
transformers and jinja2 (test/Fixtures/requirements.txt).
"""

import argparse
import pathlib
import random
import struct
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))

from generator import chat_random, chat_truth

#: Messages of the runtime that name a limit which Python does not have, or something that Python prints by its address.
KNOWN = ["does not fit 64 bits", "cannot be printed", "is not supported", "are not supported", "complex number", "has no slices", "the number"]


class Ours:
    """A render-template process."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, source, variables):
        for text in (source, variables):
            data = text.encode()
            self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()
        head = self.process.stdout.read(5)
        if len(head) != 5:
            raise SystemExit(f"render-template ended: {self.process.wait()}\n{source!r}")
        text = self.process.stdout.read(struct.unpack("<I", head[1:])[0]).decode()
        return head[0] == 0, text


def theirs(source, variables):
    try:
        return True, chat_truth.render(source, variables)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return False, f"{type(error).__name__}: {error}"


def is_same(there, here):
    if there[0] and here[0]:
        return there[1] == here[1]
    if there[0]:
        return " at 0x" in there[1] or any(known in here[1] for known in KNOWN)
    return not here[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(REPOSITORY / "build"))
    parser.add_argument("--templates", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--file", action="append", default=[])
    arguments = parser.parse_args()
    ours = Ours(f"{arguments.build}/test/bin/render-template")
    differences = rendered = count = 0

    def compare(source, variables):
        nonlocal differences, rendered, count
        there, here = theirs(source, variables), ours.render(source, variables)
        count += 1
        rendered += there[0]
        if not is_same(there, here):
            differences += 1
            if differences <= arguments.show:
                print(repr(source), f"there: {there}", f"here:  {here}", sep="\n    ", flush=True)

    if arguments.file:
        from generator import chat_conversations

        for path in arguments.file:
            source = pathlib.Path(path).read_text()
            for variables in chat_conversations.CONVERSATIONS:
                compare(source, variables)
    else:
        maker = chat_random.Random(random.Random(arguments.seed))
        for number in range(arguments.templates):
            compare(maker.template(), chat_random.TEXT)
    print(f"{count} templates, of which {rendered} can be rendered: {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
