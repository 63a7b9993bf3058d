#!/usr/bin/env python3
"""Says which lines and branches of c10/ and multislot/ no test reached; for tools/coverage.sh.

  tools/coverage.py PROFILE PROGRAM...

PROFILE is llvm-profdata's, of all runs; the programs and shared objects are those that ran. A line or the
outcome of a condition counts as reached if it was reached in one of them. Status 1 if one was not reached
that is not explained below.
"""

import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Why no test reaches them: by the beginning of the line's text.
OF_ALL_FILES = {
    "ABSL_ASSERT(": "assertions are not compiled in here; with them, death tests reach it.",
    "if constexpr (": "it is decided while it is compiled.",
    "MULTISLOT_ASSUME(": "it only tells the compiler something.",
}
# By file and the line's text.
EXPLAINED = {
    "multislot/cpython/internal/once_gate.cc: if (inside == self || process_ != ThisProcess() || !Py_IsInitialized() ||":
        "a thread would have to look just as the process begins to end.",
    "multislot/cpython/internal/owned.cc: while (!g_unowned.compare_exchange_weak(value->next, value,":
        "another thread would have to come in between.",
    "multislot/cpython/internal/owned.cc: }": "the same.",
    "multislot/cpython/internal/record_life.cc: if (added && !IsWitnessOf(record, PySys_GetObject(name))) {":
        "the key is ASCII, so CPython needs no memory for its UTF-8.",
    "multislot/cpython/internal/record_life.cc: if (dict == nullptr) return nullptr;":
        "only without memory for the dict, which CPython has made before.",
    "multislot/cpython/internal/record_life.cc: if (capsule == nullptr && may_be_born && !PyErr_Occurred()) {":
        "the key is a str, whose lookup cannot fail.",
    "multislot/cpython/multislot.cc: if (self.load(std::memory_order_relaxed) == this) return;":
        "another thread would have to come in between.",
    "multislot/internal/registry.cc: if (shared.full_words[i] == kAllBits || word >= kWordsOfPages) continue;":
        "only where pointers have 32 bits: tools/test_cross.sh.",
    "multislot/internal/slot.h: return result;": "the line counts as a part of MULTISLOT_ASSUME.",
    "multislot/internal/table_fill.cc: if (memory == MAP_FAILED) return nullptr;":
        "the tests have memory for large tables; side_table_test has an allocator that fails.",
    "multislot/internal/table_fill.cc: for (std::size_t first = 0; first < kMaxInterpreters; first += kBitsOfAWord) {":
        "it ends earlier, unless a million interpreters are alive.",
    "multislot/interpreter.h: return id <= std::numeric_limits<internal::Tag>::max() &&":
        "only where pointers have 32 bits: tools/test_cross.sh.",
}


def export(profile, programs, form):
    first, *others = programs
    command = ["llvm-cov", "export", f"--format={form}", f"--instr-profile={profile}", first]
    command += [f"--object={other}" for other in others]
    # It fails if none of them has code of ours.
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def groups_of(programs):
    """Those in one folder with one Python. llvm-cov takes only one of several functions with one name."""
    groups = collections.defaultdict(list)
    for program in programs:
        with open(program, "rb") as file:
            if file.read(4) == b"\x7fELF":
                python = re.search(r"_?py[0-9]+[td]*", program)
                groups[os.path.dirname(program), python and python[0]].append(program)
    return list(groups.values())


def ours(file):
    """The file's path, or None if it is not ours."""
    match = re.search(r"^(?:/proc/self/cwd/)?((?:c10|multislot)/.*)$", file)
    return match and match[1]


def lines_of(profile, programs):
    """(file, line, times)"""
    file = None
    for entry in export(profile, programs, "lcov").split("\n"):
        kind, _, rest = entry.partition(":")
        if kind == "SF":
            file = ours(rest)
        elif file and kind == "DA":
            line, times = rest.split(",")
            yield file, int(line), int(times)


def branches_of(profile, programs):
    """(file, (line, where the condition is, its outcome), times), for each instantiation of a template."""
    for data in json.loads(export(profile, programs, "text") or '{"data": []}')["data"]:
        for file in data["files"]:
            name = ours(file["filename"])
            if name is None:
                continue
            found = [(branch[0], branch[1:2], branch) for branch in file["branches"]]
            # Those in macros, where they are used.
            for macro in file["expansions"]:
                line, *place = macro["source_region"][:2]
                if ours(macro["filenames"][0]) == name:
                    found += [(line, place + branch[:2], branch) for branch in macro["branches"]]
            for line, place, branch in found:
                yield name, (line, tuple(place), True), branch[4]
                yield name, (line, tuple(place), False), branch[5]


def main():
    profile, *programs = sys.argv[1:]
    lines = collections.defaultdict(collections.Counter)  # by file: times, by line
    branches = collections.defaultdict(collections.Counter)  # by file: times, by line, place and outcome
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for function, result in (lines_of, lines), (branches_of, branches):
            for found in pool.map(lambda group, function=function: list(function(profile, group)), groups_of(programs)):
                for file, place, times in found:
                    result[file][place] += times

    unexplained = 0
    totals = collections.Counter()
    print(f"{'':55} lines reached  branches reached")
    for file in sorted(lines):
        row = {
            "lines": len(lines[file]),
            "reached lines": sum(times > 0 for times in lines[file].values()),
            "branches": len(branches[file]),
            "reached branches": sum(times > 0 for times in branches[file].values()),
        }
        totals.update(row)
        print(
            f"{file:55} {row['lines']:5} {row['reached lines']:7}  {row['branches']:8} {row['reached branches']:7}"
        )
    print(
        f"{'':55} {totals['lines']:5} {totals['reached lines']:7}  "
        f"{totals['branches']:8} {totals['reached branches']:7}\n"
    )
    for file in sorted(lines):
        source = open(os.path.join(ROOT, file), encoding="utf-8").read().split("\n")
        missing = {line: "the line" for line, times in lines[file].items() if times == 0}
        for (line, place, outcome), times in sorted(branches[file].items()):
            if times == 0:
                missing.setdefault(line, f"{str(outcome).lower()}, at column {place[0]},")
        for line, what in sorted(missing.items()):
            text = source[line - 1].strip()
            of_all = (reason for beginning, reason in OF_ALL_FILES.items() if text.startswith(beginning))
            reason = EXPLAINED.get(f"{file}: {text}", next(of_all, None))
            if reason is None:
                unexplained += 1
            print(f"{file}:{line}: {what} was not reached: {text}\n    {reason or 'NOT EXPLAINED'}")
    print(
        f"{totals['reached lines']} of {totals['lines']} lines, {totals['reached branches']} of {totals['branches']} "
        f"branches; {unexplained} places not explained"
    )
    return 1 if unexplained or not totals["lines"] else 0


if __name__ == "__main__":
    sys.exit(main())
