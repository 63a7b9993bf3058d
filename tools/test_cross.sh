#!/usr/bin/env bash
#
# Builds and tests the core, which knows no Python, with other compilers: for
# aarch64, 32-bit ARM and s390x, which is big-endian, where the tests run in
# qemu-user; for Windows, where they run in Wine; and with the g++ 9 and clang 11 of
# Debian 11. What is missing comes with apt-get.
#
#   tools/test_cross.sh [aarch64|arm|s390x|windows|gcc9|clang11]...   default: all

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

# What is tested on every platform.
core=(
  //c10 //multislot
  //tests/c10/... //tests/multislot/...
  //tests/conformance:{default,side_table}_test
  //tests/linking:{named_policies,one_default}_test
  //tests/portability:cxx17{,_no_exceptions}_test
)

# Bazel takes the tools of these names from the PATH, and has gcc look for its own
# in the folder that it is in.
link_tools() { # link_tools TRIPLE FOLDER
  local tool
  rm -rf "$2"
  mkdir -p "$2"
  for tool in $(compgen -c "$1-" | sort -u); do
    ln -s "$(command -v "$tool")" "$2/${tool#"$1-"}"
  done
}

cross() { # cross ARCHITECTURE TRIPLE MACHINE
  local architecture=$1 triple=$2 machine=$3 tools=$cache/$1
  # A program in qemu-user cannot start another one for the same machine, as
  # "threadsafe" death tests do; the first two tests have no other way. The others
  # fork a hundred times, or have 200 GB of address space: a fork in qemu-user then
  # takes a second. fork_test forks there.
  local without=("*.ANullInterpreter" "*.AHitWritesNothing"
    "*.AForkWithManySparseTables" "*.AForkInTheMiddleOfFills" "*.AForkWhileTablesGrow")
  apt_install "$triple-g++" "g++-$triple"
  apt_install "qemu-$architecture" qemu-user
  link_tools "$triple" "$tools"
  bazel_test --platform_suffix="$architecture" \
    --repo_env=CC="$tools/gcc" --repo_env=PATH="$tools:$PATH" \
    --run_under="qemu-$architecture -L /usr/$triple" \
    --test_env=GTEST_FILTER="-$(IFS=: && echo "${without[*]}")" \
    --copt=-Wno-psabi --test_timeout=300 \
    "${core[@]}" //tests/shared_objects/...
  "$tools/readelf" --file-header "$cache/link-bin/tests/conformance/default_test" |
    grep "Machine: *$machine$" || fail "$architecture: not built for $machine"
}

windows() {
  local triple=x86_64-w64-mingw32 tools=$cache/windows
  local wine=/usr/lib/wine/wine64 wineserver=/usr/lib/wine/wineserver64
  apt_install "$triple-g++-posix" g++-mingw-w64-x86-64-posix
  apt_install "$wine" wine64
  link_tools "$triple" "$tools"
  # Told to link NAME, gcc links NAME.exe; Bazel waits for NAME.
  rm -f "$tools/gcc"
  cat >"$tools/gcc" <<'E'
#!/bin/bash
x86_64-w64-mingw32-gcc-posix "$@" || exit
arguments=("$@")
case ${!#} in @*) mapfile -t arguments <"${!##@}" ;; esac
for argument in "${arguments[@]}"; do
  [ "${before:-}" != -o ] || [ ! -e "$argument.exe" ] || mv "$argument.exe" "$argument"
  before=$argument
done
E
  chmod +x "$tools/gcc"
  # The server is for all programs in Wine's folder. Were it started by a test, it
  # would end with that.
  local -x WINEPREFIX=$cache/wine WINEDEBUG=-all
  mkdir -p "$WINEPREFIX"
  "$wineserver" --persistent=3600
  "$wine" wineboot >"$log" 2>&1 || fail "wineboot: $(tail -n 1 "$log")"
  # There is no fork(): the suite skips AForkInTheMiddleOfFills, side_table_test is
  # without AForkWithManySparseTables and AForkWhileTablesGrow, and fork_test is left
  # out. So is //tests/shared_objects, which is about ELF. XML_OUTPUT_FILE names no
  # drive, so GoogleTest would look for it in the current folder.
  bazel_test --platform_suffix=windows \
    --repo_env=CC="$tools/gcc" --repo_env=PATH="$tools:$PATH" \
    --features=-supports_dynamic_linker --linkopt=-static --linkopt=-fstack-protector \
    --run_under="env --unset=XML_OUTPUT_FILE $wine" --test_env=WINEPREFIX --test_env=WINEDEBUG \
    --strategy=TestRunner=local --test_timeout=300 \
    -- "${core[@]}" -//tests/multislot:fork_test
  "$wineserver" --kill
  "$tools/objdump" --file-headers "$cache/link-bin/tests/conformance/default_test" |
    grep "pei-x86-64" || fail "windows: not built for Windows"
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
    //c10 //multislot //tests/c10/... //tests/multislot/... //tests/conformance:{default,side_table}_test \
    //tests/portability:cxx17_test //tests/portability:cxx17_no_exceptions_test
  readelf --string-dump=.comment "$cache/link-bin/tests/portability/cxx17_test" |
    grep -F "$stamp" || fail "$name: not built by it"
}

[ $# -gt 0 ] || set -- aarch64 arm s390x windows gcc9 clang11
for what; do
  echo "cross: $what"
  case $what in
    aarch64) cross aarch64 aarch64-linux-gnu AArch64 ;;
    arm) cross arm arm-linux-gnueabihf ARM ;;
    s390x) cross s390x s390x-linux-gnu "IBM S/390" ;;
    windows) windows ;;
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
