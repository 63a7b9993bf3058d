#!/usr/bin/env bash
#
# Prints the path of a Cython that supports sub-interpreters (3.1 or newer), for
# MULTISLOT_CYTHON. Fetches it from Debian sid first if need be: Debian 12's is too
# old. It runs from its sources, with this machine's python3.
#
#   tools/fetch_cython.sh [FOLDER]     default: ~/.cache/multislot/cython

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh
. tools/debian_source.sh

cache=${1:-${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/cython}
mkdir -p "$cache" && cache=$(cd "$cache" && pwd) || exit 1
debian_source sid cython "$cache/source" >&2 || exit 1
python=$(python3 -c 'import sys; print(sys.executable)')
cat >"$cache/cython" <<CYTHON
#!/bin/sh
exec "$python" "$cache/source/cython.py" "\$@"
CYTHON
chmod +x "$cache/cython"
"$cache/cython" --version >&2 && echo "$cache/cython"
