"""Runs the benchmarks and writes docs/benchmarks.md, with its plots and data.

    ./bazelw run //benchmarks:report [-- --output=FOLDER] [-- --quick]

What is measured goes to FOLDER/benchmarks/results.json; the report is made of
that, and of FOLDER/benchmarks/newest.json if there is one, measured by
tools/test_newest.sh with newer software.
"""

import argparse
import os
import re

import measure
import tables
from goals import goals
from results import Results

REPORT = """\
# Benchmarks

Written by

```sh
./bazelw run //benchmarks:report
```

which runs every benchmark, 51 repetitions of each in random order (memory is measured once), and
replaces this file, its plots and [results.json](benchmarks/results.json), which has every repetition.
{where}

How to read it: figures are those of the fastest repetition, since what else a machine does can only
add to it; compare within one run and one table, as ratios. A ratio is that of the fastest
repetitions, and in brackets how far apart the middle halves of the repetitions allow it to be. What
each program measures, and what it does not, its first comment says: all of it is throughput, in a
loop, with branches predicted.

## The goals

{goals}

{gaps}

## Core hit

`core_hit`: a getter that is called, and the same lookup inlined in a loop.

![Core hit](benchmarks/core_hit.svg)

A getter, called:

{core_getter}

Inlined:

{core_inlined}

The best rival is the fastest of those that know more than one interpreter.

## Adapter hit, in a real CPython

`adapter_hit_pyNN`: a function that returns the current interpreter's object. `SingleInterpreterFastPath` is what a
module can opt into ([single_interpreter_fast_path.h](../multislot/cpython/single_interpreter_fast_path.h)); its price is an audit
hook: {audit}.

![Adapter hit](benchmarks/adapter_hit.svg)

{adapter}

## Threads

`core_scaling` and `adapter_scaling_pyNN`: as many threads as there are cores, eight at most, each in an
interpreter of its own, with a GIL of its own, on the same caches. The time is each thread's.

{threads}

A hit while a thread on another core fills a cache for one interpreter after the other, which retire:

{beside}

## Much of everything

![Scaling](benchmarks/scaling.svg)

A hit, in so many caches in random order:

{random}

A hit in a getter that is called, of the last of so many live interpreters, and of all of them in turn:

{interpreters}

## Without a hit

`core_miss`: what a lookup costs that is no hit, of which {accessor:.1f} ns are the bare accessor's. An
interpreter that registers and retires takes {interpreter:.0f} ns.

{miss}

In a real CPython, `adapter_hit_pyNN`: an interpreter's first lookup in a cache, whose `make()` returns
`None`.

{first_lookup}

## Memory

`core_memory`: what is resident, the caches included. An interpreter takes {interpreter_bytes:.0f} bytes,
its place in the register included.

![Memory](benchmarks/memory.svg)

For each of 10,000 caches:

{memory}

For so many interpreters and caches, each cache filled by every interpreter that it has a slot for. What
is resident comes in pages, so figures for a few bytes say nothing.

{memory_grid}

Sparse use: with `SideTable`, an interpreter that has filled only the last one of 900,000 caches takes
{sparse:,.0f} bytes.

## End to end

`//examples/interpreter_farm`: eight sub-interpreters with a thread each, 300 callables; the time
includes the first lookups, and what the threads wait for each other's GIL where they share one.

{farm}
"""

GAPS = """\
What stands in the way where a goal is not met:

- Inlined in a loop a hit of `FixedSlots` costs more than one of `SingleSlot`, which has its slot at
  hand: `FixedSlots` finds the slot, and looks at the slot's tag a second time
  ([decisions.md](decisions.md) says what for). In a getter that is called the difference goes under in
  the call.
- Followed instruction by instruction (`./bazelw test //tests/hit_path/... --test_output=all`), the hit of
  a getter is 15 instructions with gcc 12 and 13 with clang 14 where 12 were wanted, the return included;
  `SingleSlot` has 9 and 8, `SideTable` 14 and 13. Two are the null check, three find the slot (with
  one slot there is nothing to find: 12 and 11), three are the second look; gcc loads atomics before it
  compares them. No call, no push and no locked instruction is among them.
- An overflow looks at every slot twice, once for its own tag and once for one that has retired. The
  cost grows with the slots; who has more interpreters than slots wants more slots, or `SideTable`.
- With 1, with 8 and with 64 interpreters an adapter's hit is measured in a process each, and from one
  process to the next the floor itself moves by up to 1 ns. A ratio of two of them is no better than that.
"""


