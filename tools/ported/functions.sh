# For scripts that run other projects' tests; to be sourced by bash. Reads $log, a
# file, and $what, the name of the tested project. Sets $bad to 1 after a failure.

bad=0

not_run() {
  tail -n 5 "$log"
  echo "$what: NOT RUN: $*"
  exit 3
}

# Prints COMMAND's result as Bazel does, for .ci/run to count.
check() { # check NAME COMMAND...
  local name=//$what:$1 started=$SECONDS said=PASSED run=(timeout 300)
  shift
  [ "$(type -t "$1")" != function ] || run=()
  "${run[@]}" "$@" >"$log" 2>&1 || said=FAILED bad=1
  [ "$said" = PASSED ] || tail -n 100 "$log"
  printf '%-60s %s in %d s\n' "$name" "$said" $((SECONDS - started))
}

# Makes a folder with pytest for the PYTHONPATH of any Python: Debian's pytest and
# its dependencies are pure Python. Installs pytest and the other packages.
pytest_in() { # pytest_in FOLDER [PACKAGE...]
  local folder=$1 module
  shift
  local packages=(python3-pytest python3-exceptiongroup python3-tomli python3-typing-extensions "$@")
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${packages[@]}")
  dpkg-query -W "${packages[@]}" >/dev/null 2>&1 ||
    { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$log" 2>&1 || not_run "no ${packages[*]}"
  rm -rf "$folder"
  mkdir -p "$folder"
  for module in pytest _pytest pluggy iniconfig packaging attr attrs exceptiongroup tomli typing_extensions.py py py.py \
    more_itertools; do
    [ ! -e "/usr/lib/python3/dist-packages/$module" ] || ln -s "/usr/lib/python3/dist-packages/$module" "$folder/"
  done
}
