#!/usr/bin/env bash
#
# For Bazel's --run_under: runs a test, and fails if ThreadSanitizer reports
# something of ours there.
#
#   tools/only_our_reports.sh TEST [ARGUMENT...]
#
# A data race is ours if multislot or c10 is on either thread's stack, or if what
# reads or writes is a function of a test or an example; not if that only has
# CPython do it, in its own library. A report of another kind is ours if any
# function in it is.

set -uo pipefail

reports=$(mktemp -d "${TEST_TMPDIR:-/tmp}/reports.XXXXXX")
export TSAN_OPTIONS=${TSAN_OPTIONS:-}:exitcode=0:halt_on_error=0:log_path=$reports/of
"$@"
status=$?

# A report is between two lines of equals signs. Bazel compiles in the workspace,
# or in a folder below execroot, so that our files' names are relative to it.
find "$reports" -type f -exec cat {} + | awk '
  BEGIN {
    start = "( |/proc/self/cwd/|/execroot/[^/ ]+/)(\\./)?(bazel-out/[^ ]+/bin/)?"
    library = start "(c10|multislot)/[^ ]+:[0-9]"
    any_of_ours = start "(c10|multislot|tests|examples)/[^ ]+:[0-9]"
  }
  function end_of_report() {
    if (has_ours) { printf "%s", report; count++ }
    if (report != "") all++
    report = ""
    has_ours = 0
  }
  /^=+$/ { end_of_report(); next }
  { report = report $0 "\n" }
  /^WARNING: / { is_race = /: data race / }
  # The first function that is ours or of CPython, in a stack, decides.
  /^  [A-Z]/ { is_access = / of size [0-9]+ at /; decided = 0 }
  /^ *#[0-9]+ / {
    if (!is_race) { if ($0 ~ any_of_ours) has_ours = 1 }
    else if (is_access) {
      if ($0 ~ library || (!decided && $0 ~ any_of_ours)) has_ours = 1
      if ($0 ~ any_of_ours || /\(libpython|\/lib-dynload\/|\.cpython-/) decided = 1
    }
  }
  END {
    end_of_report()
    printf "%d of %d reports of ThreadSanitizer are of ours\n", count, all
    exit count > 0
  }
' >&2 || status=66
exit "$status"
