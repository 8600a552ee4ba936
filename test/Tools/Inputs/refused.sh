#!/bin/sh
# Usage: refused.sh COMMAND...
# Runs a command that must refuse its input: with exit code 1, within a minute and 6 GB of address space. Its
# standard error goes to standard output.
# A sanitized program reserves terabytes.
[ -n "$ASAN_OPTIONS" ] || ulimit -v 6000000
ulimit -c 0
timeout 60 "$@" 2>&1 >/dev/null </dev/null
code=$?
[ "$code" = 1 ] || { echo "refused.sh: exit code $code, not 1: $*" && exit 1; }
