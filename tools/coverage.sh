#!/usr/bin/env bash
#
# Runs the tests with clang's coverage, and says which lines and branches of c10/ and
# multislot/ none of them reaches, and why. What is missing comes with apt-get if root
# runs this.
#
#   tools/coverage.sh [--python NAME]... [TARGET...]
#
# NAME is one of third_party/python/find_pythons.sh's; default: the oldest and the
# newest. TARGET: default //tests/... and //examples/...
#
# Status 1 if a test fails, or if tools/coverage.py does not explain a line or a
# branch that is not reached.

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

profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
if ! { command -v clang && command -v llvm-cov && command -v llvm-profdata; } >/dev/null; then
  echo "coverage: needs clang and llvm"
  [ "$(id -u)" -eq 0 ] || exit 2
  install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends clang llvm)
  { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$profiles/log" 2>&1 ||
    { tail -n 5 "$profiles/log"; exit 2; }
fi

wanted="tests(set($*)) except attr(tags, no_coverage, tests(set($*)))"
of_a_python="filter('_py[0-9]+[td]*\$', //...)"
these="filter('_($(IFS='|' && echo "${pythons[*]}"))\$', //...)"
tests=$(./bazelw query --noshow_progress "($wanted) except ($of_a_python except $these)") || exit 1

# %c: the counts are written while a process runs, so that one that is killed counts too.
status=0
# shellcheck disable=SC2086
./bazelw test --config=coverage --color=no --curses=no --noshow_progress --keep_going --nocache_test_results \
  --build_tests_only --sandbox_writable_path="$profiles" --test_env=LLVM_PROFILE_FILE="$profiles/%c%m.profraw" \
  $tests || status=1
llvm-profdata merge "$profiles"/*.profraw -o "$profiles/all" || exit 1

output=$(./bazelw info --config=coverage --noshow_progress bazel-bin 2>/dev/null)
while IFS= read -r test; do
  program=$output/$(sed 's|^//||; s|:|/|' <<<"$test")
  [ ! -x "$program" ] || find -L "$program" "$program.runfiles" -type f -perm -u+x 2>/dev/null -exec readlink -f {} +
done <<<"$tests" | sort -u >"$profiles/programs"

echo "coverage: of c10/ and multislot/, with ${pythons[*]}"
mapfile -t programs <"$profiles/programs"
tools/coverage.py "$profiles/all" "${programs[@]}" || status=1
exit "$status"
