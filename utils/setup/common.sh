# Shared by setup.sh, test.sh and .ci/run: messages, steps with a log, and the build with its progress. Bash; source it.

say() { printf '%s\n' "$*" >&2; }

# fail WHAT [HOW-TO-GO-ON...]: ends the script.
fail() {
  say ""
  say "error: $1"
  shift
  for line in "$@"; do say "  $line"; done
  exit 1
}

# duration SECONDS: "75 s" or "12 min".
duration() { if [ "$1" -lt 120 ]; then echo "$1 s"; else echo "$((($1 + 30) / 60)) min"; fi; }

# note TEXT: one line that the next note overwrites on a terminal; elsewhere at most one line in 15 seconds.
note_last=0
note() {
  if [ -t 2 ]; then
    printf '\r\033[K      %s' "$1" >&2
  elif [ $((SECONDS - note_last)) -ge 15 ]; then
    note_last=$SECONDS
    say "      $1"
  fi
}
note_end() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

# step TEXT: announces the next step; steps_total is set by the script.
step_number=0
step() { step_number=$((step_number + 1)); say "[$step_number/$steps_total] $*"; }

# logged NAME WHAT HINT COMMAND...: runs COMMAND with its output in $log_dir/NAME.log; on failure shows the end of it.
logged() {
  local name=$1 what=$2 hint=$3 log
  shift 3
  mkdir -p "$log_dir"
  log=$log_dir/$name.log
  if ! "$@" >"$log" 2>&1; then
    say ""
    tail -n 20 "$log" | sed 's/^/    | /' >&2
    fail "$what failed" "all of its output: $log" "$hint"
  fi
}

# default_jobs: the number of cores, but no more than memory allows (a compiler needs up to 1.8 GB).
default_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 2000000)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  if [ "$cores" -lt "$memory" ]; then echo "$cores"; else echo "$memory"; fi
}

# build DIR JOBS TARGET...: ninja with progress and an estimate of the time left. Prints nothing when there is nothing to do.
build() {
  local dir=$1 jobs=$2 log status=0 finished total elapsed rest left line
  shift 2
  mkdir -p "$log_dir"
  log=$log_dir/build.log
  NINJA_STATUS='[%f/%t %e] ' ninja -C "$dir" -j "$jobs" "$@" 2>&1 | tee "$log" | while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\ ([0-9]+) ]]; then
      finished=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} elapsed=${BASH_REMATCH[3]}
      if [ "$finished" -gt 0 ] && [ "$elapsed" -ge 3 ]; then
        rest=$((elapsed * (total - finished) / finished))
        # The first files give no good estimate.
        left=""
        if [ $((finished * 12)) -ge "$total" ]; then left=", about $(duration $rest) left"; fi
        note "$finished of $total done, $(duration "$elapsed") gone$left"
      fi
    fi
  done || status=${PIPESTATUS[0]}
  note_end
  if [ "$status" -ne 0 ]; then
    { grep -n -A 25 -m 1 '^FAILED:' "$log" || tail -n 20 "$log"; } | sed 's/^/    | /' >&2
    fail "the build failed" "all of its output: $log" \
      "run the same command again to go on where it stopped; if the compiler was killed, memory was short: --jobs 1"
  fi
}
