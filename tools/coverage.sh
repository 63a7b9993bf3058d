#!/usr/bin/env bash
#
# Runs the tests with gcc's coverage, and lists the lines and branches of c10/ and
# multislot/ that no test reaches. Run by root, it installs what is missing with
# apt-get.
#
#   tools/coverage.sh [--python NAME]... [TARGET...]
#
# NAME is one of third_party/python/find_pythons.sh's; default: the oldest and the
# newest. TARGET: default //tests/... and //examples/...
#
# docs/correctness.md explains the lines that remain. Status 1 if a test fails, or
# if a line without a GCOVR_EXCL comment is not reached.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pythons=()
while [ "${1:-}" = --python ]; do
  pythons+=("$2")
  shift 2
done
if [ ${#pythons[@]} -eq 0 ]; then
  found=$(sh third_party/python/find_pythons.sh | cut -f 1 | sort -V)
  mapfile -t pythons < <(printf '%s\n' "$found" | sed -n '1p;$p' | sort -u)
fi
[ $# -gt 0 ] || set -- //tests/... //examples/...

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! command -v gcovr >/dev/null; then
  echo "coverage: needs gcovr"
  [ "$(id -u)" -eq 0 ] || exit 2
  install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends gcovr)
  { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$log" 2>&1 ||
    { tail -n 5 "$log"; exit 2; }
fi

wanted="tests(set($*)) except attr(tags, no_coverage, tests(set($*)))"
of_a_python="filter('_py[0-9]+[td]*\$', //...)"
these="filter('_($(IFS='|' && echo "${pythons[*]}"))\$', //...)"
tests=$(./bazelw query --noshow_progress "($wanted) except ($of_a_python except $these)") || exit 1

# Not in a sandbox: the counts are written beside the object files.
flags=(--config=coverage --color=no --curses=no --noshow_progress)
output=$(./bazelw info "${flags[@]}" bazel-bin 2>/dev/null) || exit 1
root=$(./bazelw info "${flags[@]}" execution_root 2>/dev/null)
find "$output" -name '*.gcda' -delete 2>/dev/null
status=0
# shellcheck disable=SC2086
./bazelw test "${flags[@]}" --keep_going --nocache_test_results --build_tests_only $tests || status=1

echo "coverage: of c10/ and multislot/, with ${pythons[*]}"
cd "$root" || exit 1
# The compiler adds the branches that only an exception takes.
gcovr --root . --object-directory "$output" --filter '(c10|multislot)/' --exclude '.*/python_stub.h' \
  --exclude-throw-branches --exclude-unreachable-branches --gcov-ignore-parse-errors \
  --json "$log" "$output" 2>/dev/null || exit 1
report=(gcovr --root . --add-tracefile "$log")
"${report[@]}" --fail-under-line 100 | sed '/^Directory/d' || status=1
echo "coverage: branches"
"${report[@]}" --branches
exit "$status"
