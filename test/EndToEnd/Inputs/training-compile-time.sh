#!/bin/bash
# training-compile-time.sh DIR: the least of three times, in seconds of the processor, that it takes to compile a training step of
# DIR/model with DIR/adapter.
set -eu -o pipefail
dir=$1
echo '{"input_ids": [1, 2, 3, 4, 5, 6, 7, 8, 9]}' >"$dir/row.jsonl"
for _ in 1 2 3; do
  rm -rf "$dir/out"
  lora-train "$dir/model" --data "$dir/row.jsonl" --adapter "$dir/adapter" --out "$dir/out" --steps 1 2>&1 >/dev/null |
    sed -n 's/.*compiled in \([0-9.]*\) s of the processor.*/\1/p'
done | sort -n | head -n 1
