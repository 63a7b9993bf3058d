"""Plots, as SVG and PNG."""

import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from results import ADAPTER_NAMES, CACHES, NAMES, OURS, PLACES, RIVALS, SLOTS

# From dark to light. Each line also has its own mark, so colour is not needed to tell them apart.
DARK, MIDDLE, LIGHT = "#1b3a5c", "#4f8fb8", "#b9d3e0"
OTHERS = "#e0b36a"


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


def new_figure(width, height, columns=1, rows=1):
    return pyplot.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")


def save(figure, folder, name):
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        figure.savefig(os.path.join(folder, f"{name}.{kind}"), dpi=110, metadata=metadata)
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
    figure, axes = new_figure(4.2 + 2.4 * len(sources), 5.5, len(sources))
    marks = {"main": ("D", "white"), "main_of_8": ("o", MIDDLE), "last_of_8": ("s", DARK), "last_of_64": ("^", OTHERS)}
    for axis, (results, program) in zip(axes[0], sources):
        for row, peer in enumerate(peers):
            for shift, (place, (mark, color)) in zip((-0.27, -0.09, 0.09, 0.27), marks.items()):
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
    figure, axes = new_figure(10, 8.4, 2, 2)
    (few, ours), (interpreters, no_hit) = axes

    def times(program, names):
        return [results.series(program, name).fastest for name in names]

    def random(cache):
        return NAMES[cache], CACHES, times("core_scaling", (f"random/{cache}/{count}" for count in CACHES))

    def by_interpreters(cache, what, words):
        counts = results.counts("core_scaling", f"{what}/{cache}")
        return f"{NAMES[cache]}, {words}", counts, times("core_scaling", (f"{what}/{cache}/{count}" for count in counts))

    title = "A hit, in so many caches in random order"
    plot_lines(few, [random(cache) for cache in ["fixed_8", "side_table", *RIVALS]], title, "caches, log scale")
    few.set_ylim(0.3, 3000)
    plot_lines(
        ours,
        [random(cache) for cache in ["fixed_8", "side_table", "fixed_64", "single", "floor"]],
        "The same, the table crossing FixedSlots",
        "caches, log scale",
    )
    for axis in (few, ours):
        plain_ticks(axis, CACHES)
    plot_lines(
        interpreters,
        [
            by_interpreters(cache, what, words)
            for what, words in [("last_of", "the last"), ("interpreters", "in turn")]
            for cache in ["fixed_1024", "side_table"]
        ],
        "A hit in a getter, of so many interpreters",
        "interpreters, log scale",
    )
    plain_ticks(interpreters, results.counts("core_scaling", "last_of/side_table"))
    interpreters.set_ylim(0.3, 10)
    plot_lines(
        no_hit,
        [
            (what, SLOTS, times("core_miss", (f"{what}/fixed_{n}" for n in SLOTS)))
            for what in ("overflow", "fill", "reclaim", "miss")
        ],
        "FixedSlots<N> without a hit",
        "slots, log scale",
    )
    plain_ticks(no_hit, SLOTS)
    for axis in axes.flat:
        axis.legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, folder, "scaling")


def plot_memory(results, folder):
    figure, axes = new_figure(11, 4.4, 2)
    by_interpreters, by_caches = axes[0]
    counts = [1, 2, 8, 64]
    plot_lines(
        by_interpreters,
        [
            (NAMES[cache], counts, [results.resident(cache, count, 10000) for count in counts])
            for cache in ["fixed_8", "side_table", "fixed_64", *RIVALS[:3]]
        ],
        "Memory for each of 10,000 caches",
        "interpreters, log scale",
    )
    plain_ticks(by_interpreters, counts)
    lines = []
    for cache, interpreters in [("fixed_8", 8), ("fixed_64", 64), *(("side_table", count) for count in [1, 8, 64])]:
        sizes = [(count, results.resident(cache, interpreters, count)) for count in CACHES]
        sizes = [(count, size) for count, size in sizes if size > 0]  # less than a page
        label = NAMES[cache] + (f", {interpreters} interpreter" + "s" * (interpreters != 1)) * (cache == "side_table")
        lines.append((label, [count for count, _ in sizes], [size for _, size in sizes]))
    plot_lines(by_caches, lines, "Memory for each of so many caches", "caches, log scale")
    plain_ticks(by_caches, CACHES)
    for axis in axes[0]:
        axis.set_ylabel("resident bytes for a cache, log scale")
        axis.legend(fontsize=8, frameon=False)
    save(figure, folder, "memory")


def plot_all(results, newest, folder):
    plot_core_hit(results, folder)
    programs = results.programs("adapter_hit")
    panels = [(results, program) for program in dict.fromkeys([programs[0], programs[-1]])]  # oldest, newest
    if newest:
        panels.append((newest, newest.programs("adapter_hit")[0]))
    plot_adapter_hit(panels, folder)
    plot_scaling(results, folder)
    plot_memory(results, folder)
