"""Runs the benchmarks and writes docs/benchmarks.md, with its plots and data.

    ./bazelw run //benchmarks:report [-- --output=FOLDER] [-- --quick]

The measurements go to FOLDER/benchmarks/results.json. The report is made from
that file, and from FOLDER/benchmarks/newest.json if there is one: measurements
of tools/test_newest.sh with newer software.
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

How to read it: each figure is the fastest repetition, because other work on the machine can only slow a
repetition down. Compare ratios, within one run and one table. A ratio is that of the fastest repetitions;
the range in brackets comes from the middle halves of the repetitions. The first comment of each program says
what it measures and what not. All of it is throughput, in a loop, with branches predicted.

## Goals

{goals}

{gaps}

## Core hit

`core_hit`: a getter that is called, and the same lookup inlined in a loop.

![Core hit](benchmarks/core_hit.svg)

A getter, called:

{core_getter}

Inlined:

{core_inlined}

The best rival is the fastest one that serves more than one interpreter.

## Adapter hit, in a real CPython

`adapter_hit_pyNN`: a function that returns the current interpreter's object. A module can opt into
`SingleInterpreterFastPath` ([single_interpreter_fast_path.h](../multislot/cpython/single_interpreter_fast_path.h)). Its
price is an audit hook: {audit}.

![Adapter hit](benchmarks/adapter_hit.svg)

{adapter}

## Threads

`core_scaling` and `adapter_scaling_pyNN`: one thread per core, at most eight, on the same caches. Each thread has
its own interpreter with its own GIL. Times are per thread.

{threads}

A hit, while a thread on another core fills a cache for one short-lived interpreter after the other:

{beside}

## Many caches, many interpreters

![Scaling](benchmarks/scaling.svg)

Hits in 1 to 100,000 caches, in random order:

{random}

A hit in a getter that is called, with 1 to 1,000 live interpreters: in the last one, and in all of them in turn:

{interpreters}

## Misses and fills

`core_miss`: the cost of a lookup that is not a hit, including {accessor:.1f} ns for the bare accessor.
Registering and retiring an interpreter takes {interpreter:.0f} ns.

{miss}

In a real CPython, `adapter_hit_pyNN`: an interpreter's first lookup in a cache. Its `make()` returns
`None`.

{first_lookup}

## Memory

`core_memory`: resident memory, including the caches. An interpreter takes {interpreter_bytes:.0f} bytes,
including its place in the register.

![Memory](benchmarks/memory.svg)

For each of 10,000 caches:

{memory}

By number of interpreters and caches. Every interpreter that has a slot in a cache has filled it. Resident memory
comes in pages, so figures for a few bytes mean nothing.

{memory_grid}

Sparse use: with `SideTable`, an interpreter that has filled only the last one of 900,000 caches takes
{sparse:,.0f} bytes.

## End to end

`//examples/interpreter_farm`: eight sub-interpreters with a thread each, 300 callables. The time
includes the first lookups, and waiting for the GIL where the threads share one.

{farm}
"""

GAPS = """\
Why some goals are not met:

- Inlined in a loop, a hit of `FixedSlots` costs more than one of `SingleSlot`: `FixedSlots` has to find the slot,
  and reads its tag a second time ([decisions.md](decisions.md) says why). In a getter that is called, the call
  hides the difference.
- The goal was 12 instructions for a getter's hit, including the return. It takes 15 with gcc 12 and 13 with
  clang 14 (`./bazelw test //tests/hit_path/... --test_output=all` single-steps it). `SingleSlot` takes 9 and 8,
  `SideTable` 14 and 13, and `FixedSlots<1>`, which need not find the slot, 12 and 11. Two of the 15 are the null
  check, three find the slot, three are the second look; gcc loads atomics before it compares them. There is no
  call, push or locked instruction.
- An overflow reads every slot twice: once for its own tag, once for a retired one. The cost grows with the number
  of slots. With more interpreters than slots, use more slots or `SideTable`.
- The hits with 1, 8 and 64 interpreters are measured in separate processes, and even the floor differs by up to
  1 ns between processes. Their ratios are no more precise than that.
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
    parser.add_argument("programs", nargs="*", help="benchmark programs; bazel run passes them")
    parser.add_argument("--output", default=os.path.join(workspace, "docs"), help="folder to write to; default: docs")
    parser.add_argument("--quick", action="store_true", help="a short run that only shows that it works; its figures mean nothing")
    parser.add_argument("--only", default="", metavar="REGEX", help="run only matching programs; for --measure_only")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--measure_only", metavar="FILE", help="write the results to FILE, and no report")
    step.add_argument("--report_only", action="store_true", help="measure nothing; make the report from existing results")
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
