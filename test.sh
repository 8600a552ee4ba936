#!/bin/bash
# Builds everything and runs every test. See usage() below.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: ./test.sh [OPTION...] [SUITE...]

Builds what is not built yet (with ./setup.sh, so it works on a bare machine too) and runs all tests, or the suites named:

  lit         test/**/*.mlir and *.test: every op, pass and tool, and whole models against recorded references
  roundtrip   the lit tests that run lora-opt, again with --verify-roundtrip
  unit        test/unit: the GoogleTest programs
  runtime     builds and installs the runtime without LLVM, and builds a C program that uses it
  docs        the generated references in docs/ are up to date
  sanitizers  the unit tests of the runtime and the readers, and whole models in a compiled file, under AddressSanitizer
              and UndefinedBehaviorSanitizer
  fuzz        fuzzes each reader of input files from test/fuzz/corpus, for half a minute of processor time

  --quick          run the tests that find most faults, in a few minutes, for daily work: the suites unit, docs and lit (or those
                   named). Every model of test/Fixtures is compiled and compared: as it is, and with its first adapter, merged and
                   unmerged. Left out of lit: the other adapters; bf16 except Llama's; training runs except Llama's; tests
                   of rewinding, prompt lengths, depth, memory, profiles, portable files and other CPUs; fast attention against its
                   definition; full disks, closed outputs, signals, few threads and damaged weights; large merges by lora-adapter;
                   measurements by lora-bench; the installed tree, packages, and the pass of docs/contributing.md. The code of an
                   earlier run is used again. Run ./test.sh without --quick before a commit
  --jobs N         compile, and run tests, N at a time (default: one for each core, if memory permits)
  --build-dir DIR  the build folder (default: build/)
  --help           this text

The last line is the sum of all suites, "N passed, N failed". The exit code is 0 if no test failed and at least one ran.
On 2 cores, and when everything is built, all suites take about 18 minutes, and --quick less than 3.

Examples:
  ./test.sh --quick
  ./test.sh lit unit
USAGE
}

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$source_dir/utils/setup/common.sh"
build_dir=$source_dir/build
jobs=$(default_jobs)
quick=0
suites=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --quick) quick=1 ;;
    --jobs=* | -j?*) jobs=${1#--jobs=} && jobs=${jobs#-j} ;;
    --jobs | -j) jobs=${2-} && shift ;;
    --build-dir=*) build_dir=${1#*=} ;;
    --build-dir) build_dir=${2-} && shift ;;
    lit | roundtrip | unit | runtime | docs | sanitizers | fuzz) suites+=("$1") ;;
    *) fail "unknown option or suite '$1'" "./test.sh --help lists them" ;;
  esac
  shift || fail "the last option needs a value" "./test.sh --help lists the options"
