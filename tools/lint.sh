#!/usr/bin/env bash
#
# Checks C++ with clang-format 14, Bazel files with buildifier and its lint, and the
# syntax of shell and Python scripts. Checks that no file includes one of a higher
# layer, that docs match the code, and that no symbolic link is committed, such as
# Bazel's to its output. `tools/lint.sh --fix` fixes what it can.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Other versions format differently.
clang_format=$(command -v clang-format-14 || command -v clang-format || true)
if ! "${clang_format:-false}" --version | grep -q 'version 14\.'; then
  echo "lint: clang-format 14 is missing (Debian: apt-get install clang-format-14)" >&2
  exit 2
fi
buildifier=${BUILDIFIER:-$(command -v buildifier || true)}
if [ -z "$buildifier" ]; then
  echo "lint: buildifier is missing (npm install @bazel/buildifier@8.2.1; set BUILDIFIER to its path)" >&2
  exit 2
fi

if [ "${1:-}" = --fix ]; then
  format=(-i) mode=fix
else
  format=(--dry-run --Werror) mode=check
fi
git ls-files -z '*.h' '*.cc' '*.cpp' '*.c' | xargs -0 "$clang_format" "${format[@]}"
git ls-files -z '*.bzl' '*BUILD' '*.bazel' '*WORKSPACE' |
  xargs -0 "$buildifier" -lint=warn -mode="$mode"
git ls-files -z '*.sh' bazelw .ci/run | xargs -0 -n 1 bash -n
git ls-files -z '*.py' |
  xargs -0 -n 1 python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])'
python3 tools/check_memory_order.py
python3 tools/check_layers.py
python3 tools/snippets.py
# Without visibility, exports_files() exports to every package.
if git ls-files '*BUILD' | xargs python3 -c '
import re, sys
for name in sys.argv[1:]:
    for call in re.findall(r"^exports_files\(.*?\)$", open(name).read(), re.M | re.S):
        if not re.search(r"visibility = \[\s*\"//(?!visibility:public)", call): print(f"{name}: {call}")
' | grep .; then
  echo "lint: files are exported to every package" >&2
  exit 1
fi
if git ls-files --stage | grep '^120000'; then
  echo "lint: git tracks symbolic links" >&2
  exit 1
fi
echo "lint: clean"
