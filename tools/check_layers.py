#!/usr/bin/env python3
"""Checks that dependencies point downwards: no file includes one of a higher layer.

A file belongs to the first layer with a pattern that matches its name without the ending.
"""

import fnmatch
import re
import subprocess
import sys

# From the bottom up.
LAYERS = [
    ["c10/macros/*"],
    ["c10/util/*"],
    ["c10/core/*"],
    ["multislot/internal/cplusplus17"],
    [
        "multislot/internal/assume",
        "multislot/internal/bits",
        "multislot/internal/interpreter_traits",
        "multislot/internal/kept_function",
        "multislot/internal/py_object",
        "multislot/internal/shared",
        "multislot/internal/tag",
    ],
    ["multislot/internal/fork_mutex", "multislot/internal/slot", "multislot/internal/table"],
    ["multislot/internal/registry"],
    ["multislot/internal/table_fill"],
    ["multislot/interpreter", "multislot/slot_policy"],
    ["multislot/fixed_slots", "multislot/side_table", "multislot/basic_py_handle_cache"],
    ["multislot/bare_interpreter", "multislot/single_slot"],  # use c10
    ["multislot/default_slot_policy"],
    ["multislot/py_handle_cache"],
    # The adapter.
    ["multislot/cpython/internal/python_abi"],
    ["multislot/cpython/internal/saved_error", "multislot/cpython/internal/once_gate"],
    ["multislot/cpython/internal/records"],  # who is current
    ["multislot/cpython/internal/owned"],
    ["multislot/cpython/internal/record_life"],
    ["multislot/cpython/current_interpreter"],
    ["multislot/cpython/internal/owning_cache"],
    [
        "multislot/cpython/single_interpreter_fast_path",
        "multislot/cpython/handle_cache",
        "multislot/cpython/import_attr",
        "multislot/cpython/per_interpreter",
    ],
    ["multislot/cpython/call_once_and_store"],
    ["multislot/cpython/multislot"],  # for C
]


def layer(file):
    name = file.rsplit(".", 1)[0]
    for number, patterns in enumerate(LAYERS):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            return number
    return None


def main():
    files = subprocess.run(
        ["git", "ls-files", "c10", "multislot"], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.split()
    bad = []
    for file in files:
        if not re.search(r"\.(h|c|cc|cpp)$", file):
            continue
        own = layer(file)
        if own is None:
            bad.append(f"{file}: in no layer of tools/check_layers.py")
            continue
        for included in re.findall(r'^#include "(\S*)"', open(file, encoding="utf-8").read(), re.M):
            if included.startswith("absl/"):  # below all of it
                continue
            other = layer(included)
            if other is None or other > own:
                bad.append(f"{file}: includes {included}, which is above it")
    print("\n".join(bad) or f"layers: {len(LAYERS)}, and no dependency upwards")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
