#!/usr/bin/env bash
#
# Builds and tests the core, which knows no Python, with other compilers: for
# aarch64 and for 32-bit ARM, where the tests run in qemu-user, and with the
# oldest g++ and clang that Debian 12 has. What is missing comes with apt-get.
#
#   tools/test_cross.sh [aarch64|arm|gcc11|clang13]...      default: all

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

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

portability=(//c10 //multislot //tests/portability/...)

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
  # A program in qemu-user cannot start another one for the same machine, as
  # "threadsafe" death tests do; these two have no other way.
  local subject suite=()
  for subject in default single fixed_1 fixed_3_bare fixed_64 fixed_64_bare; do
    suite+=("//tests/conformance:${subject}_test")
  done
  bazel_test --platform_suffix="$architecture" \
    --repo_env=CC="$tools/gcc" --repo_env=PATH="$tools:$PATH" \
    --run_under="qemu-$architecture -L /usr/$triple" \
    --test_env=GTEST_FILTER=-*.ANullInterpreter:*.AHitWritesNothing \
    --test_timeout=300 \
    "${portability[@]}" //tests/c10/... //tests/multislot/... //tests/linking/... \
    "${suite[@]}"
  "$tools/readelf" --file-header "$cache/link-bin/tests/conformance/default_test" |
    grep "Machine: *$machine$" || fail "$architecture: not built for $machine"
}

native() { # native CC PACKAGE STAMP
  apt_install "$1" "$2"
  bazel_test --platform_suffix="$1" --repo_env=CC="$1" --action_env=CC="$1" "${portability[@]}"
  readelf --string-dump=.comment "$cache/link-bin/tests/portability/cxx17_test" |
    grep -F "$3" || fail "$1: not built by it"
}

[ $# -gt 0 ] || set -- aarch64 arm gcc11 clang13
for what; do
  echo "cross: $what"
  case $what in
    aarch64) cross aarch64 aarch64-linux-gnu AArch64 ;;
    arm) cross arm arm-linux-gnueabihf ARM ;;
    gcc11) native gcc-11 g++-11 "GCC: (Debian 11." ;;
    clang13) native clang-13 clang-13 "clang version 13." ;;
    *) fail "what is '$what'?" ;;
  esac
done
exit "$bad"
