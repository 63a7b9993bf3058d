"""Runs the benchmarks and writes docs/benchmarks.md, with its plots and data.

    ./bazelw run //benchmarks:report [-- --output=FOLDER] [-- --quick]

What is measured goes to FOLDER/benchmarks/results.json; the report is made of
that, and of FOLDER/benchmarks/newest.json if there is one, from another machine
or with newer software.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

MEASURE = [
    "--benchmark_enable_random_interleaving",
    "--benchmark_min_time=0.004",
    "--benchmark_repetitions=51",
]
QUICK = ["--benchmark_min_time=0.00001", "--benchmark_repetitions=2"]


# --- Measuring ----------------------------------------------------------------


def run_benchmark(program, arguments, quick):
    """{name: {"ns": [...], ...}} and the context, of one run of a program."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        subprocess.run(
            [program, "--benchmark_out=" + out, *(QUICK if quick else MEASURE), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(out, encoding="utf-8") as file:
            result = json.load(file)
    benchmarks = {}
    for entry in result["benchmarks"]:
        if entry["run_type"] != "iteration":
            continue
        if entry.get("error_occurred"):
            sys.exit(f"{program}: {entry['name']}: {entry['error_message']}")
        name = re.sub(r"/(real_time|iterations:\d+|repeats:\d+)", "", entry["run_name"])
        benchmark = benchmarks.setdefault(name, {"ns": []})
        benchmark["ns"].append(float(f"{entry.get('thread_ns', entry['real_time']):.4g}"))
        for counter in ("bytes_per_cache", "bytes_per_interpreter"):
            if counter in entry:
                benchmark[counter] = round(entry[counter], 1)
    context = {key: result["context"][key] for key in ("compiler", "python", "pybind11") if key in result["context"]}
    return benchmarks, context


def run_farm(program, quick):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        subprocess.run(
            [program, "--json=" + out, *(["--lookups=10000"] if quick else [])],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with open(out, encoding="utf-8") as file:
            return json.load(file)


def command(*arguments):
    try:
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def commit(workspace):
    name = command("git", "-C", workspace, "rev-parse", "--short=12", "HEAD")
    changed = command("git", "-C", workspace, "status", "--porcelain", "--", ".", ":!docs")
    return name + (" and changes" if changed else "")


def measure(programs, workspace, quick):
    results = {
        "commit": commit(workspace),
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "programs": {},
        "farm": {},
    }
    for program in programs:
        name = os.path.basename(program)
        print(f"report: {name}", file=sys.stderr, flush=True)
        if name.startswith("interpreter_farm"):
            results["farm"][name.rsplit("_", 1)[1]] = run_farm(program, quick)
            continue
        benchmarks, context = run_benchmark(program, [], quick)
        if name.startswith("adapter_hit"):
            benchmarks.update(run_benchmark(program, ["--alone"], quick)[0])
        results["programs"][name] = {"context": context, "benchmarks": benchmarks}
    return results


def write_results(results, path):
    """JSON with one benchmark a line, for people who look at changes of it."""
    text = json.dumps(results, indent=1)
    text = re.sub(r"\[[^][{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


# --- What was measured --------------------------------------------------------


class Series:
    """The repetitions of one benchmark, in ns."""

    def __init__(self, times):
        self.fastest = min(times)
        self.median = statistics.median(times)
        quartiles = statistics.quantiles(times, n=4) if len(times) > 1 else [times[0]] * 3
        self.first_quartile, self.third_quartile = quartiles[0], quartiles[2]

    def ratio(self, other):
        """Of the fastest; how far that of the middle halves spreads."""
        low = self.first_quartile / other.third_quartile
        high = self.third_quartile / other.first_quartile
        return f"{self.fastest / other.fastest:.2f} ({low:.2f} to {high:.2f})"


class Results:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.data = json.load(file)

    def programs(self, prefix):
        return [name for name in self.data["programs"] if name.startswith(prefix)]

    def names(self, program, pattern):
        return [name for name in self.data["programs"][program]["benchmarks"] if re.fullmatch(pattern, name)]

    def context(self, program):
        return self.data["programs"][program]["context"]

    def entry(self, program, name):
        return self.data["programs"][program]["benchmarks"].get(name)

    def series(self, program, name):
        entry = self.entry(program, name)
        return Series(entry["ns"]) if entry else None

    def positions(self, way, cache):
        """The Series of a cache in core_hit, one for each position."""
        count = len(self.names("core_hit", f"{way}/{cache}/\\d+"))
        return [self.series("core_hit", f"{way}/{cache}/{i}") for i in range(count)]

    def slowest_position(self, way, cache):
        return max(self.positions(way, cache), key=lambda series: series.fastest)

    def python(self, program):
        return self.context(program)["python"]


SLOTS = [1, 2, 4, 8, 16, 32, 64]
OURS = [f"fixed_{n}" for n in SLOTS]
# Those that know more than one interpreter, and one that does not.
RIVALS = ["map_per_interpreter", "thread_local_map", "shared_mutex_map", "mutex_flat_map"]
NAMES = {
    "floor": "floor: one atomic load",
    "single": "SingleSlot",
    "call_once": "std::call_once, one interpreter only",
    "map_per_interpreter": "flat_hash_map per interpreter",
    "thread_local_map": "thread_local unordered_map",
    "shared_mutex_map": "shared_mutex, unordered_map",
    "mutex_flat_map": "absl::Mutex, flat_hash_map",
    **{f"fixed_{n}": f"FixedSlots<{n}>" for n in SLOTS},
}
ADAPTER_NAMES = {
    "floor": "floor: who is current",
    "get_or_create": "get_or_create",
    "get_or_create_if_several": "get_or_create, AskIfSeveral",
    "ptr_or": "ptr_or, interpreter given",
    "no_slot": "get_or_create without a slot",
    "module_state": "module state, module given",
    "module_state_by_type": "module state by type",
    "id_array": "array by interpreter id",
    "interpreter_dict": "interpreter's dict",
    "pybind11_call_once": "pybind11 call_once_and_store",
    "import": "import and getattr",
}
PLACES = {"main": "main, alone", "main_of_8": "main of 8", "last_of_8": "last of 8"}


# --- The goals ----------------------------------------------------------------


def goals(results, newest):
    """Rows of (goal, what was measured, whether it was met)."""
    rows = []

    def add(goal, value, met):
        rows.append((goal, value, {True: "met", False: "**not met**", None: "not measured"}[met]))

    for way in ("getter", "inlined"):
        single = results.series("core_hit", f"{way}/single/0").fastest
        worst = max(results.slowest_position(way, f"fixed_{n}").fastest / single for n in SLOTS[1:])
        add(f"core hit, {way}: FixedSlots<2…64>, any position, ≤ 1.05 × SingleSlot", f"≤ {worst:.2f}", worst <= 1.05)
    spreads = []
    for n in SLOTS[1:]:
        times = [series.fastest for series in results.positions("getter", f"fixed_{n}")]
        spreads.append(max(times) / min(times))
    add("core hit, slowest position / fastest ≤ 1.10", f"≤ {max(spreads):.2f}", max(spreads) <= 1.10)
    one = results.series("core_hit", "getter/fixed_1/0").fastest / results.series("core_hit", "getter/single/0").fastest
    add("core hit, getter: FixedSlots<1> = SingleSlot", f"{one:.2f}", one <= 1.05)
    for source in filter(None, (results, newest)):
        for program in source.programs("adapter_hit"):
            over = [
                source.series(program, f"get_or_create/{place}").fastest
                - source.series(program, f"floor/{place}").fastest
                for place in PLACES
            ]
            add(
                f"adapter hit ≤ floor + 2 ns, CPython {source.python(program)}",
                f"≤ floor + {max(over):.1f} ns",
                max(over) <= 2,
            )
    pybind = None
    for program in newest.programs("adapter_hit") if newest else []:
        if not newest.entry(program, "pybind11_call_once/main"):
            continue
        pybind = program
        version = f"CPython {newest.python(program)}, pybind11 {newest.context(program)['pybind11']}"
        times = min(
            newest.series(program, f"pybind11_call_once/{place}").fastest
            / newest.series(program, f"get_or_create/{place}").fastest
            for place in ("main_of_8", "last_of_8")
        )
        add(f"adapter hit, sub-interpreters alive: 100 × faster than pybind11 ({version})", f"{times:.0f} ×", times >= 100)
        alone = (
            newest.series(program, "get_or_create_if_several/main").fastest
            / newest.series(program, "pybind11_call_once/main").fastest
        )
        add(f"adapter hit, alone, AskIfSeveral ≤ pybind11's ({version})", f"{alone:.2f} ×", alone <= 1)
    if pybind is None:
        add("adapter hit against pybind11 3", "", None)
    cores = results.data["cores"]
    for program, name in [("core_scaling", "fixed_8")] + [
        (program, "get_or_create") for program in results.programs("adapter_scaling")
    ]:
        one = results.series(program, f"threads/{name}/threads:1")
        all_cores = results.series(program, f"threads/{name}/threads:{cores}")
        if cores == 1 or all_cores is None:
            add("threads of different interpreters: rate of each unchanged", "", None)
            continue
        ratio = all_cores.median / one.median
        python = results.context(program).get("python")
        add(
            f"a thread's hits, {cores} threads of as many interpreters against 1"
            + (f", CPython {python}" if python else ", core"),
            f"{ratio:.2f} × the time (medians)",
            ratio <= 1.10,
        )
    accessor = results.series("core_miss", "accessor").fastest
    for what, names in {
        "miss": [f"miss/fixed_{n}" for n in SLOTS],
        "fill": [f"fill/fixed_{n}" for n in SLOTS],
        "overflow, 1 to 8 slots": [f"overflow/fixed_{n}" for n in SLOTS if n <= 8],
        "overflow, 16 to 64 slots": [f"overflow/fixed_{n}" for n in SLOTS if n > 8],
    }.items():
        over = max(results.series("core_miss", name).fastest for name in names) - accessor
        add(f"{what} ≤ 25 ns over the bare accessor", f"≤ {over:.1f} ns", over <= 25)
    sizes = all(abs(results.entry("core_memory", f"cache/fixed_{n}/1")["bytes_per_cache"] - 16 * n) < 1 for n in SLOTS)
    add("FixedSlots<N> takes 16 · N bytes", "yes" if sizes else "no", sizes)
    return rows


# --- Tables -------------------------------------------------------------------


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def core_table(results, way):
    single = results.series("core_hit", f"{way}/single/0")
    floor = results.series("core_hit", f"{way}/floor/0")
    rival = min((results.positions(way, name)[0] for name in RIVALS), key=lambda series: series.fastest)
    rows = []
    for cache in ["floor", "single", *OURS, *RIVALS, "call_once"]:
        positions = results.positions(way, cache)
        times = [series.fastest for series in positions]
        slowest = results.slowest_position(way, cache)
        some = [times[0], times[len(times) // 2], times[-1]] if len(times) > 1 else [times[0]]
        rows.append(
            [
                f"`{NAMES[cache]}`" if cache in OURS + ["single"] else NAMES[cache],
                " / ".join(f"{time:.2f}" for time in some),
                f"{min(times):.2f} to {max(times):.2f}" if len(times) > 1 else "",
                f"{slowest.median:.2f}",
                slowest.ratio(floor),
                slowest.ratio(single),
                slowest.ratio(rival),
            ]
        )
    return table(
        ["", "first / middle / last, ns", "all positions", "median of the slowest", "to floor", "to SingleSlot", "to the best rival"],
        rows,
    )


def adapter_table(results, program):
    rows = []
    for peer, name in ADAPTER_NAMES.items():
        if not results.names(program, f"{peer}/.*"):
            continue
        row = [name]
        for place in PLACES:
            series = results.series(program, f"{peer}/{place}")
            row.append(f"{series.fastest:.2f}" if series else "")
        in_last = results.series(program, f"{peer}/last_of_8")
        row.append(in_last.ratio(results.series(program, "floor/last_of_8")))
        row.append(in_last.ratio(results.series(program, "get_or_create/last_of_8")))
        rows.append(row)
    return table(["", *PLACES.values(), "to floor, last of 8", "to get_or_create"], rows)


def miss_table(results):
    columns = ["miss", "overflow", "fill", "fill_last", "reclaim"]
    rows = []
    for cache in ["single", *OURS, *RIVALS, "call_once"]:
        row = [NAMES[cache]]
        for column in columns:
            series = results.series("core_miss", f"{column}/{cache}")
            row.append(f"{series.fastest:.1f}" if series else "")
        rows.append(row)
    return table(["ns", "miss", "overflow", "fill", "fill of the last slot", "reclaim"], rows)


def scaling_table(results):
    cores = results.data["cores"]
    rows = []
    for program in ["core_scaling", *results.programs("adapter_scaling")]:
        python = results.context(program).get("python")
        for name in results.names(program, "threads/.*/threads:1"):
            cache = name.split("/")[1]
            one = results.series(program, name)
            several = results.series(program, f"threads/{cache}/threads:{cores}")
            label = ADAPTER_NAMES[cache] if python else NAMES[cache]
            row = [f"CPython {python}: {label}" if python else label]
            row += [f"{one.fastest:.2f}", f"{several.fastest:.2f}", several.ratio(one)]
            rows.append(row)
    return table(["a thread's time, ns", "1 thread", f"{cores} threads", "ratio"], rows)


def memory_table(results):
    counts = [0, 1, 2, 8, 64]
    rows = []
    for cache in ["single", *OURS, *RIVALS, "call_once"]:
        row = [NAMES[cache]]
        for count in counts:
            entry = results.entry("core_memory", f"cache/{cache}/{count}")
            row.append(f"{entry['bytes_per_cache']:.0f}" if entry else "")
        rows.append(row)
    return table(["bytes per cache", *(f"{count} interpreters" for count in counts)], rows)


def farm_table(results):
    rows = []
    for farm in results.data["farm"].values():
        for policy in farm["policies"]:
            label = {"none": "no cache", "single": "SingleSlot", "fixed": f"FixedSlots<{policy['slots']}>"}
            rows.append(
                [
                    farm["python"],
                    label[policy["policy"]],
                    f"{policy['lookups_per_s']:,.0f}",
                    f"{policy['ns_per_lookup']:.1f}",
                    f"{100 * policy['hit_rate']:.1f} %",
                ]
            )
    return table(["CPython", "policy", "lookups/s", "ns per lookup", "hits"], rows)


# --- Plots --------------------------------------------------------------------

# Dark to light, and each with a mark of its own, so that neither needs the other.
DARK, MIDDLE, LIGHT = "#1b3a5c", "#4f8fb8", "#b9d3e0"
OTHERS = "#e0b36a"


def new_figure(width, height, columns=1):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.hashsalt": "multislot",
            "svg.fonttype": "none",
            "font.family": "DejaVu Sans",
        }
    )
    return pyplot.subplots(1, columns, figsize=(width, height), squeeze=False, layout="constrained")


def save(figure, folder, name):
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        figure.savefig(os.path.join(folder, f"{name}.{kind}"), dpi=110, metadata=metadata)
    from matplotlib import pyplot

    pyplot.close(figure)


def plot_core_hit(results, folder):
    figure, axes = new_figure(9, 4.8)
    axis = axes[0][0]
    caches = ["floor", "single", *OURS, *RIVALS]
    for row, cache in enumerate(caches):
        times = [series.fastest for series in results.positions("getter", cache)]
        color = DARK if cache in OURS else LIGHT if cache in ("floor", "single") else OTHERS
        axis.barh(row, max(times), color=color, edgecolor="black", linewidth=0.6)
        label = f"{min(times):.2f} to {max(times):.2f}" if len(times) > 1 else f"{times[0]:.2f}"
        axis.text(max(times) + 0.2, row, label, va="center")
    axis.set_yticks(range(len(caches)), [NAMES[cache] for cache in caches])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set_xlabel("ns for a hit, in a getter; bar: the slowest interpreter")
    axis.set_title("Core hit, at every interpreter's position")
    save(figure, folder, "core_hit")


def plot_adapter_hit(sources, folder):
    """sources: (results, program) for each panel."""
    peers = [peer for peer in ADAPTER_NAMES if any(r.names(p, f"{peer}/.*") for r, p in sources)]
    figure, axes = new_figure(4.2 + 2.4 * len(sources), 5, len(sources))
    marks = {"main": ("D", "white"), "main_of_8": ("o", MIDDLE), "last_of_8": ("s", DARK)}
    for axis, (results, program) in zip(axes[0], sources):
        for row, peer in enumerate(peers):
            for shift, (place, (mark, color)) in zip((-0.22, 0, 0.22), marks.items()):
                series = results.series(program, f"{peer}/{place}")
                if series:
                    axis.plot(
                        series.fastest, row + shift, mark, color=color, markeredgecolor="black", markersize=6.5,
                        label=PLACES[place] if row == 0 else None,
                    )
        axis.set_xscale("log")
        axis.set_xlim(1, 6000)
        axis.set_ylim(len(peers) - 0.5, -0.5)
        axis.grid(axis="x", linewidth=0.4)
        for row in range(1, len(peers)):
            axis.axhline(row - 0.5, color="0.85", linewidth=0.6)
        axis.set_title(f"CPython {results.python(program)}", fontsize=10)
        axis.set_xlabel("ns, log scale")
        axis.set_yticks(range(len(peers)), [ADAPTER_NAMES[peer] for peer in peers] if axis is axes[0][0] else [])
    axes[0][0].legend(fontsize=8, loc="upper right")
    save(figure, folder, "adapter_hit")


def plot_lines(axis, lines, title, x_label):
    """lines: (label, xs, ys)."""
    styles = [("o-", DARK), ("s--", "black"), ("^-", OTHERS), ("v:", MIDDLE), ("D-.", "#7a5c2e"), ("x--", "0.55")]
    for (label, xs, ys), (style, color) in zip(lines, styles):
        axis.plot(xs, ys, style, color=color, label=label, markersize=5, linewidth=1.3)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(linewidth=0.4)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(x_label)
    axis.set_ylabel("ns, log scale")


def plain_ticks(axis, ticks):
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()


def plot_scaling(results, folder):
    figure, axes = new_figure(12, 4.4, 3)
    counts = [1, 100, 1000, 10000, 100000]

    def times(names):
        return [results.series("core_scaling", name).fastest for name in names]

    plot_lines(
        axes[0][0],
        [
            (NAMES[cache], counts, times(f"caches/{cache}/{count}" for count in counts))
            for cache in ["fixed_8", "single", *RIVALS]
        ],
        "A hit, in turn in so many caches",
        "caches, log scale",
    )
    plain_ticks(axes[0][0], counts)
    axes[0][0].set_ylim(0.3, 3000)
    axes[0][0].legend(fontsize=8, frameon=False, loc="upper left")
    interpreters = [1, 2, 4, 8, 16, 32, 64]
    plot_lines(
        axes[0][1],
        [(NAMES["fixed_64"], interpreters, times(f"interpreters/fixed_64/{count}" for count in interpreters))],
        "A hit, so many interpreters in turn",
        "interpreters, log scale",
    )
    plain_ticks(axes[0][1], interpreters)
    axes[0][1].set_ylim(0.3, 10)
    axes[0][1].legend(fontsize=8, frameon=False, loc="upper left")
    slots = SLOTS
    plot_lines(
        axes[0][2],
        [
            (what, slots, [results.series("core_miss", f"{name}/fixed_{n}").fastest for n in slots])
            for what, name in {"overflow": "overflow", "fill": "fill", "reclaim": "reclaim", "miss": "miss"}.items()
        ],
        "FixedSlots<N> without a hit",
        "slots, log scale",
    )
    plain_ticks(axes[0][2], slots)
    axes[0][2].legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, folder, "scaling")


def plot_memory(results, folder):
    figure, axes = new_figure(7, 4.2)
    axis = axes[0][0]
    counts = [1, 2, 8, 64]
    lines = []
    for cache in ["fixed_8", "fixed_64", *RIVALS]:
        entries = [(count, results.entry("core_memory", f"cache/{cache}/{count}")) for count in counts]
        entries = [(count, entry["bytes_per_cache"]) for count, entry in entries if entry]
        lines.append((NAMES[cache], [count for count, _ in entries], [size for _, size in entries]))
    plot_lines(axis, lines, "Memory for a cache", "interpreters that have filled it, log scale")
    axis.set_ylabel("bytes, log scale")
    plain_ticks(axis, counts)
    axis.legend(fontsize=8, frameon=False)
    save(figure, folder, "memory")


# --- The report ---------------------------------------------------------------

REPORT = """\
# Benchmarks

Written by

```sh
./bazelw run //benchmarks:report
```

which runs every benchmark, 51 repetitions of each in random order, and replaces this file, its plots
and [results.json](benchmarks/results.json), which has every repetition. {where}

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

`adapter_hit_pyNN`: a function that returns the current interpreter's object. `AskIfSeveral` is what a
module can opt into ([ask_if_several.h](../multislot/cpython/ask_if_several.h)).

![Adapter hit](benchmarks/adapter_hit.svg)

{adapter}

## Threads

`core_scaling` and `adapter_scaling_pyNN`: as many threads as there are cores, each in an interpreter of
its own, with a GIL of its own, on the same caches. The time is each thread's.

{threads}

{beside}

## Much of everything

![Scaling](benchmarks/scaling.svg)

## Without a hit

`core_miss`: what a lookup costs that is no hit, of which {accessor:.1f} ns are the bare accessor's. An
interpreter that registers and retires takes {interpreter:.0f} ns.

{miss}

## Memory

`core_memory`: what the allocator has given out, the cache included. An interpreter takes
{interpreter_bytes:.0f} bytes, its place in the register included.

![Memory](benchmarks/memory.svg)

{memory}

## End to end

`//examples/interpreter_farm`: eight sub-interpreters with a thread each, 300 callables; the time
includes the first lookups, and what the threads wait for each other's GIL where they share one.

{farm}
"""

GAPS = """\
Where a goal is not met:

- Inlined in a loop a hit of `FixedSlots` costs more than one of `SingleSlot`: it loads its tag from
  the interpreter, computes where the slot is, and looks at the tag a second time
  ([decisions.md](decisions.md) says what for). Followed instruction by instruction
  (`./bazelw test //tests/hit_path/... --test_output=all`), a getter's hit is 15 instructions with
  gcc and 6 for `SingleSlot`: two are the null check, four the second look, two more are loads that
  gcc does not merge with the comparison, as they are atomic. No call, no push, no locked instruction
  is among them. With one slot there is nothing to compute: 12. In a getter that is called the
  difference goes under in the call.
- An overflow looks at every slot twice, once for its own tag and once for one that has retired. The
  cost grows with the slots, 2.7 ns for each; who has more interpreters than slots wants more slots.
"""


def where(results):
    data = results.data
    compiler = results.context("core_hit")["compiler"]
    return f"Of {data['date']}, commit {data['commit']}: {data['processor']}, {data['cores']} cores, {compiler}."


def write_report(folder, results, newest):
    plots = os.path.join(folder, "benchmarks")
    plot_core_hit(results, plots)
    programs = results.programs("adapter_hit")
    panels = [(results, programs[0])] + [(results, programs[-1])] * (len(programs) > 1)
    if newest:
        panels += [(newest, newest.programs("adapter_hit")[0])]
    plot_adapter_hit(panels, plots)
    plot_scaling(results, plots)
    plot_memory(results, plots)

    adapter = ""
    for source in filter(None, (results, newest)):
        for program in source.programs("adapter_hit"):
            context = source.context(program)
            adapter += f"### CPython {context['python']}\n\n"
            if source is newest:
                pybind = f", pybind11 {context['pybind11']}" if "pybind11" in context else ""
                adapter += f"{where(newest)[:-1]}{pybind}; `tools/test_newest.sh` says how.\n\n"
            adapter += adapter_table(source, program) + "\n\n"
    beside = {
        place: results.series("core_scaling", f"beside_fills/fixed_8/{place}").fastest for place in ("same", "next", "far")
    }
    text = REPORT.format(
        where=where(results),
        goals=table(["goal", "measured", ""], goals(results, newest)),
        gaps=GAPS,
        core_getter=core_table(results, "getter"),
        core_inlined=core_table(results, "inlined"),
        adapter=adapter.strip(),
        threads=scaling_table(results),
        beside=(
            "A hit takes {far:.2f} ns while a thread on another core fills and reclaims slots of a cache that is "
            "far away, {next:.2f} ns if it is the next one in an array, {same:.2f} ns if it is the same one."
        ).format(**beside),
        accessor=results.series("core_miss", "accessor").fastest,
        interpreter=results.series("core_miss", "interpreter").fastest,
        miss=miss_table(results),
        interpreter_bytes=results.entry("core_memory", "interpreter")["bytes_per_interpreter"],
        memory=memory_table(results),
        farm=farm_table(results),
    )
    with open(os.path.join(folder, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("programs", nargs="*", help="given by bazel run")
    parser.add_argument("--output", default=os.path.join(workspace, "docs"), help="a folder; default docs")
    parser.add_argument("--quick", action="store_true", help="to see that it works: the figures mean nothing")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--measure_only", metavar="FILE", help="write the results there, and no report")
    step.add_argument("--report_only", action="store_true", help="make the report of results that are there")
    options = parser.parse_args()

    if options.measure_only:
        write_results(measure(options.programs, workspace, options.quick), options.measure_only)
        return
    folder = os.path.join(options.output, "benchmarks")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "results.json")
    if not options.report_only:
        write_results(measure(options.programs, workspace, options.quick), path)
    newest = os.path.join(folder, "newest.json")
    write_report(options.output, Results(path), Results(newest) if os.path.exists(newest) else None)
    print(f"report: {os.path.join(options.output, 'benchmarks.md')}")


if __name__ == "__main__":
    main()
