#!/bin/sh
# Usage: interrupted-training.sh FIXTURE OUT
# Trains for ever, sends SIGINT after some steps, and prints its messages, its exit code, and the files that
# remain in OUT. (A shell starts background jobs with SIGINT ignored.)
fixture=$1 out=$2
env --default-signal=INT lora-train "$fixture/model" --adapter "$fixture/adapter" --data "$fixture/train.jsonl" --out "$out" \
  --steps 1000000000 --lr 0 >"$out.steps" 2>"$out.said" &
process=$!
until grep -q '^step 3 ' "$out.steps"; do
  kill -0 "$process" 2>/dev/null || { cat "$out.said" && exit 1; }
  sleep 0.02
done
kill -s INT "$process"
wait "$process"
code=$?
grep signal "$out.said"
echo "status $code"
ls -A "$out"
