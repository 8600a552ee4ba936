#!/bin/bash
# code-without-depth.sh FILE: the functions of a compiled file's native code with their sizes, without the entries,
# which have one call per layer.
set -eu -o pipefail
payload-part "$1" code >"$1.so"
llvm-readelf -sW "$1.so" | awk '$4 == "FUNC" && $7 != "UND" && $8 !~ /\.entry$/ {print $8, $3}' | sort
