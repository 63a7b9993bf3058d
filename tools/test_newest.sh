#!/usr/bin/env bash
#
# Builds and tests the committed sources in a Debian sid that it sets up: with a
# newer Bazel (with WORKSPACE and with bzlmod), g++, clang, CPython (3.14 and 3.15),
# Abseil, GoogleTest and pybind11. Also runs the litmus tests with herd7.
#
#   tools/test_newest.sh [FOLDER]      the folder of Debian sid;
#                                      default ~/.cache/multislot/sid
#   tools/test_newest.sh --measure FILE [FOLDER]
#                                      runs only the adapter's benchmarks, and
#                                      writes their results to FILE:
#                                      docs/benchmarks/newest.json
#
# Needs root, debootstrap and chroot. Ends with status 3 if it cannot set up sid;
# then nothing was tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/debian_archive.sh

measure=
if [ "${1:-}" = --measure ]; then
  measure=$2
  shift 2
fi
root=${1:-${MULTISLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/multislot}/sid}
log=$(mktemp)
trap 'umount "$root/proc" 2>/dev/null; rm -f "$log"' EXIT

not_run() {
  tail -n 5 "$log"
  echo "newest: NOT RUN: $*"
  exit 3
}

# --- Debian sid --------------------------------------------------------------

[ "$(id -u)" = 0 ] || not_run "not root"
if [ ! -e "$root/ready" ]; then
  archive=$(debian_archive)
  [ -n "$archive" ] || not_run "no Debian archive in apt's configuration"
  command -v debootstrap >/dev/null ||
    apt-get -qq install --yes --no-install-recommends debootstrap >"$log" 2>&1 ||
    not_run "no debootstrap"
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase sid "$root" "$archive" >"$log" 2>&1 || not_run "debootstrap"
fi
mount -t proc proc "$root/proc" 2>"$log" || not_run "no /proc"

cat >"$root/setup.sh" <<'SETUP'
set -e
export DEBIAN_FRONTEND=noninteractive
# A copy of the archive may be of a certain day.
apt="apt-get -qq -o Acquire::Check-Valid-Until=false"
$apt update
$apt install --yes --no-install-recommends bazel-bootstrap g++ clang git \
  python3-dev python3.14-dev python3.15-dev pybind11-dev dpkg-dev cython3 herdtools7

rm -rf /deps
mkdir -p /deps/apt/lists/partial /deps/apt/entries
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/deps/apt/entries/sid.list
sources="$apt -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/deps/apt/entries
  -o Dir::State::Lists=/deps/apt/lists -o APT::Sandbox::User=root"
$sources update
cd /deps/apt
for pair in com_google_absl=abseil com_google_googletest=googletest com_github_google_benchmark=benchmark; do
  $sources source --download-only "${pair#*=}"
  mkdir "/deps/${pair%=*}"
  tar -xzf "${pair#*=}"_*.orig.tar.gz -C "/deps/${pair%=*}" --strip-components=1
done

# Debian's rules_cc is older than its Abseil.
cp -r /usr/share/bazel/rules/cc /deps/rules_cc
cat >>/deps/rules_cc/cc/compiler/BUILD <<'BUILD'

config_setting(
    name = "emscripten",
    flag_values = {"@bazel_tools//tools/cpp:compiler": "emscripten"},
)
BUILD
mkdir -p /deps/pybind11/include
ln -s /usr/include/pybind11 /deps/pybind11/include/pybind11
echo 'workspace(name = "pybind11")' >/deps/pybind11/WORKSPACE
touch /ready
SETUP
[ -e "$root/ready" ] || chroot "$root" bash /setup.sh >"$log" 2>&1 || not_run "setup"
# Also where sid was set up before these were needed.
[ -e "$root/usr/bin/cython3" ] && [ -e "$root/usr/bin/herd7" ] ||
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    cython3 herdtools7 >"$log" 2>&1 || not_run "cython3 and herdtools7"

# --- What is committed, in it ------------------------------------------------

rm -rf "$root/multislot"
mkdir "$root/multislot"
git archive HEAD | tar -x -C "$root/multislot"
cp third_party/pybind11/pybind11.BUILD "$root/deps/pybind11/BUILD"
# What earlier runs compiled with these compilers.
echo "build --disk_cache=/compiled" >"$root/multislot/.bazelrc.user"
[ ! -d "$root/compiled" ] || find "$root/compiled" -type f -mtime +3 -delete

