#!/bin/bash
# Shows all main tasks on the model in examples/tiny-qwen3. See usage() below.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: examples/tour.sh [OPTION...]

Takes the small byte-level Qwen3 in examples/tiny-qwen3 and its adapter the whole way, in under a minute: the IR before and
after the adapter is attached and merged, compiled files of the merged and the unmerged model, their results and those
of PyTorch, their size and speed, and some training steps. Every command is shown as it is run, so that you can go on
from there with your own model.

  --build-dir DIR  where the tools were built (default: build/)
  --out DIR        where to put the files that it makes (default: tour/ in the build folder)
  --help           this text

Example: examples/tour.sh
USAGE
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build_dir=build out=""
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --build-dir) build_dir=${2-} && shift ;;
    --build-dir=*) build_dir=${1#*=} ;;
    --out) out=${2-} && shift ;;
    --out=*) out=${1#*=} ;;
    *) echo "tour.sh: unknown option '$1'; --help lists them" >&2 && exit 2 ;;
  esac
  shift || { echo "tour.sh: the last option needs a value" >&2 && exit 2; }
done
out=${out:-$build_dir/tour}
bin=$build_dir/bin
for tool in lora-import lora-opt lora-compile lora-run lora-train lora-diff; do
  [ -x "$bin/$tool" ] || { echo "tour.sh: there is no $bin/$tool; ./setup.sh builds it" >&2 && exit 1; }
done
mkdir -p "$out"
# lora-train does not overwrite an adapter.
rm -rf "$out/trained"

model=examples/tiny-qwen3/model
adapter=examples/tiny-qwen3/adapter
reference=examples/tiny-qwen3/reference.safetensors

heading() { printf '\n== %s\n' "$*"; }
# run COMMAND...: prints the command, then runs it.
run() {
  local argument line=""
  for argument in "$@"; do
    case $argument in *" "*) line+=" \"$argument\"" ;; *) line+=" $argument" ;; esac
  done
  printf '\n$%s\n' "$line"
  "$@" 2>&1
}
# lines PATTERN FILE: the matches in an IR file, one on each line, cut to the width of a terminal.
lines() { grep -oE "$1" "$2" | sed -E 's/^(.{116}).{3,}$/\1.../; s/^/  /'; }
q_slots='%[A-Za-z0-9_.]+: tensor<[^>]*> \{transformer.slot = "self_attn.q_proj[^}]*\}'

heading "1. The model as IR: names, shapes and types, no weights; the decoder once, applied once a layer"
run "$bin/lora-import" "$model" --dtype f32 -o "$out/model.mlir"
echo "  $(wc -l <"$out/model.mlir") lines, of which:"
lines '%self_attn.[qkvo]_proj = transformer.linear.*' "$out/model.mlir"
lines '%model.layers.[0-9]+ = transformer.apply.*' "$out/model.mlir"

heading "2. The adapter attached: q_proj, k_proj and v_proj get low-rank branches"
run "$bin/lora-opt" "$out/model.mlir" "--lora-attach=adapter-dir=$adapter" "--remarks-filter=lora-.*" -o "$out/attached.mlir"
lines "$q_slots" "$out/attached.mlir"
lines '%self_attn.[qkv]_proj = lora.linear.*' "$out/attached.mlir"

heading "3. The adapter merged: the base model's code again, the branch is an expression on the weight"
run "$bin/lora-opt" "$out/attached.mlir" --lora-merge "--remarks-filter=lora-.*" -o "$out/merged.mlir"
lines '%self_attn.[qkv]_proj = transformer.linear.*' "$out/merged.mlir"
grep -oE '#lora.merge<.*' "$out/merged.mlir" | head -n 1 | sed -E 's/>\}, %.*/>/; s/, #transformer.adapter/,\n    #transformer.adapter/g; s/, dense/,\n    dense/; s/^/  /'

heading "4. One native file each: merged and unmerged"
run "$bin/lora-compile" "$model" --adapter "$adapter" --dtype f32 -o "$out/merged"
run "$bin/lora-compile" "$model" --adapter "$adapter" --unmerged --dtype f32 -o "$out/unmerged"
echo "  $(stat -c '%s bytes: %n' "$out/merged")"

heading "5. Merged = unmerged = what transformers and PEFT computed (f32: 1e-4 absolute, merged against unmerged 1e-5 relative)"
ids=$("$bin/lora-diff" --print "$reference:ids")
run "$out/merged" --ids "$ids" --logits "$out/merged.safetensors"
"$out/unmerged" --ids "$ids" --logits "$out/unmerged.safetensors" 2>/dev/null
run "$bin/lora-diff" "$out/merged.safetensors:logits" "$reference:logits.merged" --abs 1e-4
run "$bin/lora-diff" "$out/unmerged.safetensors:logits" "$reference:logits.adapted" --abs 1e-4
run "$bin/lora-diff" "$out/merged.safetensors:logits" "$out/unmerged.safetensors:logits" --rel 1e-5

heading "6. It runs by itself: load time, tokens per second, peak memory"
start=$(cut -d, -f1-12 <<<"$ids")
run "$out/merged" --ids "$start" --generate 64 --time
heading "7. Text in, text out: the tokenizer is in the file"
run "$out/merged" "The " && echo
run "$out/merged" "A dog" --temperature 0.8 --seed 3 && echo
run "$out/merged" --tokenize "The cat"

heading "8. Training steps through the same graph: forward, loss, backward, AdamW, compiled"
run "$bin/lora-train" "$model" --adapter "$adapter" --data examples/tiny-qwen3/train.jsonl --out "$out/trained" \
  --steps 120 --batch-size 8 --lr 1e-2 --betas 0.9,0.98 --eps 1e-8 --weight-decay 0.0 --clip 1.0 --dtype f32 >"$out/train.log"
sed -n '1,7p' "$out/train.log"
echo "  ..."
tail -n 2 "$out/train.log"
loss() { awk -F, -v row="$1" 'NR == 1 {for (i = 1; i <= NF; ++i) if ($i == "loss") column = i}
                             NR > 1 {value[NR - 1] = $column} END {print value[row == "last" ? NR - 1 : row]}' "$out/trained/log.csv"; }
echo "  loss $(loss 1) at the first step, $(loss last) at the last"
awk -v first="$(loss 1)" -v last="$(loss last)" 'BEGIN {exit !(last < first)}' ||
  { echo "tour.sh: the loss did not fall" >&2 && exit 1; }

run "$bin/lora-compile" "$model" --adapter "$out/trained" --dtype f32 -o "$out/trained.bin"
echo "  before:  The $("$out/merged" "The ")"
echo "  trained: The $("$out/trained.bin" "The ")"

printf '\nAll of it lies in %s. Next: docs/getting-started.md\n' "$out"
