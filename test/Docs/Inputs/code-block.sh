#!/bin/sh
# code-block.sh LANGUAGE FILE: prints the first code block of that language in a Markdown file. A fence inside of the block
# is indented, one that ends it is not.
awk -v fence="\`\`\`$1" '
  inside && $0 == "```" { exit }
  inside { print }
  $0 == fence { inside = 1 }
' "$2"
