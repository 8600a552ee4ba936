# Finds out which of the distro's packages are missing and installs them. Bash; source it after common.sh.

# What the build, the tests and the tools need. The reason is given where it is not obvious.
packages=(
  cmake ninja-build clang-22 lld-22 ccache
  libclang-rt-22-dev   # the fuzzers and sanitizers of the tests
  g++                  # libstdc++ and libgomp to link against
  llvm-22-dev libmlir-22-dev mlir-22-tools
  llvm-22-tools        # lit, FileCheck, not
  liblld-22-dev        # lora-compile links in the process
  zlib1g-dev libzstd-dev
  nlohmann-json3-dev libcli11-dev libxxhash-dev
  libpcre2-dev         # PEFT's target_modules are Python regular expressions, tokenizers have Oniguruma's
  libedit-dev          # editing of lines in --chat
  libutf8proc-dev      # Unicode's normal forms, cases and classes, for tokenizers
  liblapacke-dev       # singular values and QR, for adapters
  libopenblas0-pthread # LAPACK and BLAS that are fast, with threads that are not OpenMP's
  librandom123-dev libgtest-dev
  python3              # lit is a Python program
  dpkg-dev file        # cpack makes Debian packages with them
  make pkgconf         # as programs that use the runtime are built, in tests
)

# have PACKAGE: whether it is installed.
have() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# candidate PACKAGE: the version that apt would install, or has installed; empty if there is none.
candidate() { apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" {print $2}'; }

# become_root: makes sure that as_root will work, so that a password is requested before anything is redirected.
become_root() {
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null || fail "packages are missing, only root can install them, and there is no sudo" \
    "as root, run: apt-get install ${missing[*]}" "then ./setup.sh again"
  sudo -v || fail "packages are missing, and sudo does not let this user install them" \
    "as root, run: apt-get install ${missing[*]}" "then ./setup.sh again"
}

# as_root COMMAND...
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo --preserve-env=DEBIAN_FRONTEND,http_proxy,https_proxy,no_proxy "$@"
  fi
}

check_machine() {
  local id=unknown version=0 free
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && echo "${ID:-unknown}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-0}")
  fi
  command -v apt-get >/dev/null || fail "this set-up installs with apt-get, which this machine ($id) does not have" \
    "on another Linux: install MLIR 22, clang 22, oneDNN 3.2 or newer and what utils/setup/packages.sh lists," \
    "then: cmake --preset dev && ninja -C build"
  [ "$id:$version" = debian:12 ] || [ "$id:$version" = debian:13 ] ||
    say "warning: tried on Debian 12 and 13 only; this is $id $version"
  [ "$(uname -m)" = x86_64 ] || say "warning: tried on x86-64 only; this is $(uname -m)"
  free=$(df -Pk "$build_dir" | awk 'NR == 2 {print int($4 / 1024)}')
  [ "$free" -ge 2500 ] || say "warning: $free MB are free in $build_dir; the build takes about 1000, the packages 2000"
}

# update_lists: apt-get update, once in a run.
lists_updated=0
update_lists() {
  [ "$lists_updated" = 0 ] || return 0
  lists_updated=1
  export DEBIAN_FRONTEND=noninteractive
  become_root
  note "reading the package lists"
  if ! as_root apt-get -q -o DPkg::Lock::Timeout=300 update >"$log_dir/apt-update.log" 2>&1; then
    say "warning: apt-get update failed, going on with the lists that are there; $log_dir/apt-update.log"
  fi
}

# apt_progress: passes apt's log through to standard output, and shows the progress that it reports among it.
apt_progress() {
  local line percent
  while IFS= read -r line; do
    case $line in
      dlstatus:*) percent=$(cut -d: -f3 <<<"$line") && note "downloading: ${percent%.*} %" ;;
      pmstatus:*) percent=$(cut -d: -f3 <<<"$line") && note "installing: ${percent%.*} %" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# install_packages: installs those of `packages` that are missing.
install_packages() {
  local package unknown=() status=0 log=$log_dir/apt-install.log
  missing=()
  mkdir -p "$log_dir"
  for package in "${packages[@]}"; do have "$package" || missing+=("$package"); done
  if [ ${#missing[@]} = 0 ]; then
    say "      all there"
    return 0
  fi
  say "      missing: ${missing[*]}"
  say "      1 to 3 minutes from nothing, most of it unpacking (1.8 GB)"
  become_root
  update_lists
  for package in "${missing[@]}"; do [ -n "$(candidate "$package")" ] || unknown+=("$package"); done
  [ ${#unknown[@]} = 0 ] || fail "the package lists of this machine do not have: ${unknown[*]}" \
    "Debian 12 and 13 have them; see whether /etc/apt/sources.list* name the distro with its updates," \
    "and whether apt-get update works: $log_dir/apt-update.log"
  # The inner shell opens the descriptor on which apt reports its progress. sudo would close a descriptor that was
  # opened here.
  as_root sh -c 'exec apt-get "$@" 3>&1' sh -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o APT::Status-Fd=3 \
    install --no-install-recommends "${missing[@]}" 2>&1 </dev/null | apt_progress >"$log" || status=$?
  note_end
  if [ "$status" != 0 ]; then
    tail -n 15 "$log" | sed 's/^/    | /' >&2
    fail "installing packages failed" "all of its output: $log" \
      "often it helps to wait and run ./setup.sh again (a mirror or the network), or first: apt-get -f install"
  fi
}
