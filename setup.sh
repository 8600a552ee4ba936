#!/bin/bash
# Installs what is missing, builds, and shows the main job. See usage() below.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: ./setup.sh [OPTION...]

Gets LoRA-MLIR going on a bare Debian 12 or 13: installs the packages that are missing (as root, or with sudo), gets
oneDNN 3.2 or newer, builds everything into build/, and runs the main job on the shipped model: examples/tour.sh.
Run it again at any time: it does nothing that is already done.

  --deps-only            stop when everything that the build needs is there
  --no-demo              build, but do not run the main job
  --onednn=auto          oneDNN from the distro where it is new enough (Debian 13), else from the Python package archive
  --onednn=system|pip    only the one, or only the other
  --onednn=source        build Debian's newest source package of it (3.7.2, about 20 minutes on 2 cores)
  --jobs N               compile N files at a time (default: one per core, as far as memory allows)
  --build-dir DIR        build there instead of in build/
  --help                 this text

oneDNN from Python packages or from source goes to ${XDG_CACHE_HOME:-~/.cache}/lora-mlir; nothing else outside the
checkout is written except by apt-get. To use a oneDNN of your own, set ONEDNN_ROOT to a folder with include/ and lib/.

Example: ./setup.sh --no-demo --jobs 4
USAGE
}

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build_dir=$source_dir/build
onednn=auto
jobs=""
deps_only=0
demo=1
. "$source_dir/utils/setup/common.sh"
. "$source_dir/utils/setup/packages.sh"
. "$source_dir/utils/setup/onednn.sh"

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --deps-only) deps_only=1 ;;
    --no-demo) demo=0 ;;
    --onednn=*) onednn=${1#*=} ;;
    --onednn) onednn=${2-} && shift ;;
    --jobs=* | -j?*) jobs=${1#--jobs=} && jobs=${jobs#-j} ;;
    --jobs | -j) jobs=${2-} && shift ;;
    --build-dir=*) build_dir=${1#*=} ;;
    --build-dir) build_dir=${2-} && shift ;;
    *) fail "unknown option '$1'" "./setup.sh --help lists the options" ;;
  esac
  shift || fail "the last option needs a value" "./setup.sh --help lists the options"
done
case $onednn in auto | system | pip | source) ;; *) fail "--onednn=$onednn: expected auto, system, pip or source" ;; esac
[ -z "$jobs" ] || [[ $jobs =~ ^[1-9][0-9]*$ ]] || fail "--jobs: expected a number, but got '$jobs'"
[ -n "$jobs" ] || jobs=$(default_jobs)
[ -n "$build_dir" ] || fail "--build-dir: expected a folder"
mkdir -p "$build_dir" || fail "the build folder $build_dir cannot be made" "name another one: --build-dir DIR"
build_dir=$(cd "$build_dir" && pwd)
log_dir=$build_dir/logs
trap 'say ""; fail "interrupted" "run ./setup.sh again to go on where it stopped"' INT TERM
steps_total=$((4 + demo - 2 * deps_only - demo * deps_only))

check_machine
onednn_choose
step "packages of the distro"
install_packages
step "oneDNN"
onednn_install
[ "$deps_only" = 0 ] || { say "Everything that the build needs is there." && exit 0; }

step "configuration"
configured="preset dev of $(cksum <"$source_dir/CMakePresets.json"), ONEDNN_ROOT=$onednn_root"
if [ -e "$build_dir/build.ninja" ] && [ "$(cat "$build_dir/.configured" 2>/dev/null)" = "$configured" ]; then
  say "      done before"
else
  rm -f "$build_dir/.configured"
  root_option="-UONEDNN_ROOT"
  [ -z "$onednn_root" ] || root_option="-DONEDNN_ROOT=$onednn_root"
  logged configure "configuring the build" "if build/ is from another machine or compiler, remove it and run ./setup.sh again" \
    cmake -S "$source_dir" --preset dev -B "$build_dir" "$root_option"
  printf '%s\n' "$configured" >"$build_dir/.configured"
fi

step "build with $jobs jobs (about 7 minutes on 2 cores from nothing)"
build "$build_dir" "$jobs" all
say "      the tools lie in $build_dir/bin"

if [ "$demo" = 1 ]; then
  step "the main job: examples/tour.sh (under a minute)"
  "$source_dir/examples/tour.sh" --build-dir "$build_dir" ||
    fail "the main job failed" "the build itself is complete; its tools lie in $build_dir/bin" \
      "./test.sh may say more; ./setup.sh runs the main job again"
fi
say "To install the tools and the runtime: cmake --install $build_dir --prefix DIR (docs/runtime.md)"
