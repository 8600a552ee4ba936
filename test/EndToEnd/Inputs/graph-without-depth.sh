#!/bin/bash
# graph-without-depth.sh DIR: the graphs of DIR/model with DIR/adapter attached, merged and in training, without what may depend
# on the number of layers: blocks in full; of entries the names of the operations, without the applications.
set -eu -o pipefail

without_depth() {
  awk '/^  func.func private/ {private = 1; print; next}
       /^  func.func/ {private = 0; print; next}
       private {print; next}
       {sub(/^ *%[^=]* = /, "")} # names of results
       match($0, /[a-z_]+\.[a-z_]+/) && $0 !~ /transformer\.(apply|model)/ {print "    " substr($0, RSTART, RLENGTH)}'
}

lora-import "$1/model" >"$1/model.mlir"
echo "Attached:"
lora-opt "$1/model.mlir" "--lora-attach=adapter-dir=$1/adapter" | without_depth
echo "Merged:"
lora-opt "$1/model.mlir" "--lora-attach=adapter-dir=$1/adapter" --lora-merge | without_depth
echo "Training:"
lora-opt "$1/model.mlir" "--lora-attach=adapter-dir=$1/adapter train" --lora-training-pipeline | without_depth
