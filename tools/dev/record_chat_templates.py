#!/usr/bin/env python3
"""Records what transformers' `apply_chat_template` makes of templates, for test/unit/Text.

    record_chat_templates.py        writes test/unit/Text/chat-templates.json.gz

Recorded are the templates and conversations of test/Fixtures/generator/chat_templates.py and chat_conversations.py, and the
snippets of chat_snippets.py: the text, or null where the rendering fails. Needs transformers and jinja2
(test/Fixtures/requirements.txt).
"""

import gzip
import json
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "test" / "Fixtures"))

from generator import chat_conversations, chat_random, chat_snippets, chat_templates, chat_truth


def rendered(source, variables):
    try:
        text = chat_truth.render(source, variables)
    except Exception:
        return None
    # The runtime refuses to print what Python shows by its address.
    return None if " at 0x" in text else text


def main():
    conversations = chat_conversations.CONVERSATIONS
    record = {
        "now": chat_truth.NOW_MICROSECONDS,
        "conversations": conversations,
        "templates": {
            name: {"source": source, "texts": [rendered(source, variables) for variables in conversations]} for name, source in chat_templates.TEMPLATES.items()
        },
        "variables": chat_random.TEXT,
        "snippets": [[source, rendered(source, chat_random.TEXT)] for source in chat_snippets.SNIPPETS],
    }
    path = REPOSITORY / "test" / "unit" / "Text" / "chat-templates.json.gz"
    path.write_bytes(gzip.compress(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
    texts = [text for template in record["templates"].values() for text in template["texts"]]
    works = sum(text is not None for _, text in record["snippets"])
    print(f"{len(texts)} conversations ({sum(text is None for text in texts)} fail), {len(record['snippets'])} snippets ({works} work), {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
