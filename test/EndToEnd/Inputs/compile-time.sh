#!/bin/bash
# compile-time.sh DIR [OPTION...]: the least of three times, in seconds of the processor, that it takes to compile DIR/model with
# DIR/adapter to assembly, which reads no weights.
set -eu -o pipefail
dir=$1 TIMEFORMAT=%U
shift
for _ in 1 2 3; do
  { time lora-compile "$dir/model" --adapter "$dir/adapter" --dtype f32 --emit=asm --quiet "$@" >"$dir/asm"; } 2>&1
done | sort -n | head -n 1