cat >"$root/test.sh" <<'TEST'
export HOME=/root
unset MULTISLOT_CYTHON MULTISLOT_PYTHON  # those are outside; sid has its own
cd /multislot
bad=0
try() { # try WHAT COMMAND...
  local what=$1 started=$SECONDS
  echo "newest: $what"
  shift
  "$@" || { echo "newest: FAILED: $*"; bad=1; }
  echo "newest: $what: $((SECONDS - started)) s"
}
must_fail() { # must_fail TEXT COMMAND...
  local text=$1 log
  shift
  echo "newest: $*, which has to fail"
  if log=$("$@" 2>&1) || ! grep -qF "$text" <<<"$log"; then
    printf '%s\n' "$log"
    echo "newest: FAILED: it does not fail with '$text': $*"
    bad=1
  fi
}
bazel_test="bazel test --color=no --curses=no --noshow_progress --keep_going --config=quick --nocache_test_results
  --copt=-Wno-error=deprecated-declarations"  # what newer dependencies deprecate

# What Bazel 8 and 9 made the default or removed. These are missing, because code
# that is not ours still needs it: --incompatible_autoload_externally (Debian's rules_cc takes
# the native C++ rules, bazel_tools the shell rules),
# --incompatible_stop_exporting_language_modules,
# --incompatible_no_rule_outputs_param (both bazel_tools), and
# --noincompatible_enable_deprecated_label_apis (the C++ toolchain, rules_license).
strict="--incompatible_check_visibility_for_toolchains
  --incompatible_config_setting_private_default_visibility
  --incompatible_disable_starlark_host_transitions
  --incompatible_disable_target_provider_fields
  --incompatible_disallow_empty_glob
  --incompatible_disallow_struct_provider_syntax
  --incompatible_no_implicit_file_export
  --incompatible_python_disallow_native_rules
  --incompatible_strict_action_env
  --incompatible_struct_has_no_methods
  --incompatible_top_level_aspects_require_providers
  --nolegacy_external_runfiles"

workspace="--noenable_bzlmod --enable_workspace"
for pair in bazel_features=/usr/share/bazel/tools/features bazel_skylib=/usr/share/bazel/tools/skylib \
  platforms=/usr/share/bazel/tools/platforms rules_cc=/deps/rules_cc \
  rules_java=/usr/share/bazel/rules/java rules_python=/usr/share/bazel/rules/python; do
  workspace+=" --override_repository=$pair"
done
for name in com_google_absl com_google_googletest com_github_google_benchmark pybind11; do
  workspace+=" --override_repository=$name=/deps/$name"
done

# Nothing answers for the modules that are only in the graph but we do: with an
# empty one, made when Bazel misses it.
registry=/deps/registry
mkdir -p $registry/empty
touch $registry/empty/BUILD $registry/empty/MODULE.bazel
echo '{}' >$registry/bazel_registry.json
bzlmod="--enable_bzlmod --noenable_workspace --lockfile_mode=off --registry=file://$registry
  --incompatible_use_plus_in_repo_names --incompatible_disable_native_repo_rules"
for pair in rules_cc=/deps/rules_cc rules_python=/deps/rules_python \
  abseil-cpp=/deps/com_google_absl googletest=/deps/com_google_googletest; do
  bzlmod+=" --override_module=$pair"
done
# A consumer does not have what only our own tests use.
ours="--override_module=google_benchmark=/deps/com_github_google_benchmark
  --override_repository=+_repo_rules+pybind11=/deps/pybind11"
# Debian's rules_python is older than toolchains with headers. This stands for a
# newer one's toolchain, with the same names.
rm -rf /deps/rules_python
cp -r /usr/share/bazel/rules/python /deps/rules_python
mkdir /deps/rules_python/python/cc
cat >/deps/rules_python/python/cc/BUILD.bazel <<'BUILD'
load(":py_cc_toolchain.bzl", "current_headers")

package(default_visibility = ["//visibility:public"])

toolchain_type(name = "toolchain_type")

current_headers(name = "current_py_cc_headers")
BUILD
cat >/deps/rules_python/python/cc/py_cc_toolchain.bzl <<'BZL'
def _toolchain(ctx):
    return platform_common.ToolchainInfo(providers = [ctx.attr.headers[CcInfo], ctx.attr.headers[DefaultInfo]])

py_cc_toolchain = rule(
    _toolchain,
    attrs = {"headers": attr.label(), "python_version": attr.string()},
)

def _current_headers(ctx):
    return ctx.toolchains["//python/cc:toolchain_type"].providers

