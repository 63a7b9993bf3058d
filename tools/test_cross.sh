#!/usr/bin/env bash
#
# Builds and tests the core, which knows no Python, with other compilers: for
# aarch64 and for 32-bit ARM, where the tests run in qemu-user, and with the g++ 9
# and clang 11 of Debian 11. What is missing comes with apt-get.
#
#   tools/test_cross.sh [aarch64|arm|gcc9|clang11]...      default: all

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh

cache=${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/cross
log=$(mktemp)
bad=0

# An output folder of its own, since another compiler has Bazel look at the
# machine anew and forget what it knew. Links to it in the workspace would be
# followed by the ordinary Bazel's //...
bazelw=(./bazelw "--output_user_root=$cache/bazel")
trap '"${bazelw[@]}" shutdown; rm -f "$log"' EXIT

fail() {
  echo "cross: FAILED: $*"
  bad=1
}

apt_install() { # apt_install COMMAND PACKAGE
  command -v "$1" >/dev/null && return
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$2")
  { "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >"$log" 2>&1 ||
    fail "apt-get install $2: $(tail -n 1 "$log")"
}

bazel_test() { # bazel_test BAZEL-ARGUMENT...
  "${bazelw[@]}" test --color=no --curses=no --noshow_progress --keep_going \
    --nocache_test_results --symlink_prefix="$cache/link-" "$@" || fail "test $*"
}

cross() { # cross ARCHITECTURE TRIPLE MACHINE
  local architecture=$1 triple=$2 machine=$3 tools=$cache/$1 tool
  apt_install "$triple-g++" "g++-$triple"
  apt_install "qemu-$architecture" qemu-user
  # Bazel takes the tools of these names from the PATH, and has gcc look for its
  # own in the folder that it is in.
  rm -rf "$tools"
  mkdir -p "$tools"
  for tool in $(compgen -c "$triple-" | sort -u); do
    ln -s "$(command -v "$tool")" "$tools/${tool#"$triple-"}"
  done
  # In their own order: the suite's fork test fills caches by the hundred thousand,
  # and after it the tables of some hundred interpreters are too large for 32 bits.
  # A program in qemu-user cannot start another one for the same machine, as
  # "threadsafe" death tests do; two tests have no other way. A third has 200 GB
  # of address space, for which each fork in qemu-user then takes a second.
  local subject suite=()
  for subject in default single fixed_3_bare side_table; do
    suite+=("//tests/conformance:${subject}_test")
  done
  bazel_test --platform_suffix="$architecture" \
    --repo_env=CC="$tools/gcc" --repo_env=PATH="$tools:$PATH" \
    --run_under="qemu-$architecture -L /usr/$triple" \
    --test_env=GTEST_FILTER=-*.ANullInterpreter:*.AHitWritesNothing:*.AForkWithManySparseTables \
    --copt=-Wno-psabi --test_timeout=300 --test_env=GTEST_SHUFFLE=0 \
    //c10 //multislot //tests/portability:cxx17_test //tests/portability:cxx17_no_exceptions_test \
    //tests/c10/... //tests/multislot/... //tests/shared_objects/... \
    //tests/linking:named_policies_test //tests/linking:one_default_test \
    "${suite[@]}"
  "$tools/readelf" --file-header "$cache/link-bin/tests/conformance/default_test" |
    grep "Machine: *$machine$" || fail "$architecture: not built for $machine"
}

# Fetches packages of Debian 11, and unpacks them where they disturb nobody.
fetch_old() { # fetch_old FOLDER
  [ ! -d "$1" ] || return 0
  local part=$1.part
  rm -rf "$part"
  mkdir -p "$part/entries" "$part/lists/partial" "$part/debs"
  echo "deb $(debian_archive) bullseye main" >"$part/entries/bullseye.list"
  local apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$part/entries"
    -o "Dir::State::Lists=$part/lists" -o Dir::State::Status=/dev/null -o "Dir::Cache=$part" -o APT::Sandbox::User=root)
  "${apt[@]}" update &&
    (cd "$part/debs" && "${apt[@]}" download g++-9 gcc-9 cpp-9 libgcc-9-dev libstdc++-9-dev libstdc++6 \
      clang-11 libclang-common-11-dev libclang-cpp11 libllvm11 libffi7 libz3-4 libedit2 libbsd0 libmd0) &&
    find "$part/debs" -name '*.deb' -exec dpkg-deb --extract {} "$part" \; &&
    rm -rf "$part"/{debs,lists,entries} && mv "$part" "$1"
}

# C++17 is what these can; the newer dialects the ordinary compilers test.
old() { # old NAME STAMP COMMAND...
  local name=$1 stamp=$2 folder=$cache/debian11
  if ! fetch_old "$folder" >"$log" 2>&1; then
    fail "no compilers of Debian 11: $(tail -n 1 "$log")"
    return
  fi
  mkdir -p "$cache/$name"
  printf '#!/bin/sh\nexec %s "$@"\n' "${*:3}" >"$cache/$name/$name"
  chmod +x "$cache/$name/$name"
  bazel_test --platform_suffix="$name" --repo_env=CC="$cache/$name/$name" \
    //c10 //multislot //tests/c10/... //tests/multislot/... //tests/conformance:default_test \
    //tests/conformance:side_table_test \
    //tests/portability:cxx17_test //tests/portability:cxx17_no_exceptions_test
  readelf --string-dump=.comment "$cache/link-bin/tests/portability/cxx17_test" |
    grep -F "$stamp" || fail "$name: not built by it"
}

[ $# -gt 0 ] || set -- aarch64 arm gcc9 clang11
for what; do
  echo "cross: $what"
  case $what in
    aarch64) cross aarch64 aarch64-linux-gnu AArch64 ;;
    arm) cross arm arm-linux-gnueabihf ARM ;;
    gcc9) old gcc9 "GCC: (Debian 9." "$cache/debian11/usr/bin/gcc-9" ;;
    clang11)
      old clang11 "clang version 11." env \
        LD_LIBRARY_PATH="$cache/debian11/usr/lib/x86_64-linux-gnu:$cache/debian11/usr/lib/llvm-11/lib" \
        "$cache/debian11/usr/lib/llvm-11/bin/clang" --gcc-toolchain="$cache/debian11/usr"
      ;;
    *) fail "what is '$what'?" ;;
  esac
done
exit "$bad"
