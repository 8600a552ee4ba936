# Puts a oneDNN into the user cache, where cmake/FindOneDNN.cmake looks. Bash; source it after common.sh.

onednn_cache=${XDG_CACHE_HOME:-$HOME/.cache}/lora-mlir

# onednn_ready VERSION: whether the cache has it. The stamp is written last, so an interrupted run leaves none.
onednn_ready() { [ -e "$onednn_cache/onednn-$1/.complete" ]; }

# onednn_publish FOLDER VERSION: puts a finished FOLDER in its place in one go.
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
  # A wheel cannot hold links: the library lies in it three times under different names.
  ln -sf libdnnl.so.3.2 "$work/out/lib/libdnnl.so.3" || return 1
  ln -sf libdnnl.so.3 "$work/out/lib/libdnnl.so" || return 1
  onednn_publish "$work/out" 3.2
  rm -rf "$work"
}