current_headers = rule(_current_headers, toolchains = ["//python/cc:toolchain_type"])
BZL

# A consumer's toolchain for another Python than the machine's python3.
add_toolchain() { # add_toolchain VERSION
  echo 'bazel_dep(name = "rules_python", version = "1.3.0")' >>MODULE.bazel
  mkdir python_toolchain
  ln -s "/usr/include/python$1" python_toolchain/include
  cat >python_toolchain/BUILD <<BUILD
load("@rules_cc//cc:defs.bzl", "cc_library")
load("@rules_python//python/cc:py_cc_toolchain.bzl", "py_cc_toolchain")

package(default_visibility = ["//visibility:public"])

cc_library(
    name = "headers",
    hdrs = glob(["include/**/*.h"]),
    includes = ["include"],
)

py_cc_toolchain(
    name = "python",
    headers = ":headers",
    python_version = "$1",
)

toolchain(
    name = "python_toolchain",
    toolchain = ":python",
    toolchain_type = "@rules_python//python/cc:toolchain_type",
)
BUILD
}
fill_registry() { # fill_registry BAZEL-OPTION...
  local missing name version
  for _ in {1..100}; do
    missing=$(bazel query "$@" //... 2>&1 >/dev/null |
      sed -nE 's/.*module ([^ ]+@[^ ]+) not found in registries.*/\1/p' | head -n 1)
    [ -n "$missing" ] || return 0
    name=${missing%@*} version=${missing#*@}
    mkdir -p "$registry/modules/$name/$version"
    echo "module(name = '$name', version = '$version')" >"$registry/modules/$name/$version/MODULE.bazel"
    echo "{'type': 'local_path', 'path': '$registry/empty'}" | tr "'" '"' \
      >"$registry/modules/$name/$version/source.json"
  done
}

bazel --version
g++ --version | head -n 1
clang --version | head -n 1

if [ "${1:-}" = --measure ]; then
  try "benchmarks" bazel run --color=no --curses=no --noshow_progress $workspace \
    --copt=-Wno-error=deprecated-declarations //benchmarks:report -- \
    --only=adapter_hit --measure_only=/results.json
  bazel shutdown
  exit $bad
fi

try "litmus" tools/test_litmus.py
try "WORKSPACE, g++" $bazel_test $strict $workspace -- //c10/... //multislot/... //tests/c10/... //tests/multislot/... \
  //tests/cpython/... //examples/... -//examples/interpreter_farm/...
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
try "consumers, WORKSPACE" env BAZEL=bazel PYTHON="$python" tools/test_consumers.sh $strict $workspace

universal=$(bazel query $workspace --output=build '//multislot:slot_policy + //multislot:slots' | grep -c 'scope = "universal"')
try "flags reach tools" [ "$universal" = 2 ]

fill_registry $bzlmod $ours
try "bzlmod, clang" $bazel_test $strict $bzlmod $ours --config=clang \
  //tests/c10/... //tests/multislot/... //tests/linking/... //tests/conformance:default_test \
  //examples/c_extension/... //examples/pybind11_extension/...
# Compiles each header alone, also those of libraries without sources.
try "headers, clang" bazel build --color=no --curses=no --noshow_progress $strict $bzlmod $ours --config=clang \
  --process_headers_in_dependencies //c10/... //multislot:all //multislot/cpython/pythons/...
must_fail "does not depend on a module exporting 'multislot/interpreter.h'" \
  bazel build $strict $bzlmod $ours --config=clang //tests/linking:missing_dependency
must_fail "size_t" bazel build $strict $bzlmod $ours --config=clang --process_headers_in_dependencies \
  //tests/linking:incomplete_header
if [ "$python" = 3.15 ]; then other=3.14; else other=3.15; fi
toolchain=--extra_toolchains=//python_toolchain
(cd examples/consumer && add_toolchain "$other" && fill_registry $bzlmod)
try "consumers, bzlmod" env BAZEL=bazel PYTHON="$other" tools/test_consumers.sh $strict $bzlmod $toolchain

bazel shutdown
(cd examples/consumer && bazel shutdown)
exit $bad
TEST
if [ -n "$measure" ]; then
  chroot "$root" env COMMIT="$(git rev-parse --short=12 HEAD)" bash /test.sh --measure &&
    mkdir -p "$(dirname "$measure")" && cp "$root/results.json" "$measure"
else
  chroot "$root" bash /test.sh
fi
