#!/usr/bin/env python3
"""Checks that docs/memory_order.md and the atomic operations in the code agree.

Every operation must name its order. An operation stronger than relaxed must have a number behind it, and the
table must list that number with the same order and file. Every number of the table must be in each of its files.
Each litmus test that the table names for a number must have the number, on a line of that order.
"""

import glob
import os
import re
import subprocess
import sys

TABLE = "docs/memory_order.md"
ORDERS = {"relaxed": "relaxed", "acquire": "acquire", "release": "release", "acquire-release": "acq_rel"}
OPERATION = re.compile(r"(?:\.|->)(?:load|store|exchange|fetch_\w+|compare_exchange_\w+)\(|atomic_thread_fence\(")


def table():
    """Number -> (files, order, litmus tests)."""
    rows = {}
    for line in open(TABLE, encoding="utf-8"):
        match = re.match(r"\| \((\d+)\) \| ([^|]*) \| (\S+) .*\|([^|]*)\|$", line)
        if match:
            names = [re.findall(r"`([^`]*)`", match[i]) for i in (2, 4)]
            rows[int(match[1])] = (names[0], ORDERS.get(match[3]), names[1])
    return rows


def operations(text):
    """Line, order and number (each of these None if there is none) of each atomic operation."""
    for match in OPERATION.finditer(text):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        order = re.search(r"memory_order_(\w+)", text[match.end() : end])
        rest = text[end : text.index("\n", end)]
        if "//" not in rest and not rest.rstrip().endswith((";", "{")):  # the statement goes on
            rest = text[end : text.index("\n", end + len(rest) + 1)]
        number = re.search(r"// \((\d+)\)", rest)
        yield text.count("\n", 0, match.start()) + 1, order and order[1], number and int(number[1])


def litmus():
    """(number, litmus test, order) of each numbered line."""
    for file in glob.glob("tests/litmus/*.litmus"):
        for line in open(file, encoding="utf-8"):
            code, _, comment = line.partition("//")
            order = re.search(r"memory_order_(\w+)", code)
            for number in re.findall(r"\((\d+)\)", comment):
                yield int(number), os.path.basename(file)[: -len(".litmus")], order and order[1]


def main():
    rows = table()
    bad = [] if rows else [f"{TABLE}: no table"]
    missing = {(number, file) for number, (files, _, _) in rows.items() for file in files}
    needed = {(number, test, order) for number, (_, order, tests) in rows.items() for test in tests}
    bad += [f"{TABLE}: no litmus test needs ({number})" for number, (_, _, tests) in rows.items() if not tests]
    for number, test, order in sorted(needed ^ set(litmus()), key=str):
        bad.append(f"tests/litmus/{test}.litmus and {TABLE} do not agree on ({number}), {order}")
    files = subprocess.run(
        ["git", "ls-files", "c10", "multislot"], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.split()
    count = 0
    for file in files:
        if not re.search(r"\.(h|c|cc|cpp)$", file):
            continue
        for line, order, number in operations(open(file, encoding="utf-8").read()):
            where = f"{file}:{line}"
            count += 1
            if order is None:
                bad.append(f"{where}: an operation that does not name its order")
            elif number is None:
                if order != "relaxed":
                    bad.append(f"{where}: {order}, and no number of {TABLE}")
            elif file not in rows.get(number, ([], "", []))[0]:
                bad.append(f"{where}: ({number}) is not in this file according to {TABLE}")
            elif rows[number][1] != order:
                bad.append(f"{where}: ({number}) is {order}, and {rows[number][1]} in {TABLE}")
            else:
                missing.discard((number, file))
    bad += [f"{TABLE}: ({number}) is not in {file}" for number, file in sorted(missing)]
    print("\n".join(bad) or f"memory order: {count} operations, {len(rows)} of them with a number")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
