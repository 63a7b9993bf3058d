#!/usr/bin/env bash
#
# Ports a published C extension, MarkupSafe's. Fetches its source from Debian, ports
# it with tools/ported/port_markupsafe.py, builds original and port the same way for
# each CPython found, and runs the extension's own tests with both. Then runs both in
# eight interpreters at once, where the original fails, and measures what the port
# costs. Installs what is missing with apt-get.
#
#   tools/test_markupsafe.sh [FOLDER]      where sources go; default
#                                      ~/.cache/multislot/ported
#
# Status 3 if it cannot fetch the source; then nothing was tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh
. tools/debian_source.sh
. tools/ported/functions.sh

what=markupsafe

cache=${1:-${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/ported}
mkdir -p "$cache"
log=$(mktemp)
# A package of this workspace, while this script runs.
package=$PWD/examples/ported
trap 'rm -rf "$package"; rm -f "$log"' EXIT

pytest_in "$cache/pytest"

source=$cache/markupsafe-2.1.2
debian_source bookworm markupsafe "$source" >"$log" 2>&1 || not_run "MarkupSafe's source could not be fetched"
grep -qx "Version: 2.1.2" "$source/PKG-INFO" || not_run "Debian's MarkupSafe is another version"

rm -rf "$package"
mkdir "$package"
cp "$source/src/markupsafe/_speedups.c" "$package/original.c"
python3 tools/ported/port_markupsafe.py "$package/original.c" "$package/ported.c" || exit 1
cat >"$package/BUILD" <<'BUILD'
load("@multislot_pythons//:defs.bzl", "PYTHONS")
load("//third_party/python:rules.bzl", "python_extension")

[python_extension(
    name = "%s/%s/markupsafe/_speedups" % (python, kind),
    srcs = [kind + ".c"],
    copts = ["-w"],
    python = python,
    deps = ["//multislot/cpython/pythons:" + python] if kind == "ported" else [],
) for python in PYTHONS for kind in ["original", "ported"]]
BUILD
./bazelw build --compilation_mode=opt --color=no --curses=no --noshow_progress //examples/ported:all || exit 1

while IFS=$'\t' read -r name _ executable _; do
  for kind in original ported; do
    built=bazel-bin/examples/ported/$name/$kind
    run=$cache/run/$name/$kind
    rm -rf "$run"
    mkdir -p "$run/markupsafe"
    cp "$source"/src/markupsafe/*.py "$built/markupsafe/_speedups.so" "$run/markupsafe/" || exit 1
    python=(env -C "$cache" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$run:$PWD/third_party/python:$cache/pytest" "$executable")
    # Without the extension its tests would be skipped.
    check "own_tests_of_the_${kind}_$name" "${python[@]}" -W ignore -c "
import markupsafe._speedups, pytest, sys
assert markupsafe.escape is markupsafe._speedups.escape
sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-W', 'ignore::DeprecationWarning', '$source/tests']))"
    check "eight_interpreters_with_the_${kind}_$name" \
      "${python[@]}" "$PWD/tools/ported/markupsafe_interpreters.py" "$kind"
    tail -n 1 "$log"
  done
  "$executable" tools/ported/markupsafe_speed.py "$cache/run/$name/original" "$cache/run/$name/ported" || bad=1
done < <(sh third_party/python/find_pythons.sh)
exit "$bad"
