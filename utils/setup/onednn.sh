# Puts oneDNN into the user cache, where cmake/FindOneDNN.cmake looks for it. Bash; source it after common.sh.

onednn_cache=${XDG_CACHE_HOME:-$HOME/.cache}/lora-mlir

# onednn_ready VERSION: whether the cache has it. The stamp is written last, so an interrupted run does not leave
# one.
onednn_ready() { [ -e "$onednn_cache/onednn-$1/.complete" ]; }

# onednn_publish FOLDER VERSION: moves a finished FOLDER to its place in one step.
onednn_publish() {
  touch "$1/.complete"
  rm -rf "$onednn_cache/onednn-$2"
  mv "$1" "$onednn_cache/onednn-$2"
}

# onednn_pip: the Python packages, checked against the hashes in onednn-3.2.txt and unpacked; nothing is installed into Python.
onednn_pip() {
  local work=$onednn_cache/download-3.2 wheel
  rm -rf "$work"
  mkdir -p "$work/wheels" "$work/out"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --dest "$work/wheels" --requirement "$source_dir/utils/setup/onednn-3.2.txt" || return 1
  for wheel in "$work"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$work/unpacked" || return 1
  done
  cp -r "$work"/unpacked/*.data/data/. "$work/out/" || return 1
  # A wheel cannot contain links, so the library is in it three times under different names.
  ln -sf libdnnl.so.3.2 "$work/out/lib/libdnnl.so.3" || return 1
  ln -sf libdnnl.so.3 "$work/out/lib/libdnnl.so" || return 1
  onednn_publish "$work/out" 3.2
  rm -rf "$work"
}

onednn_source_version=3.7.2
onednn_source_sha256=0cc51ca26c1af6a2bb1e71e378e7046f3ceb3e71791ee9d4e246d50f904a6ea6
# The primitives that a compiled model can use. All others (convolution, pooling, recurrent networks, ...) are left
# out, and so are primitives for training (a training step here consists of matmuls).
onednn_source_primitives='MATMUL;INNER_PRODUCT;REORDER;SOFTMAX;LAYER_NORMALIZATION;ELTWISE;BINARY;REDUCTION;SUM;CONCAT'

# onednn_source_configure WORK: fetches, checks and configures Debian's source package in the folder WORK, from the mirror
# that this machine's package configuration names.
onednn_source_configure() {
  local work=$1 mirror compiler
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$') || {
    echo "apt's configuration names no Debian mirror"
    return 1
  }
  mkdir -p "$work"
  if [ ! -e "$work/tree.complete" ]; then
    /usr/lib/apt/apt-helper download-file "${mirror%/}/pool/main/o/onednn/onednn_$onednn_source_version+ds.orig.tar.xz" \
      "$work/source.tar.xz" "SHA256:$onednn_source_sha256" || return 1
    tar -xJf "$work/source.tar.xz" -C "$work" && touch "$work/tree.complete" || return 1
  fi
  # The generated GEMM kernels only emit machine code at run time. Optimising them takes a third of the build's
  # time and gains nothing.
  compiler=$work/compile
  printf '%s\n' '#!/bin/bash' 'case "$*" in *_autogen.cpp*) exec "$@" -O0 ;; *) exec "$@" ;; esac' >"$compiler"
  chmod +x "$compiler"
  cmake -G Ninja -S "$work/oneDNN-$onednn_source_version" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$compiler" -DCMAKE_INSTALL_PREFIX="$work/out" -DCMAKE_INSTALL_LIBDIR=lib \
    -DONEDNN_CPU_RUNTIME=OMP -DONEDNN_GPU_RUNTIME=NONE -DONEDNN_BUILD_DOC=OFF -DONEDNN_BUILD_EXAMPLES=OFF \
    -DONEDNN_BUILD_TESTS=OFF -DONEDNN_BUILD_GRAPH=OFF -DONEDNN_ENABLE_WORKLOAD=INFERENCE \
    -DONEDNN_ENABLE_PRIMITIVE="$onednn_source_primitives"
}

# onednn_source: builds it with g++, as Debian does. An interrupted build continues where it stopped.
onednn_source() {
  local work=$onednn_cache/source-$onednn_source_version
  logged onednn "getting the source of oneDNN" "see whether apt-get update works; or use --onednn=pip" \
    onednn_source_configure "$work"
  build "$work/build" "$jobs" install
  onednn_publish "$work/out" "$onednn_source_version"
  rm -rf "$work"
}

# onednn_choose: replaces `auto` by what this machine will use, and adds the packages that it needs to `packages`.
# Sets onednn (own, cached, system, pip or source) and onednn_root (empty: cmake/FindOneDNN.cmake takes the
# newest).
onednn_choose() {
  local version asked=$onednn
  onednn_root=""
  if [ -n "${ONEDNN_ROOT:-}" ] && [ "$onednn" = auto ]; then
    onednn=own onednn_root=$ONEDNN_ROOT
    return 0
  fi
  if [ "$onednn" = auto ] && compgen -G "$onednn_cache/onednn-*/.complete" >/dev/null; then onednn=cached; fi
  if [ "$onednn" = auto ] && ! have libdnnl-dev && [ -z "$(candidate libdnnl-dev)" ]; then
    mkdir -p "$log_dir"
    missing=(libdnnl-dev)
    update_lists
  fi
  case $onednn in auto | system) version=$(candidate libdnnl-dev) ;; esac
  if [ "$onednn" = auto ]; then
    if [ -n "$version" ] && dpkg --compare-versions "$version" ge 3.2; then onednn=system; else onednn=pip; fi
  fi
  case $onednn in
    system)
      dpkg --compare-versions "${version:-0}" ge 3.2 ||
        fail "--onednn=system: this distro has oneDNN ${version:-not at all}, but 3.2 is needed" "use --onednn=pip or --onednn=source"
      packages+=(libdnnl-dev)
      onednn_root=/usr
      ;;
    pip)
      onednn_root=$onednn_cache/onednn-3.2
      onednn_ready 3.2 || python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip ca-certificates)
      ;;
    source) onednn_root=$onednn_cache/onednn-$onednn_source_version ;;
  esac
  [ "$asked" != auto ] || onednn_root=""
}

# onednn_install: fetches what onednn_choose chose.
onednn_install() {
  case $onednn in
    own) say "      yours: $onednn_root" ;;
    system) say "      the distro's: $(dpkg-query -W -f='${Version}' libdnnl-dev)" ;;
    cached) say "      in $onednn_cache: $(cd "$onednn_cache" && echo onednn-*)" ;;
    pip)
      if onednn_ready 3.2; then say "      done before: $onednn_cache/onednn-3.2" && return 0; fi
      [ "$(uname -m)" = x86_64 ] || fail "the Python packages of oneDNN are for x86-64 only" "use --onednn=source"
      say "      3.2, from the Python package archive (40 MB, about 15 s)"
      logged onednn "getting oneDNN from the Python package archive" \
        "see whether pip reaches an index; or use --onednn=source, or set ONEDNN_ROOT to a oneDNN 3.2 or newer" onednn_pip
      ;;
    source)
      if onednn_ready "$onednn_source_version"; then say "      done before: $onednn_cache/onednn-$onednn_source_version" && return 0; fi
      say "      $onednn_source_version, from Debian's source package (about 20 minutes on 2 cores)"
      onednn_source
      ;;
  esac
}
