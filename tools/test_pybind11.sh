#!/usr/bin/env bash
#
# Runs pybind11 3.1's own tests of gil_safe_call_once_and_store, first unchanged and
# then with multislot's CallOnceAndStore in place of that class. Uses the newest
# CPython that is found, 3.12 or newer. (From 3.14 on pybind11 has some more tests.)
#
#   tools/test_pybind11.sh [SOURCE]
#
# SOURCE is a folder with pybind11 3.1's sources. Without it the script fetches them
# from Debian sid's source package or from GitHub. Status 3 if it cannot; then nothing
# was tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh
. tools/debian_source.sh
. tools/ported/functions.sh

what=pybind11

cache=${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/pybind11_tests
mkdir -p "$cache"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

source=${1:-$cache/pybind11-3.1.0}
[ -d "$source" ] || debian_source sid pybind11 "$source" >"$log" 2>&1 ||
  timeout 120 git clone --quiet --depth 1 --branch v3.1.0 https://github.com/pybind/pybind11 "$source" >"$log" 2>&1 ||
  not_run "no source of pybind11 3.1"
grep -q 'VERSION_MINOR 1' "$source/include/pybind11/detail/common.h" || not_run "$source is not pybind11 3.1"

pytest_in "$cache/pytest" catch2

root=$PWD
IFS=$'\t' read -r name _ python include libdir library < <(sh third_party/python/find_pythons.sh | sort -V | tail -n 1)
case $name in py3[0-9] | py310 | py311) not_run "no CPython 3.12 or newer" ;; esac

# What Bazel generates, and Abseil's headers.
./bazelw build --color=no --curses=no --noshow_progress //multislot:default || exit 1
bin=$(./bazelw info --noshow_progress bazel-bin 2>/dev/null)
abseil=$(./bazelw info --noshow_progress output_base 2>/dev/null)/external/com_google_absl

build() { # build KIND: the tests, in $cache/KIND
  local folder=$cache/$1 tests=$cache/$1/source/tests
  rm -rf "$folder"
  mkdir -p "$folder"
  cp -r "$source" "$folder/source"
  local compile=(g++ -std=c++17 -w -fPIC -fvisibility=hidden -isystem "$folder/source/include" -isystem "$include")
  local link=()
  if [ "$1" = with_ours ]; then
    cat >"$folder/source/include/pybind11/gil_safe_call_once.h" <<'HEADER'
#pragma once
#include "detail/common.h"
#include "multislot/cpython/call_once_and_store.h"
namespace PYBIND11_NAMESPACE {
template <typename T>
using gil_safe_call_once_and_store = multislot::cpython::CallOnceAndStore<T>;
}
HEADER
    compile+=(-I "$root" -I "$bin" -isystem "$abseil")
    mkdir "$folder/multislot"
    (cd "$folder/multislot" && "${compile[@]}" -c "$root"/multislot/{internal,cpython,cpython/internal}/*.cc \
      "$bin/multislot/default_slot_policy.cc") || return
    link=("$folder"/multislot/*.o)
  fi
  local shared=("${compile[@]}" -shared) module
  "${shared[@]}" "$tests"/{pybind11_tests,test_exceptions,test_warnings}.cpp "${link[@]}" \
    -o "$folder/pybind11_tests.so" &&
    "${shared[@]}" "$tests/pybind11_cross_module_tests.cpp" "${link[@]}" \
      -o "$folder/pybind11_cross_module_tests.so" || return
  for module in cross_module_interleaved_error_already_set mod_per_interpreter_gil mod_shared_interpreter_gil mod_per_interpreter_gil_with_singleton; do
    "${shared[@]}" "$tests/$module.cpp" "${link[@]}" -o "$folder/$module.so" || return
  done
  cp "$tests"/test_with_catch/*.py "$folder/"
  "${shared[@]}" "$tests/test_with_catch/external_module.cpp" "${link[@]}" -o "$folder/external_module.so" &&
    "${compile[@]}" -isystem /usr/include/catch2 "$tests"/test_with_catch/{catch,test_interpreter,test_subinterpreter}.cpp \
      "${link[@]}" \
      "-L$libdir" "-l$library" "-Wl,-rpath,$libdir" -pthread -o "$folder/test_with_catch"
}

for kind in unchanged with_ours; do
  check "build_$kind" build "$kind"
  folder=$cache/$kind
  run=(env -C "$folder" PYTHONDONTWRITEBYTECODE=1 "PYTHONPATH=$folder:$cache/pytest")
  for test in exceptions warnings multiple_interpreters; do
    check "${test}_$kind" "${run[@]}" "$python" -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning \
      "$folder/source/tests/test_$test.py"
  done
  check "subinterpreter_$kind" "${run[@]}" "$folder/test_with_catch"
done
exit "$bad"
