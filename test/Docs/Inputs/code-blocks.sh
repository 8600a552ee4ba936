#!/bin/sh
# code-blocks.sh LANGUAGE SECTION FILE: prints all code blocks of that language below a heading of a Markdown file. Those in a
# list are indented by three blanks, which are taken away.
awk -v fence="\`\`\`$1" -v heading="## $2" '
  /^## / { here = $0 == heading }
  { line = $0; sub(/^   /, "", line) }
  inside && line == "```" { inside = 0; next }
  inside { print line }
  here && line == fence { inside = 1 }
' "$3"
