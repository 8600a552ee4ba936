#!/bin/sh
# Usage: contradicts.sh PROGRAM SCRIPT [OPTION...]
# Edits the manifest of a compiled file with a script of sed, puts it back with right checksums, and runs the
# file. The run must end with exit code 1; its message goes to standard output.
folder=$(dirname "$0")
program=$1
payload-part "$program" manifest >"$program.before" || exit 2
sed -E "$2" "$program.before" >"$program.after" || exit 2
cmp -s "$program.before" "$program.after" && echo "contradicts.sh: nothing was changed by $2" && exit 2
payload-part "$program" --with manifest "$program.after" "$program.edited" || exit 2
shift 2
exec "$folder/refused.sh" lora-run "$program.edited" --ids 5,7,9 --generate 4 "$@"
