#!/bin/bash
# training-code-without-depth.sh DIR: the lowered training step of DIR/model with DIR/adapter, without what may depend on the
# number of layers: the entry and the table of slots.
set -eu -o pipefail

lora-import "$1/model" |
  lora-opt "--lora-attach=adapter-dir=$1/adapter train" --lora-training-pipeline |
  lora-opt "--lora-lower=tokens=16 functions=train_step kernels=linalg" |
  awk '/^  func.func @/ {entry = 1; next}
       /^  (func.func private|llvm.func|memref.global|rt\.)/ {entry = 0}
       entry || /^module/ || /^#/ {next}
       {print}'
