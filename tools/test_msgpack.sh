#!/usr/bin/env bash
#
# Ports a published Cython extension, msgpack's. Fetches its source from Debian, ports
# it with tools/ported/port_msgpack.py, builds original and port the same way for each
# CPython found, and runs the extension's own tests with both. Then runs both in eight
# interpreters at once, where the original cannot be imported, and measures what the
# port costs. Fetches Cython with tools/fetch_cython.sh, unless MULTISLOT_CYTHON names
# one, and pytest with apt-get.
#
#   tools/test_msgpack.sh [FOLDER]     where sources go; default
#                                      ~/.cache/multislot/ported
#
# Status 3 if it cannot fetch something; then nothing was tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh
. tools/debian_source.sh
. tools/ported/functions.sh

what=msgpack

cache=${1:-${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/ported}
mkdir -p "$cache" && cache=$(cd "$cache" && pwd) || exit 1
log=$(mktemp)
# A package of this workspace, while this script runs.
package=$PWD/examples/ported
trap 'rm -rf "$package"; rm -f "$log"' EXIT

pytest_in "$cache/msgpack-pytest"

cython=${MULTISLOT_CYTHON:-$(tools/fetch_cython.sh 2>"$log")} || not_run "no Cython"

source=$cache/msgpack-1.0.3
debian_source bookworm python-msgpack "$source" >"$log" 2>&1 || not_run "msgpack's source could not be fetched"
grep -qx "version = (1, 0, 3)" "$source/msgpack/_version.py" || not_run "Debian's msgpack is another version"

rm -rf "$package"
for kind in original ported; do
  mkdir -p "$package/$kind/msgpack"
  python3 tools/ported/port_msgpack.py "$source/msgpack" "$kind" "$package/$kind/msgpack" || exit 1
  "$cython" --cplus -3 -I "$package/$kind/msgpack" -I . -o "$package/$kind/msgpack/_cmsgpack.cpp" \
    "$package/$kind/msgpack/_cmsgpack.pyx" >"$log" 2>&1 || { cat "$log"; exit 1; }
done
shares() { # shares KIND: as tools/check_cython.py says
  python3 tools/check_cython.py "$package/$1/msgpack/_cmsgpack.cpp"
  [ $? -eq 1 ] && grep -q "interpreters share the cdef variable" "$log"
}
check "interpreters_share_in_the_original" shares original
check "interpreters_share_nothing_in_the_ported" \
  python3 tools/check_cython.py "$package/ported/msgpack/_cmsgpack.cpp"
cat >"$package/BUILD" <<'BUILD'
load("@multislot_pythons//:defs.bzl", "PYTHONS")
load("//third_party/python:rules.bzl", "python_extension")

# What Cython keeps is in each module's state, its classes included.
STATE = [
    "CYTHON_USE_MODULE_STATE=1",
    "CYTHON_USE_TYPE_SPECS=1",
]

[python_extension(
    name = "%s/%s/msgpack/_cmsgpack" % (python, kind),
    srcs = [kind + "/msgpack/_cmsgpack.cpp"] + glob([kind + "/msgpack/*.h"]),
    copts = [
        "-w",
        "-Iexamples/ported/" + kind,
        "-Iexamples/ported/%s/msgpack" % kind,
    ],
    local_defines = ["__LITTLE_ENDIAN__=1"] + (STATE if kind == "ported" else []),
    python = python,
    deps = ["//multislot/cpython/pythons:" + python] if kind == "ported" else [],
) for python in PYTHONS for kind in ["original", "ported"]]
BUILD
./bazelw build --compilation_mode=opt --color=no --curses=no --noshow_progress //examples/ported:all || exit 1

ran=0
while IFS=$'\t' read -r name _ executable _; do
  for kind in original ported; do
    built=bazel-bin/examples/ported/$name/$kind
    run=$cache/run/$name/$kind
    rm -rf "$run"
    mkdir -p "$run/msgpack"
    cp "$source"/msgpack/*.py "$built/msgpack/_cmsgpack.so" "$run/msgpack/" || exit 1
    python=(env -C "$cache" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$run:$PWD/third_party/python:$cache/msgpack-pytest" "$executable")
    # Not with msgpack's Python code instead of the extension.
    check "own_tests_of_the_${kind}_$name" "${python[@]}" -W ignore -c "
import msgpack._cmsgpack, pytest, sys
assert msgpack.Packer is msgpack._cmsgpack.Packer
sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-W', 'ignore::DeprecationWarning', '$source/test']))"
    tail -n 1 "$log"
    check "eight_interpreters_with_the_${kind}_$name" \
      "${python[@]}" -X faulthandler "$PWD/tools/ported/msgpack_interpreters.py" "$kind"
    tail -n 2 "$log"
  done
  "$executable" tools/ported/msgpack_speed.py "$cache/run/$name/original" "$cache/run/$name/ported" || bad=1
  ran=$((ran + 1))
done < <(sh third_party/python/find_pythons.sh)
[ "$ran" -gt 0 ] || { echo "msgpack: FAILED: no CPython"; exit 1; }
exit "$bad"
