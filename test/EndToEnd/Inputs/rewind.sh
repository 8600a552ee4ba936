#!/bin/bash
# rewind.sh FIXTURE OUT: compiles a fixture's model, feeds tokens in one call and in several calls, and takes them
# back.
set -euo pipefail
lora-compile "$1/model" --dtype f32 --quiet -o "$2.model"
ids=$(lora-diff --print "$1/reference.safetensors:ids" | tr ',' ' ')
# shellcheck disable=SC2086
for step in 400 5; do check-rewind "$2.model" "$step" $ids; done
