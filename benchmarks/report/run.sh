#!/usr/bin/env bash
#
# Runs report.py with a python3 that has matplotlib. --measure_only does not need
# matplotlib.

set -euo pipefail

has_matplotlib() { "$1" -c 'import matplotlib' 2>/dev/null; }

case " $*" in
  *" --measure_only"*) exec python3 benchmarks/report/report.py "$@" ;;
esac

python=
for candidate in python3 /usr/bin/python3; do
  if has_matplotlib "$candidate"; then python=$candidate; fi
done
if [ -z "$python" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "report: installing python3-matplotlib" >&2
  log=$(mktemp)
  install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends python3-matplotlib)
  "${install[@]}" >"$log" 2>&1 || { apt-get -qq update && "${install[@]}"; } >"$log" 2>&1 || tail -n 3 "$log" >&2
  rm "$log"
  if has_matplotlib /usr/bin/python3; then python=/usr/bin/python3; fi
fi
if [ -z "$python" ]; then
  echo "report: no python3 that has matplotlib (Debian: apt-get install python3-matplotlib)" >&2
  exit 2
fi
exec "$python" benchmarks/report/report.py "$@"
