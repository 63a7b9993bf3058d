#!/usr/bin/env bash
#
# Runs the tests with gcc's coverage, and says which lines and branches of c10/
# and multislot/ none of them reaches. What is missing comes with apt-get if root
# runs this.
#
#   tools/coverage.sh [--python NAME]... [TARGET...]
#
# NAME is one of third_party/python/find_pythons.sh's; default: the oldest and the
# newest. TARGET: default //tests/... and //examples/...
#
# docs/correctness.md explains what is left. Status 1 if a line is not reached
# that no comment with GCOVR_EXCL explains, or if a test fails.

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

# Bazel compiles in /proc/self/cwd, so that is where the counts would go.
flags=(--config=coverage --color=no --curses=no --noshow_progress)
root=$(./bazelw info "${flags[@]}" execution_root 2>/dev/null) || exit 1
output=$(./bazelw info "${flags[@]}" bazel-bin 2>/dev/null)
find "$output" -name '*.gcda' -delete 2>/dev/null
status=0
# shellcheck disable=SC2086
./bazelw test "${flags[@]}" --keep_going --nocache_test_results --build_tests_only \
  --test_env=GCOV_PREFIX="$root" --test_env=GCOV_PREFIX_STRIP=3 $tests || status=1

# gcov itself has to run where the compiler ran; gcovr would not find the place.
counts=$(mktemp -d) number=0
trap 'rm -rf "$log" "$counts"' EXIT
while IFS= read -r file; do
  folder=$counts/$((++number))
  mkdir "$folder"
  (cd "$root" && gcov --branch-counts --branch-probabilities --demangled-names --hash-filenames "$file" &&
    for made in ./*.gcov; do
      # Only what is ours, and where the sources are: gcovr guesses otherwise.
      ! head -n 1 "$made" | grep -qE 'Source:(c10|multislot)/' ||
        sed "1s|Source:|&$OLDPWD/|" "$made" >"$folder/$made"
    done
    rm -f ./*.gcov) >/dev/null 2>&1
done < <(find "$output" -path "$output/external" -prune -o -name '*.gcda' -print)

echo "coverage: of c10/ and multislot/, with ${pythons[*]}"
# Branches that only an exception takes are the compiler's.
report=(gcovr --use-gcov-files --keep --exclude-throw-branches --exclude-unreachable-branches "$counts")
"${report[@]}" --fail-under-line 100 || status=1
echo "coverage: branches"
"${report[@]}" --branches
exit "$status"
