#!/bin/sh
# Usage: few-threads.sh "N..." COMMAND...
# Runs a command as a user who may have N threads in all, for each N; it must succeed. Removes $OUT before each
# run. The user id is one that nobody else has; the command keeps the right to read and write all files.
numbers=$1
shift
user=$((1000000000 + $$))
for number in $numbers; do
  [ -z "$OUT" ] || rm -rf "$OUT"
  said=$(timeout 200 setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override \
    --bounding-set=-sys_resource,-sys_admin prlimit --nproc="$number" "$@" 2>&1)
  code=$?
  [ $code = 0 ] || echo "$number threads: exit code $code: $said"
done
