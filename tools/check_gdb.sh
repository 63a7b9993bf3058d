#!/usr/bin/env bash
#
# Checks how gdb prints caches with tools/gdb/multislot.py.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v gdb >/dev/null || {
  echo "gdb: gdb is missing (Debian: apt-get install gdb)" >&2
  exit 1
}
./bazelw build --strip=never --color=no --curses=no --noshow_progress //tests/gdb:caches || exit 1

# Without auto-load: some machines have printers for PyObject*, which would change
# the output.
output=$(gdb --batch --nx -iex "set auto-load off" -ex "source tools/gdb/multislot.py" -ex "set print pretty off" \
  -ex "break Stop" -ex run -ex up \
  -ex "print empty" -ex "print cache" -ex "print single" -ex "print single_bare" -ex "print of_bare" \
  -ex "print/x (long)&bare" -ex "print empty_handle_cache" -ex "print handle_cache" \
  -ex "print/x (long)list" -ex "print empty_table" -ex "print table" -ex "print table_cache" \
  -ex "print/x (long)value" -ex "print values" bazel-bin/tests/gdb/caches 2>&1)
bare=$(sed -n 's/^\$6 = //p' <<<"$output")
list=$(sed -n 's/^\$9 = //p' <<<"$output")
value=$(sed -n 's/^\$13 = //p' <<<"$output")
bad=0
expect() { # expect LINE
  grep -qxF "$1" <<<"$output" && return
  echo "does not print: $1"
  bad=1
}
expect '$1 = FixedSlots: 0 of 8 slots filled'
expect '$2 = FixedSlots: 3 of 128 slots filled = {[home 0] = 0x1000, [home 1, retired] = 0x1001, [home 69] = 0x1045}'
expect '$3 = SingleSlot: 1 of 1 slots filled = {[home 2] = 0x2000}'
expect "\$4 = SingleSlot: 1 of 1 slots filled = {[interpreter at $bare] = 0x3000}"
expect "\$5 = FixedSlots: 1 of 2 slots filled = {[interpreter at $bare] = 0x4000}"
expect '$7 = FixedSlots: 0 of 4 slots filled'
expect "\$8 = FixedSlots: 1 of 4 slots filled = {[home 70] = $list}"
expect '$10 = SideTable: index 0, 0 slots filled'
expect '$11 = SideTable: index 1, 2 slots filled = {[home 0] = 0x5000, [home 69] = 0x5045}'
expect "\$12 = SideTable: index 3, 1 slots filled = {[home 70] = $list}"
expect "\$14 = SideTable: index 4, 1 slots filled = {[home 70] = $value}"
if [ "$bad" -eq 0 ]; then
  echo "gdb: prints caches as it should"
else
  echo "$output"
fi
exit "$bad"