done
if [ ${#suites[@]} = 0 ] && [ "$quick" = 1 ]; then suites=(unit docs lit); fi
[ ${#suites[@]} != 0 ] || suites=(lit roundtrip unit runtime docs sanitizers fuzz)

"$source_dir/setup.sh" --no-demo --jobs "$jobs" --build-dir "$build_dir"
build_dir=$(cd "$build_dir" && pwd)
log_dir=$build_dir/logs
mkdir -p "$log_dir"
progress_bar=()
[ -t 1 ] || progress_bar=(--no-progress-bar)
lit=$(sed -n 's/^LLVM_TOOLS_BINARY_DIR:.*=//p' "$build_dir/CMakeCache.txt")
lit=${lit:-/usr/lib/llvm-22/bin}/lit

passed=0 failed=0 skipped=0
# count SUITE PASSED FAILED SKIPPED: a line for the suite, and the sum.
count() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  say "$1: $2 passed, $3 failed, $4 skipped"
}

# run_lit SUITE ARGUMENT...: shows the output of tests that fail, and takes the counts from lit's report.
run_lit() {
  local suite=$1 report=$log_dir/$1.json
  shift
  rm -f "$report"
  "$lit" -sv "${progress_bar[@]}" -j "$jobs" -o "$report" "$@" || true
  if ! grep -q '"code"' "$report" 2>/dev/null; then
    say "$suite: lit did not run any test"
    count "$suite" 0 1 0
    return
  fi
  count "$suite" "$(codes "$report" 'PASS|XFAIL|FLAKYPASS')" "$(codes "$report" 'FAIL|XPASS|UNRESOLVED|TIMEOUT')" \
    "$(codes "$report" 'UNSUPPORTED|SKIPPED|EXCLUDED')"
}
codes() { grep -cE "\"code\": \"($2)\"" "$1" || true; }

# What --quick leaves out of lit.
not_quick='Docs/worked-pass|Install/|Families/.*-bf16|EndToEnd/(bench|depth|other-cpu|portable|profile|prompt-lengths|rewind|streamed)'
not_quick+='|EndToEnd/(training-memory|(gpt2|llama-bias|mistral|qwen.)-train|(llama-bias|mistral|qwen.)-bf16|Families/.*-train)'
not_quick+='|Executed/attention|Tools/(hostile-(disk|kill|mount|output|signal|threads|weights)|lora-bench-signal|output-is-input)'
not_quick+='|Tools/lora-adapter-(families|programs-bf16|signal)'

# All code is made anew, but once.
suite_lit() {
  if [ "$quick" = 1 ]; then
    run_lit lit --param quick=1 --filter-out "$not_quick" "$build_dir/test"
  else
    rm -rf "$build_dir/test/cache"
    run_lit lit "$build_dir/test"
  fi
}

suite_roundtrip() {
  local tests
  mapfile -t tests < <(cd "$source_dir/test" && grep -rlE 'RUN:.*\blora-opt\b' --include='*.mlir' --include='*.test' . |
    sed "s|^\.|$build_dir/test|")
  if [ ${#tests[@]} = 0 ]; then count roundtrip 0 1 0 && return; fi
  run_lit roundtrip --param verify_roundtrip=1 "${tests[@]}"
}

suite_unit() {
  build "$build_dir" "$jobs" unit-tests
  run_ctest unit "$build_dir"
}

# run_ctest SUITE DIR: shows the output of tests that fail, and takes the counts from ctest's report.
run_ctest() {
  local suite=$1 report=$log_dir/$1.xml log=$log_dir/$1.log ran missed not_run
  rm -f "$report"
  ctest --test-dir "$2" --output-on-failure --output-junit "$report" -j "$jobs" >"$log" 2>&1 || {
    grep -vE '^ *(Start|[0-9]+/[0-9]+ Test .* Passed)' "$log" >&2 || true
  }
  attribute() { grep -oE "\b$1=\"[0-9]+\"" "$report" 2>/dev/null | head -n 1 | tr -dc 0-9 || true; }
  ran=$(attribute tests) missed=$(attribute failures) not_run=$(($(attribute skipped) + $(attribute disabled)))
  if [ "${ran:-0}" = 0 ]; then
    say "$suite: ctest did not run any test; $log"
    count "$suite" 0 1 0
  else
    count "$suite" $((ran - missed - not_run)) "$missed" "$not_run"
  fi
}

# check NAME COMMAND...: a suite of one test.
check() {
  local name=$1
  shift
  if "$@" >"$log_dir/$name.log" 2>&1; then
    count "$name" 1 0 0
  else
    tail -n 20 "$log_dir/$name.log" >&2
    count "$name" 0 1 0
  fi
}

# cached NAME: the value of a variable of the CMake cache.
cached() { sed -n "s/^$1:[^=]*=//p" "$build_dir/CMakeCache.txt"; }

runtime_alone() {
  local compiler launcher
  compiler=$(cached CMAKE_CXX_COMPILER)
  launcher=$(cached CMAKE_CXX_COMPILER_LAUNCHER)
  cmake -G Ninja -S "$source_dir/runtime" -B "$build_dir/runtime-alone" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DCMAKE_DISABLE_FIND_PACKAGE_LLVM=ON -DCMAKE_DISABLE_FIND_PACKAGE_MLIR=ON &&
    ninja -C "$build_dir/runtime-alone" -j "$jobs" &&
    runtime_embedded "$build_dir/runtime-alone"
}
# runtime_embedded DIR: installs the runtime that was built in DIR, and builds the example with it.
runtime_embedded() {
  rm -rf "$1/tree" "$1/embed"
  cmake --install "$1" --prefix "$1/tree" &&
    PKG_CONFIG_PATH="$1/tree/lib/pkgconfig" CFLAGS=-Werror make -C "$1" -f "$source_dir/examples/embed/Makefile" \
      VPATH="$source_dir/examples/embed" embed
}
suite_runtime() { check runtime runtime_alone; }

suite_docs() { check docs ninja -C "$build_dir" check-docs; }

# The compiler is not sanitized, because the distro's LLVM is not. It is copied beside a sanitized stub and
# backend, and puts these into the files that it makes.
suite_sanitizers() {
  local dir=$build_dir/sanitized variable options=()
  for variable in CMAKE_{C,CXX}_COMPILER{,_LAUNCHER} CMAKE_{EXE,SHARED}_LINKER_FLAGS ONEDNN_ROOT; do
    [ -z "$(cached "$variable")" ] || options+=("-D$variable=$(cached "$variable")")
  done
  logged sanitizers-configure "configuring the sanitized build" "$dir may be removed" \
    cmake -G Ninja -S "$source_dir" -B "$dir" -DCMAKE_BUILD_TYPE=Release -DLORA_SANITIZE=ON "${options[@]}"
  build "$dir" "$jobs" all unit-tests
  build "$build_dir" "$jobs" lora-compile lora-diff
  cp --remove-destination "$build_dir"/bin/lora-{compile,diff} "$dir/bin"
  (
    export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1
    run_ctest sanitizers "$dir"
    run_lit sanitized --param tools="$dir/bin" --filter='EndToEnd/(llama|llama-bias|mistral|qwen2|qwen3)(-bf16)?\.test|Tools/(hostile-)?text[a-z-]*\.test' \
      "$build_dir/test"
    printf '%s\n' "$passed $failed $skipped" >"$log_dir/sanitizers.sum"
  )
  read -r passed failed skipped <"$log_dir/sanitizers.sum"
}

# Findings are written to build/fuzz/NAME. The fuzzer takes such a file as an argument.
suite_fuzz() {
  local name passed_here=0 failed_here=0
  build "$build_dir" "$jobs" fuzzers
  rm -rf "$build_dir/fuzz"
  for corpus in "$source_dir"/test/fuzz/corpus/*/; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
    fuzz "$(basename "$corpus")" "$corpus" &
  done
  wait
  for corpus in "$source_dir"/test/fuzz/corpus/*/; do
    name=$(basename "$corpus")
    if [ "$(cat "$build_dir/fuzz/$name/status")" = 0 ]; then
      passed_here=$((passed_here + 1))
    else
      failed_here=$((failed_here + 1))
      say "$name: $build_dir/fuzz/$name/log"
      tail -n 30 "$build_dir/fuzz/$name/log" >&2
    fi
  done
  count fuzz "$passed_here" "$failed_here" 0
}

# fuzz NAME CORPUS: runs one fuzzer for half a minute of processor time, whatever else runs. New inputs are not added to the checked-in
# corpus.
fuzz() {
  local dir=$build_dir/fuzz/$1 status=0 left=30 dictionary=$source_dir/test/fuzz/dictionaries/$1.dict TIMEFORMAT='%0U %0S' spent
  [ -f "$dictionary" ] || dictionary=$source_dir/test/fuzz/dictionaries/Json.dict
  mkdir -p "$dir/corpus"
  # The fuzzer measures elapsed time. Another round for less than 5 seconds would only read the corpus again.
  while [ "$status" = 0 ] && [ "$left" -ge 5 ]; do
    { time "$build_dir/bin/$1Fuzzer" -max_total_time="$left" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -dict="$dictionary" -artifact_prefix="$dir/" "$dir/corpus" "$2" >>"$dir/log" 2>&1; } 2>"$dir/seconds" || status=$?
    spent=$(($(tr ' ' '+' <"$dir/seconds")))
    left=$((left - (spent > 0 ? spent : 1)))
  done
  echo "$status" >"$dir/status"
}

for suite in "${suites[@]}"; do
  say ""
  say "== $suite"
  "suite_$suite"
done

say ""
if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ "$failed" = 0 ] && [ "$passed" != 0 ]