def where(results):
    data = results.data
    compiler = results.context(next(iter(data["programs"])))["compiler"]
    return f"Of {data['date']}, commit {data['commit']}: {data['processor']}, {data['cores']} cores, {compiler}."


def write_report(folder, results, newest):
    import plots  # which needs matplotlib

    plots.plot_all(results, newest, os.path.join(folder, "benchmarks"))
    adapter = ""
    for source in filter(None, (results, newest)):
        for program in source.programs("adapter_hit"):
            context = source.context(program)
            adapter += f"### CPython {context['python']}\n\n"
            if source is newest:
                pybind = f", pybind11 {context['pybind11']}" if "pybind11" in context else ""
                adapter += f"{where(newest)[:-1]}{pybind}; `tools/test_newest.sh` says how."
                if not newest.names(program, "get_or_create_fixed/.*"):
                    adapter += " That was before `SideTable`: `get_or_create` had `FixedSlots<8>`."
                adapter += "\n\n"
            adapter += tables.adapter_table(source, program) + "\n\n"
    text = REPORT.format(
        where=where(results),
        goals=tables.table(["goal", "measured", ""], goals(results, newest)),
        gaps=GAPS,
        core_getter=tables.core_table(results, "getter"),
        core_inlined=tables.core_table(results, "inlined"),
        adapter=adapter.strip(),
        audit="; ".join(
            f"on CPython {results.python(program)} an audited event takes "
            f"{results.series(program, 'audit/main').fastest:.0f} ns with it and "
            f"{results.series(program, 'audit/main_of_8').fastest:.0f} without any"
            for program in results.programs("adapter_hit")[-1:]
        ),
        threads=tables.scaling_table(results),
        random=tables.random_table(results),
        interpreters=tables.interpreters_table(results),
        beside=tables.beside_table(results),
        accessor=results.series("core_miss", "accessor").fastest,
        interpreter=results.series("core_miss", "interpreter").fastest,
        miss=tables.miss_table(results),
        first_lookup=tables.first_lookup_table(results),
        interpreter_bytes=results.entry("core_memory", "interpreter")["bytes_per_interpreter"],
        memory=tables.memory_table(results),
        memory_grid=tables.memory_grid_table(results),
        sparse=results.entry("core_memory", "sparse/side_table")["resident_per_interpreter"],
        farm=tables.farm_table(results),
    )
    with open(os.path.join(folder, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("programs", nargs="*", help="given by bazel run")
    parser.add_argument("--output", default=os.path.join(workspace, "docs"), help="a folder; default docs")
    parser.add_argument("--quick", action="store_true", help="to see that it works: the figures mean nothing")
    parser.add_argument("--only", default="", metavar="REGEX", help="of the programs; for --measure_only")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--measure_only", metavar="FILE", help="write the results there, and no report")
    step.add_argument("--report_only", action="store_true", help="make the report of results that are there")
    options = parser.parse_args()

    programs = [program for program in options.programs if re.search(options.only, program)]
    if options.measure_only:
        measure.write_results(measure.measure(programs, workspace, options.quick), options.measure_only)
        return
    folder = os.path.join(options.output, "benchmarks")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "results.json")
    if not options.report_only:
        measure.write_results(measure.measure(programs, workspace, options.quick), path)
    newest = os.path.join(folder, "newest.json")
    write_report(options.output, Results(path), Results(newest) if os.path.exists(newest) else None)
    print(f"report: {os.path.join(options.output, 'benchmarks.md')}")


if __name__ == "__main__":
    main()
