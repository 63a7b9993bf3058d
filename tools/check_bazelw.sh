#!/usr/bin/env bash
#
# Checks how ./bazelw installs what a machine lacks: it names every package first,
# and with MULTISLOT_INSTALL=no it installs none and prints the command. The test
# uses a PATH without Bazel, compiler and Python, and a fake apt-get and dpkg-query.
# Then it asks this machine's apt-get, if there is one, as if nothing were installed.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
log=$folder/log
mkdir -p "$folder/tools" "$folder/bin" "$folder/third_party/python" "$folder/third_party/pybind11"
cp bazelw "$folder"
touch "$folder/third_party/pybind11/pybind11.BUILD"

fail() {
  cat "$log"
  echo "bazelw: FAILED: $*"
  exit 1
}

for tool in bash cat chmod cut dirname env flock grep id mkdir readlink rm sed sha256sum tail touch tr; do
  ln -s "$(command -v "$tool")" "$folder/tools/$tool"
done
printf '#!/bin/sh\n[ ! -e %q/installed ] || echo py3\n' "$folder" >"$folder/third_party/python/find_pythons.sh"
chmod +x "$folder/third_party/python/find_pythons.sh"

# A file lists the installed packages. Each package depends on one with a similar
# name, which apt-get reports only with fresh lists. It notes packages that are
# installed before they were named in the log.
cat >"$folder/bin/dpkg-query" <<FAKE
#!/bin/bash
[ "\$1" = -W ] && grep -qxF "\${*: -1}" '$folder/installed' 2>/dev/null && echo -n installed
FAKE
cat >"$folder/bin/apt-get" <<FAKE
#!/bin/bash
packages=() command= simulate=
while [ \$# -gt 0 ]; do
  case \$1 in
    -o) shift ;;
    --simulate) simulate=yes ;;
    -*) ;;
    *) if [ -z "\$command" ]; then command=\$1; else packages+=("\$1" "needed-by-\$1"); fi ;;
  esac
  shift
done
case \$command in
  update) touch '$folder/lists' ;;
  install)
    [ -e '$folder/lists' ] || exit 100
    for package in "\${packages[@]}"; do
      if [ -n "\$simulate" ]; then
        echo "Inst \$package (1.0 Debian:12 [all])"
      else
        grep -qF " \$package " '$log' || echo "\$package" >>'$folder/unannounced'
        echo "\$package" >>'$folder/installed'
      fi
    done
    [ -n "\$simulate" ] || { printf '#!/bin/bash\necho "bazel ran: \$*"\n' >'$folder/bin/bazel' && chmod +x '$folder/bin/bazel'; }
    ;;
  *) exit 100 ;;
esac
FAKE
printf '#!/bin/sh\necho "list=/none parts=/none"\n' >"$folder/bin/apt-config"
chmod +x "$folder/bin"/*

new_machine() {
  rm -rf "$folder"/{cache,installed,lists,unannounced,bin/bazel}
}
run() { # run [VARIABLE=VALUE...]
  env -u CXX -u MULTISLOT_INSTALL PATH="$folder/bin:$folder/tools" MULTISLOT_DEPS=auto \
    MULTISLOT_CACHE="$folder/cache" "$@" "$folder/bazelw" some arguments >"$log" 2>&1
}
says() { # says TEXT
  grep -qF -- "$1" "$log" || fail "does not say '$1'"
}

all=(bazel-bootstrap g++ python3-dev bazel-platforms bazel-rules-cc bazel-rules-java bazel-skylib dpkg-dev)
command="apt-get install --yes --no-install-recommends ${all[*]}"

new_machine
touch "$folder/lists"
! run MULTISLOT_INSTALL=no || fail "MULTISLOT_INSTALL=no: goes on"
[ ! -e "$folder/installed" ] || fail "MULTISLOT_INSTALL=no: installs"
for package in "${all[@]}"; do says " $package needed-by-$package "; done
says "to install it, as root: $command"
# Running the printed command must suffice.
PATH="$folder/bin:$folder/tools" bash -c "$(sed -n 's/.*to install it, as root: //p' "$log")" ||
  fail "the command that it prints fails"
run MULTISLOT_INSTALL=no MULTISLOT_DEPS=upstream || fail "MULTISLOT_INSTALL=no: stops where nothing is missing"
says "bazel ran: some arguments"

new_machine
! run MULTISLOT_INSTALL=no || fail "MULTISLOT_INSTALL=no, without lists: goes on"
[ ! -e "$folder/installed" ] && [ ! -e "$folder/lists" ] || fail "MULTISLOT_INSTALL=no, without lists: installs"
says "packages to install: ${all[*]}, "
says "to install it, as root: apt-get update && $command"

! run MULTISLOT_INSTALL=maybe || fail "MULTISLOT_INSTALL=maybe: goes on"
says "it can be yes or no"

# Unattended: as root, with the lists that are missing at first.
if [ "$(id -u)" = 0 ]; then
  new_machine
  run MULTISLOT_DEPS=upstream || fail "does not install what is missing"
  says "bazel ran: some arguments"
  [ ! -e "$folder/unannounced" ] || fail "does not name, before it installs it: $(tr '\n' ' ' <"$folder/unannounced")"
  # Next it would fetch sources, which tools/check_apt.sh tests.
  new_machine
  run || says "fetching "
  for package in "${all[@]}"; do
    grep -qxF "$package" "$folder/installed" || fail "does not install $package"
  done
fi
echo "bazelw: names what it installs, and with MULTISLOT_INSTALL=no installs nothing"

# The real apt-get's list, as far as this machine has package lists.
command -v apt-get >/dev/null && apt-get --simulate install python3-dev >"$log" 2>&1 || {
  echo "bazelw: NOT RUN: with this machine's apt-get"
  exit 3
}
new_machine
mkdir "$folder/nothing_installed"
echo 'Dir::State::Status "/dev/null";' >"$folder/apt.conf"
for tool in apt-get dpkg-query; do ln -sf "$(command -v "$tool")" "$folder/bin/$tool"; done
! run MULTISLOT_INSTALL=no APT_CONFIG="$folder/apt.conf" DPKG_ADMINDIR="$folder/nothing_installed" ||
  fail "MULTISLOT_INSTALL=no, with this machine's apt-get: goes on"
for package in "${all[@]}" libpython3-dev libc6-dev; do
  grep -qE "packages to install: (.* )?$(sed 's/+/\\+/g' <<<"$package") " "$log" || fail "does not name $package"
done
says "to install it, as root: $command"
echo "bazelw: names what this machine's apt-get would install"
