"""What all peers share: the command line, and the protocol of requests from lora-bench.

A peer prints a line of JSON when it is ready, then answers each line on standard input with one on standard output:
    {"do": "forward", "tokens": N, "seconds": S}   calls the model for S seconds, at least once
    {"do": "decode", "context": C, "steps": N}     decodes N tokens after C others, one at a time
Both are answered with the median and the least time of a call or step, decode also with the number of tokens before
the middle one. A request that fails is answered with {"error": TEXT}.
"""

import argparse
import json
import os
import statistics
import sys
import time


def parse(variants=("base",)):
    """The command line of a peer. Threads are set in the environment, before any library is imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", help="a Hugging Face folder")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--dtype", choices=("f32", "bf16"), required=True)
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--adapter", help="a PEFT folder")
    parser.add_argument("--work", help="a folder for what the peer writes")
    parser.add_argument("--out", help="a folder to write a model to")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    return arguments


def some_tokens(vocabulary, count):
    """Ids spread over the vocabulary, without the special ids at its start."""
    state, ids = 12345, []
    first = min(16, vocabulary // 2)
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % (1 << 32)
        ids.append(first + (state >> 8) % (vocabulary - first))
    return ids


def times_of(seconds, call):
    """Calls for this many seconds, at least once; returns the time of each call."""
    times, end = [], time.monotonic() + seconds
    while True:
        start = time.monotonic()
        call()
        times.append(time.monotonic() - start)
        if time.monotonic() >= end:
            return times


def serve(forward, decode=None):
    """Answers requests. forward(tokens, seconds) gives the time of each call; decode(context, steps) the time of each step, and the
    number of tokens before the first."""
    # The output of libraries must not be taken as an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    answer({"ready": time.monotonic()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "forward":
                times = forward(request["tokens"], request["seconds"])
                answer({"seconds": statistics.median(times), "least": min(times)})
            elif request["do"] == "decode" and decode:
                times, context = decode(request["context"], request["steps"])
                middle = context + (len(times) + 1) / 2
                answer({"seconds": statistics.median(times), "least": min(times), "context": middle})
            else:
                answer({"error": "cannot " + request["do"]})
        except Exception as error:  # the other programs go on
            answer({"error": f"{type(error).__name__}: {error}"})
