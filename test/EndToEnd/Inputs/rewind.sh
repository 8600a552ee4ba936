#!/bin/bash
# rewind.sh FIXTURE OUT: compiles a fixture's model; takes tokens back that came in one call, and in several.
set -euo pipefail
lora-compile "$1/model" --dtype f32 --quiet -o "$2.model"
ids=$(lora-diff --print "$1/reference.safetensors:ids" | tr ',' ' ')
# shellcheck disable=SC2086
for step in 400 5; do check-rewind "$2.model" "$step" $ids; done
