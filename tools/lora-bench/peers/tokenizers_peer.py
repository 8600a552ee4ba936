"""Measures the Python package tokenizers, on one thread. `lora-bench tokenize TOKENIZER --peers` starts this program.

It prints {"load_seconds": S}, then answers each {"do": "tokenize", "file": PATH} with the times for the text in the file. All are
times of the processor.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers

path = sys.argv[1]
file = os.path.join(path, "tokenizer.json") if os.path.isdir(path) else path
if os.path.isfile(file) and file.endswith(".json"):
    start = time.process_time()
    tokenizer = tokenizers.Tokenizer.from_file(file)
    seconds = time.process_time() - start
else:
    import transformers

    folder = path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
    start = time.process_time()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer
    seconds = time.process_time() - start
tokenizer.no_truncation()
tokenizer.no_padding()
print(json.dumps({"load_seconds": seconds}), flush=True)


def tokenize(text):
    start = time.process_time()
    (encoding,) = tokenizer.encode_batch_fast([text])  # Without offsets.
    ids = encoding.ids
    encoded = time.process_time()
    tokenizer.decode(ids, skip_special_tokens=False)
    return {"tokens": len(ids), "encode_seconds": encoded - start, "decode_seconds": time.process_time() - encoded}


for line in sys.stdin:
    try:
        with open(json.loads(line)["file"], encoding="utf-8", errors="replace", newline="") as stream:
            answer = tokenize(stream.read())
    except BaseException as error:  # A panic of the library is no Exception.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
