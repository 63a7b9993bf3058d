#!/usr/bin/env bash
#
# Fuzzes the core with clang's libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer. What it finds worth keeping goes to
# ~/.cache/multislot/fuzz, where the next run begins. What is missing comes with
# apt-get if root runs this.
#
#   tools/fuzz.sh [SECONDS [LIBFUZZER-ARGUMENT...]]    default: 60
#   tools/fuzz.sh FILE...      runs these inputs only
#   tools/fuzz.sh --merge      chooses tests/fuzz/corpus anew, from all there is

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kept=${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/fuzz/core
corpus=tests/fuzz/corpus
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

echo "fuzz: builds //tests/fuzz:core_fuzz"
# Shown only if it fails: the linker warns of functions of AddressSanitizer's.
if ! ./bazelw build --config=libfuzzer --color=no --curses=no --noshow_progress //tests/fuzz:core_fuzz >"$log" 2>&1; then
  cat "$log"
  exit 1
fi
fuzzer=$(./bazelw info --config=libfuzzer --noshow_progress bazel-bin 2>"$log")/tests/fuzz/core_fuzz
export UBSAN_OPTIONS=print_stacktrace=1

case ${1:-60} in
  --merge)
    # By which code runs, not by how often: that makes hundreds of files.
    mkdir "$log.corpus"
    "$fuzzer" -set_cover_merge=1 -use_counters=0 -max_len=200 "$log.corpus" "$corpus" "$kept" || exit 1
    rm -f "$corpus"/*
    cp "$log.corpus"/* "$corpus"
    ;;
  *[!0-9]*) exec "$fuzzer" "$@" ;;
  *)
    # Failing inputs go to the folder above the kept ones.
    "$fuzzer" -max_total_time="${1:-60}" -len_control=0 -max_len=400 -artifact_prefix="${kept%/*}/" \
      "${@:2}" "$kept" "$corpus"
    ;;
esac
