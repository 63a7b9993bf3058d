#!/bin/sh
# Prints a line for every CPython on this machine that can be embedded, 3.9 or
# newer: one that has its headers and a shared libpython. The fields, between
# tabs, are
#
#   name  version  executable  folder of Python.h  folder of libpython  library
#
# with names like py311 and py313t (t: free-threaded). Of several with the same
# name the first counts, in this order: those that MULTISLOT_PYTHON names
# (executables, between colons), PATH, the usual folders, pyenv's.
set -u

probe='
import os, sys, sysconfig
v = sysconfig.get_config_var
include, libdir = sysconfig.get_path("include"), v("LIBDIR") or ""
library = v("LDLIBRARY") or ""
if (sys.implementation.name == "cpython" and sys.version_info >= (3, 9)
        and v("Py_ENABLE_SHARED")
        and os.path.exists(os.path.join(include, "Python.h"))
        and os.path.exists(os.path.join(libdir, library))):
    name = "py%d%d" % sys.version_info[:2]
    name += "t" if v("Py_GIL_DISABLED") else ""
    name += "d" if v("Py_DEBUG") else ""
    print("\t".join([name, "%d.%d.%d" % sys.version_info[:3],
                     sys.executable, include, libdir,
                     library.split(".so")[0].split(".dylib")[0][3:]]))
'

candidates() {
  printf '%s' "${MULTISLOT_PYTHON:-}" | tr ':' '\n'
  echo
  IFS=:
  for folder in $PATH /usr/bin /usr/local/bin; do
    for python in "$folder"/python3 "$folder"/python3.[0-9] \
      "$folder"/python3.[0-9][0-9] "$folder"/python3.[0-9][0-9]t; do
      echo "$python"
    done
  done
  unset IFS
  for python in "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/*/bin/python3; do
    echo "$python"
  done
}

candidates | while IFS= read -r python; do
  [ -x "$python" ] || continue
  found=$("$python" -I -c "$probe" 2>/dev/null </dev/null)
  [ -n "$found" ] || continue
  echo "$found"
  [ "${1:-}" != --any ] || break
done | awk -F '\t' '!seen[$1]++'
