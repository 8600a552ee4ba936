#!/bin/sh
# Usage: output-ends.sh COMMAND...
# A command that prints results and succeeds. If standard output is full, it must exit with 1 and say so. If
# standard error is full or closed, or if all three descriptors are closed, it must succeed. Removes $OUT before
# each run.
ulimit -c 0
full() { "$@" 2>&1 >/dev/full </dev/null; }
mute() { "$@" 2>/dev/full >/dev/null </dev/null; }
deaf() { "$@" 2>&- >/dev/null </dev/null; }
closed() { "$@" <&- >&- 2>&-; }
for way in full mute deaf closed; do
  [ -z "$OUT" ] || rm -rf "$OUT"
  said=$($way timeout 100 "$@")
  code=$?
  case $way:$code:$said in
    full:1:*"standard output cannot be written to"*) ;;
    full:*) echo "output full: exit code $code: $said" ;;
    *:0:*) ;;
    *) echo "$way: exit code $code" ;;
  esac
done
