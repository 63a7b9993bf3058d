#!/usr/bin/env bash
#
# Tests the adapter in CPython 3.13.5 without a GIL, which it builds once
# (tools/build_free_threaded.sh). An ordinary build runs the adapter's tests, the stress
# test and the farm. A build with ThreadSanitizer runs the tests that have threads, and
# the extensions; there a report fails its test if any function in it is ours.
#
#   tools/test_free_threaded.sh [plain|tsan]...      default: both
#
# Status 3 if CPython's source or a compiler could not be had, so that nothing
# was tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/free_threaded
log=$(mktemp)
bad=0

# An output folder of its own, since another CPython and another compiler have
# Bazel look at the machine anew and forget what it knew. Links to it in the
# workspace would be followed by the ordinary Bazel's //..., as this one would
# follow those of the ordinary one: here it is //tests/... and //examples/...
bazelw=(./bazelw "--output_user_root=$cache/bazel")
options=(--color=no --curses=no --noshow_progress --symlink_prefix="$cache/link-")
test=("${bazelw[@]}" test "${options[@]}" --keep_going --nocache_test_results)
trap '"${bazelw[@]}" shutdown; rm -f "$log"' EXIT

fail() {
  echo "free_threaded: FAILED: $*"
  bad=1
}

build() { # build KIND, and have Bazel find it
  local said
  echo "free_threaded: $1"
  said=$(tools/build_free_threaded.sh "$1")
  case $? in
    0) export MULTISLOT_PYTHON=$said ;;
    3)
      echo "$said"
      exit 3
      ;;
    *) exit 1 ;;
  esac
}

plain() {
  build plain
  # What is linked, refused and measured is the same with a GIL.
  "${bazelw[@]}" query --noshow_progress \
    "filter('^//(examples/(c_extension|interpreter_farm)|tests/(cpython|stress))[/:].*_py313t\$', tests(//examples/... + //tests/...))" >"$log" ||
    fail "query"
  "${test[@]}" --config=quick --target_pattern_file="$log" || fail "tests"
}

tsan() {
  build tsan
  # CPython's own suppressions.
  local tsan_options=suppressions=${MULTISLOT_PYTHON%/bin/*}/suppressions_free_threading.txt
  local config=(--config=clang --config=tsan) only_ours=$PWD/tools/only_our_reports.sh
  local of_python="filter('_py313t\$', tests(//examples/... + //tests/...))" none='crowd|immortal|farm|plot|ratio'
  "${bazelw[@]}" query --noshow_progress "filter('^//examples/', $of_python) +
    filter('^//tests/cpython/extension:', $of_python) - filter(':($none)_', $of_python) +
    filter('^//tests/cpython:(single_interpreter_fast_path|call_once_and_store|threads)_test_', $of_python)" >"$log" ||
    fail "query"
  # CPython is several times as slow.
  "${test[@]}" "${config[@]}" --run_under="$only_ours" --test_env=TSAN_OPTIONS="$tsan_options" \
    --test_timeout=600 --target_pattern_file="$log" || fail "tests with ThreadSanitizer"

  # A race of ours has to be noticed.
  local planted=tests/cpython/planted_race_py313t
  "${bazelw[@]}" build "${options[@]}" "${config[@]}" "//${planted%/*}:${planted##*/}" || fail "build $planted"
  TSAN_OPTIONS=$tsan_options timeout 100 "$only_ours" "$cache/link-bin/$planted" >"$log" 2>&1
  [ $? = 66 ] || {
    cat "$log"
    fail "the planted race is not noticed"
  }
}

[ $# -gt 0 ] || set -- plain tsan
for what; do
  case $what in
    plain) plain ;;
    tsan) tsan ;;
    *) fail "what is '$what'?" ;;
  esac
done
exit "$bad"
