"""Plots, as SVG and PNG."""

import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from results import ADAPTER_NAMES, NAMES, OURS, PLACES, RIVALS, SLOTS

# Dark to light, and each with a mark of its own, so that neither needs the other.
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


def new_figure(width, height, columns=1):
    return pyplot.subplots(1, columns, figsize=(width, height), squeeze=False, layout="constrained")


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
    plot_lines(
        axes[0][2],
        [
            (what, SLOTS, [results.series("core_miss", f"{what}/fixed_{n}").fastest for n in SLOTS])
            for what in ("overflow", "fill", "reclaim", "miss")
        ],
        "FixedSlots<N> without a hit",
        "slots, log scale",
    )
    plain_ticks(axes[0][2], SLOTS)
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


def plot_all(results, newest, folder):
    plot_core_hit(results, folder)
    programs = results.programs("adapter_hit")
    panels = [(results, program) for program in dict.fromkeys([programs[0], programs[-1]])]  # oldest, newest
    if newest:
        panels.append((newest, newest.programs("adapter_hit")[0]))
    plot_adapter_hit(panels, folder)
    plot_scaling(results, folder)
    plot_memory(results, folder)
