#!/usr/bin/env bash
#
# Fuzzes with clang's libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer: the core, or the adapter with a real CPython. What
# it finds worth keeping goes to ~/.cache/multislot/fuzz, where the next run
# begins. What is missing comes with apt-get if root runs this.
#
#   tools/fuzz.sh [--target=TARGET] [SECONDS [LIBFUZZER-ARGUMENT...]]    default: 60
#   tools/fuzz.sh [--target=TARGET] FILE...      runs these inputs only
#   tools/fuzz.sh [--target=TARGET] --merge      chooses tests/fuzz/corpus/... anew, from all there is
#
# TARGET is core, which is the default, or adapter: with the newest CPython that
# is found, or with the one that it names, as in adapter_py311.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=core
case ${1:-} in --target=*)
  target=${1#--target=}
  shift
  ;;
esac
options=(-len_control=0 -max_len=400)
case $target in
  core)
    name=core
    program=core_fuzz
    ;;
  adapter | adapter_py*)
    name=adapter
    python=${target#adapter}
    [ -n "$python" ] ||
      python=_$(sh third_party/python/find_pythons.sh | cut -f 1 | sort -V | tail -n 1)
    program=adapter_fuzz$python
    # CPython leaks by itself, and what nobody can own any more lives for ever.
    # Each input starts and ends a CPython.
    options+=(-detect_leaks=0 -timeout=120)
    export ASAN_OPTIONS=detect_leaks=0
    ;;
  *)
    echo "fuzz: --target is core, adapter or adapter_pyNNN, not '$target'"
    exit 2
    ;;
esac

kept=${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/fuzz/$name
corpus=tests/fuzz/corpus/$name
mkdir -p "$kept"
log=$(mktemp)
trap 'rm -rf "$log" "$log.corpus"' EXIT

install() { # install PACKAGE
  echo "fuzz: needs $1"
  [ "$(id -u)" -eq 0 ] || exit 2
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$1")
  { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$log" 2>&1 && return
  tail -n 5 "$log"
  exit 2
}
command -v clang >/dev/null || install clang
# libFuzzer is in a package of its own.
has_libfuzzer() {
  echo 'int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang -x c - -fsanitize=fuzzer,address -lstdc++ -o /dev/null 2>"$log"
}
has_libfuzzer || install "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev"

echo "fuzz: builds //tests/fuzz:$program"
# Shown only if it fails: the linker warns of functions of AddressSanitizer's.
if ! ./bazelw build --config=libfuzzer --color=no --curses=no --noshow_progress "//tests/fuzz:$program" >"$log" 2>&1; then
  cat "$log"
  exit 1
fi
fuzzer=$(./bazelw info --config=libfuzzer --noshow_progress bazel-bin 2>"$log")/tests/fuzz/$program
export UBSAN_OPTIONS=print_stacktrace=1

case ${1:-60} in
  --merge)
    # By which code runs, not by how often: that makes hundreds of files.
    mkdir "$log.corpus"
    "$fuzzer" "${options[@]}" -set_cover_merge=1 -use_counters=0 -max_len=200 "$log.corpus" "$corpus" "$kept" || exit 1
    rm -f "$corpus"/*
    cp "$log.corpus"/* "$corpus"
    ;;
  *[!0-9]*) exec "$fuzzer" "${options[@]}" "$@" ;;
  *)
    # Failing inputs go to the folder above the kept ones.
    "$fuzzer" "${options[@]}" -max_total_time="${1:-60}" -artifact_prefix="${kept%/*}/" \
      "${@:2}" "$kept" "$corpus"
    ;;
esac
