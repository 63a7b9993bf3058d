#!/usr/bin/env bash
#
# Checks that ./bazelw fetches the dependencies from Debian's source packages with
# every configuration that apt itself accepts, not only with this machine's. Ends
# with status 3, and checks nothing, if that fails with this machine's configuration
# too.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
log=$folder/log

not_run() {
  echo "apt: NOT RUN: $*"
  exit 3
}

# bazelw in its own folder, with a Bazel that does nothing, so that it does not
# change the files here.
mkdir -p "$folder/bin" "$folder/third_party" "$folder/etc/sources.list.d" "$folder/no_sources"
cp bazelw "$folder"
cp -r third_party/pybind11 third_party/python "$folder/third_party"
printf '#!/bin/sh\n' >"$folder/bin/bazel"
chmod +x "$folder/bin/bazel"

brings() { # brings [VARIABLE=VALUE...]
  rm -rf "$folder/cache"
  env PATH="$folder/bin:$PATH" MULTISLOT_DEPS=debian MULTISLOT_CACHE="$folder/cache" "$@" \
    "$folder/bazelw" >"$log" 2>&1
}

command -v apt-get >/dev/null || not_run "no apt-get"
brings || not_run "with this machine's own configuration: $(tail -n 1 "$log")"
archive=$(debian_archive || true)
[ -n "$archive" ] || not_run "no Debian archive in apt's configuration"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || not_run "no $keyring"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# Debian's archive is there without and with Signed-By; another has no sources,
# one cannot be reached, and some entries are switched off.
touch "$folder/no_sources/Packages"
cat >"$folder/etc/sources.list" <<LIST
# deb [signed-by=/nowhere.gpg] $archive $suite main
deb $archive $suite main # without Signed-By
  deb [arch=$(dpkg --print-architecture)] $archive $suite-updates main
deb cdrom:[A disc that is not in the drive]/ $suite main
LIST
cat >"$folder/etc/sources.list.d/debian.sources" <<SOURCES
# With Signed-By.
types: deb deb-src
URIs: $archive
Suites: $suite $suite-updates
Components: main
Signed-By: $keyring

Enabled: no
Types: deb
URIs: $archive
Suites: $suite
Components: main
Signed-By: /nowhere.gpg
SOURCES
cat >"$folder/etc/sources.list.d/other.list" <<LIST
deb-src [signed-by=$keyring] $archive $suite main
deb [trusted=yes] file:$folder/no_sources ./
LIST
echo "deb $archive $suite main" >"$folder/etc/sources.list.d/apt ignores this name.list"
echo "deb $archive $suite main" >"$folder/etc/sources.list.d/switched_off.list.disabled"
cat >"$folder/apt.conf" <<CONF
Dir::Etc::SourceList "$folder/etc/sources.list";
Dir::Etc::SourceParts "$folder/etc/sources.list.d";
CONF

if ! APT_CONFIG=$folder/apt.conf apt-get -qq indextargets >"$log" 2>&1; then
  cat "$log"
  echo "apt: FAILED: apt itself does not accept the test's configuration"
  exit 1
fi
if ! brings APT_CONFIG="$folder/apt.conf"; then
  cat "$log"
  echo "apt: FAILED: bazelw fails with a configuration that apt accepts"
  exit 1
fi
echo "apt: bazelw fetches the dependencies with entries that differ in Signed-By"
