#!/bin/bash
# mapped-files.sh COMMAND...: runs COMMAND and prints the files that it has mapped when all its work is done, one per line.
#
# COMMAND's standard output is a pipe that is full already, so that it stops where it writes its result: then nothing that it
# loaded is gone yet, and nothing more will come.
set -u
pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe" || exit 2
head -c 65536 /dev/zero >&3
"$@" >&3 &
process=$!
for _ in $(seq 300); do
  # The number of the system call that it waits in, and its first argument: write(1, ...).
  read -r call argument _ <"/proc/$process/syscall" || break
  if [ "$call" = 1 ] && [ "$argument" = 0x1 ]; then
    awk '$6 ~ /^\// {$1 = $2 = $3 = $4 = $5 = ""; print}' "/proc/$process/maps" | sed 's/^ *//' | sort -u
    kill "$process"
    exit 0
  fi
  sleep 0.1
done
echo "mapped-files.sh: the program did not come to the point where it writes its result" >&2
kill "$process" 2>/dev/null
exit 1
