#!/usr/bin/env bash
#
# Builds the free-threaded CPython 3.13.5 from the upstream source that Debian 13
# has, and prints the name of its executable. With tsan, CPython is compiled by
# clang with ThreadSanitizer; its suppressions, which are part of the source, are
# then FOLDER/suppressions_free_threading.txt. Nothing happens if FOLDER is there.
# What is missing comes with apt-get if root runs this.
#
#   tools/build_free_threaded.sh plain|tsan [FOLDER]
#                        default ~/.cache/multislot/python3.13t and
#                        ~/.cache/multislot/python3.13t_tsan
#
# Status 3 if the source or a compiler could not be had.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh
. tools/debian_source.sh

kind=${1:-}
compilers=() options=(--disable-gil --enable-shared --disable-test-modules --without-ensurepip)
packages=(g++ make xz-utils dpkg-dev)
suffix=
case $kind in
  plain) ;;
  tsan)
    compilers=(CC=clang CXX=clang++)
    options+=(--with-thread-sanitizer)
    packages+=(clang llvm)  # llvm-symbolizer, which names functions
    suffix=_tsan
    ;;
  *)
    echo "free_threaded: what is '$kind'? It can be plain or tsan" >&2
    exit 1
    ;;
esac
folder=$(realpath -m "${2:-${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/python3.13t$suffix}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

not_run() {
  tail -n 5 "$log" >&2
  echo "free_threaded: NOT RUN: $*"
  exit 3
}
install() { # install PACKAGE...
  dpkg-query -W "$@" >/dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] || return
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@")
  { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$log" 2>&1
}

if [ ! -d "$folder" ]; then
  install "${packages[@]}" || not_run "no ${packages[*]}"
  # Clang's runtimes are in a package of their own.
  [ "$kind" = plain ] || install "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev" || not_run "no ThreadSanitizer"

  part=$folder.part
  rm -rf "$part"
  mkdir -p "$part/build"
  debian_source trixie python3.13 "$part/source" >"$log" 2>&1 || not_run "no source of CPython 3.13.5"
  grep -qx '#define PY_VERSION  *"3\.13\.5"' "$part/source/Include/patchlevel.h" ||
    not_run "Debian 13 has another CPython than 3.13.5"

  # It finds its library without LD_LIBRARY_PATH.
  (cd "$part/build" &&
    "$part/source/configure" --quiet --prefix="$folder" "${options[@]}" "${compilers[@]}" LDFLAGS="-Wl,-rpath,$folder/lib" &&
    make --silent -j"$(nproc)" && make --silent install DESTDIR="$part/installed") >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    echo "free_threaded: FAILED: CPython does not build" >&2
    exit 1
  }
  cp "$part/source/Tools/tsan/suppressions_free_threading.txt" "$part/installed$folder/" &&
    mv "$part/installed$folder" "$folder" && rm -rf "$part"
fi
echo "$folder/bin/python3.13t"
