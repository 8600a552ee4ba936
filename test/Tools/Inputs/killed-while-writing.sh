#!/bin/sh
# Usage: killed-while-writing.sh SIGNAL MODEL_DIR FOLDER
# Compiles a model to FOLDER/program, sends SIGNAL once the weights are being written, and lists the files that
# remain in FOLDER. A program that was finished before the signal must be complete. (A shell starts background
# jobs with SIGINT ignored.)
signal=$1 model=$2 folder=$3
rm -rf "$folder" && mkdir -p "$folder" || exit 1
env --default-signal=INT,HUP lora-compile "$model" -o "$folder/program" 2>"$folder.log" &
process=$!
until grep -q 'writing [0-9]* weights' "$folder.log"; do
  kill -0 "$process" 2>/dev/null || { cat "$folder.log" && exit 1; }
  sleep 0.01
done
kill -s "$signal" "$process" 2>/dev/null
wait "$process"
code=$?
if [ "$code" = 0 ]; then
  "$folder/program" --info >/dev/null || exit 1
  echo "finished before the signal"
  rm "$folder/program"
elif [ "$code" -le 128 ]; then
  echo "exit code $code" && exit 1
fi
echo "left: [$(ls -A "$folder")]"
