#!/usr/bin/env bash
#
# Builds and runs examples/consumer, a workspace that depends on multislot, with
# every config of its .bazelrc, and checks the results. Then does in an empty folder
# what docs/using.md says.
#
#   tools/test_consumers.sh [BAZEL-OPTION...]      for example --enable_bzlmod
#
# The environment variable BAZEL is the command; default ./bazelw. PYTHON, for example
# 3.12, is the version that the adapter must be compiled for by default; if it is not
# set, any version will do.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../examples/consumer"

root=$(realpath ../..)
bazel=${BAZEL:-$root/bazelw}
options=("$@")
log=$(mktemp)
empty=$(mktemp -d)
trap 'rm -rf "$log" "$empty"' EXIT
bad=0

fail() { # fail WHAT
  cat "$log"
  echo "consumer: FAILED: $*"
  bad=1
}

run() { # run PATTERN CONFIG...
  local pattern=$1 output configs=()
  shift
  for config; do configs+=("--config=$config"); done
  if ! output=$($bazel run "${options[@]}" "${configs[@]}" //:lookup 2>"$log"); then
    fail "run ${configs[*]}"
    return
  fi
  # shellcheck disable=SC2053  # a pattern it is
  if [[ $output == $pattern ]]; then
    echo "consumer: ${configs[*]:-default}: $output"
  else
    fail "run ${configs[*]}: '$output' is not '$pattern'"
  fi
}

run "default_8: 8 of 20, FixedSlots<4>: 4 of 20, c10: multislot's"
run "default_16: 16 of 20, FixedSlots<4>: 4 of 20, c10: multislot's" sixteen_slots
run "fixed_8: 8 of 20, FixedSlots<4>: 4 of 20, c10: multislot's" fixed_slots
run "side_table: 20 of 20, FixedSlots<4>: 4 of 20, c10: multislot's" side_table
run "single: 1 of 20, FixedSlots<4>: 4 of 20, c10: multislot's" single_slot
run "custom_*: 4 of 20, FixedSlots<4>: 4 of 20, c10: multislot's" own_policy
run "default_8: 8 of 20, FixedSlots<4>: 4 of 20, c10: another" other_c10
run "single: 1 of 20, FixedSlots<4>: 4 of 20, c10: another" other_c10 single_slot
run "custom_*: 4 of 20, FixedSlots<4>: 4 of 20, c10: another" other_c10 own_policy

if $bazel test "${options[@]}" --test_output=errors //... >"$log" 2>&1; then
  echo "consumer: its own policy passes the conformance suite, an extension builds"
else
  fail "test //..."
fi

# multislot's tests with another c10. With bzlmod a consumer's multislot has no
# GoogleTest.
if [[ " ${options[*]} " != *" --enable_bzlmod "* ]]; then
  if $bazel test "${options[@]}" --config=other_c10 --test_output=errors @multislot//tests/multislot:fixed_slots_test \
    @multislot//tests/multislot:single_slot_test @multislot//tests/linking:named_policies_test >"$log" 2>&1; then
    echo "consumer: other_c10: multislot's own tests pass"
  else
    fail "test --config=other_c10"
  fi
fi

# The library has a symbol with the version that it is compiled for.
python_of() { # python_of FILE PATTERN [BAZEL-OPTION...]
  local file=$1 pattern=$2 output what
  shift 2
  what=$file${*:+ $*}
  if ! $bazel build "${options[@]}" "$@" "//:$file" >"$log" 2>&1 ||
    ! output=$(nm --defined-only "$($bazel info "${options[@]}" "$@" bazel-bin 2>"$log")/$file" 2>"$log" |
      sed -nE 's/.* multislot_needs_((python|limited_api)_3_[0-9]+)$/\1/p'); then
    fail "build $what"
    return
  fi
  # shellcheck disable=SC2053  # a pattern it is
  if [[ $output == $pattern ]]; then
    echo "consumer: $what: $output"
  else
    fail "$what is for '$output', not for '$pattern'"
  fi
}

machine=$(sh ../../third_party/python/find_pythons.sh | head -n 1 | cut -f 2 | cut -d . -f 1,2)
default=${PYTHON:-*}
python_of handle_cache.so "python_${default/./_}"
python_of handle_cache.so "python_${machine/./_}" --config=machine_python
python_of handle_cache.abi3.so limited_api_3_10

# The consumer compiles multislot, and nothing of Abseil. (Some Bazels list Abseil's
# headers, because they check them.)
if $bazel aquery "${options[@]}" \
  'mnemonic("CppCompile", deps(//:lookup) union deps(//:handle_cache.so))' >"$log" 2>&1 &&
  grep -q 'registry\.cc' "$log" && grep -q 'record_life\.cc' "$log"; then
  if grep -E '^action .Compiling .*absl.*\.cc.' "$log"; then
    fail "compiles Abseil"
  else
    echo "consumer: compiles nothing of Abseil"
  fi
else
  fail "aquery"
fi

# Prints the block of docs/using.md whose first line is "# NAME".
block() { # block NAME
  awk -v name="# $1" '
    /^```/ { inside = !inside; first = inside; wanted = 0; next }
    first { wanted = $0 == name; first = 0 }
    wanted' "$root/docs/using.md"
}

here=()
for option in "${options[@]}"; do
  [[ $option == --extra_toolchains=* ]] || here+=("$option") # that is examples/consumer's
done
ln -s "$root" "$empty/multislot"
mkdir "$empty/mine"
for file in MODULE.bazel WORKSPACE .bazelrc BUILD; do block "$file" >"$empty/mine/$file"; done
cp "$root/examples/snippets/fraction.cc" "$empty/mine"
echo "try-import $root/.bazelrc.deps" >>"$empty/mine/.bazelrc" # as in examples/consumer
machine_python=$(sh "$root/third_party/python/find_pythons.sh" | head -n 1 | cut -f 3)
cd "$empty/mine" || exit 1
if $bazel build "${here[@]}" //:fraction.so >"$log" 2>&1 &&
  half=$(PYTHONPATH=bazel-bin "$machine_python" -c 'import fraction; print(fraction.half())' 2>"$log") &&
  [ "$half" = 1/2 ]; then
  echo "consumer: docs/using.md, from an empty folder: $half"
else
  fail "docs/using.md"
fi
$bazel shutdown >"$log" 2>&1

exit "$bad"
