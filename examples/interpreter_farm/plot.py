# Draws what the farm measured. plot.cc runs this after a line that defines
# RESULTS, what --json writes, and one that defines FILE, in bytes.

import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

# Dark to light, as in benchmarks/report.
COLORS = {"none": "#e0b36a", "single": "#b9d3e0", "fixed": "#4f8fb8", "side_table": "#1b3a5c"}
NAMES = {"none": "no cache", "single": "single slot", "fixed": "fixed slots ({slots})", "side_table": "side table"}

pyplot.rcParams.update(
    {
        "font.size": 10,
        "font.family": "DejaVu Sans",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "multislot",
        "svg.fonttype": "none",
    }
)


def draw(axis, panel, value, label):
    """A row for each policy: a bar up to the table's value, and a mark for each interpreter."""
    for row, policy in enumerate(RESULTS["policies"]):
        name = policy["policy"]
        axis.barh(
            row, value(policy), height=0.7, color=COLORS[name], edgecolor="black", linewidth=0.6, gid=f"{panel}/{name}"
        )
        axis.text(1.03, row, label(policy), transform=axis.get_yaxis_transform(), va="center")
        interpreters = policy["by_interpreter"]
        for number, interpreter in enumerate(interpreters):
            axis.plot(
                value(interpreter),
                row + 0.6 * ((number + 0.5) / len(interpreters) - 0.5),
                "o",
                color="white",
                markeredgecolor="black",
                markersize=4,
                clip_on=False,
                gid=f"{panel}/{name}/{number + 1}",
            )
    axis.set_ylim(len(RESULTS["policies"]) - 0.5, -0.5)


figure, (time, hits) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
figure.suptitle("Python {python}, {interpreters} interpreters, {gil}".format(**RESULTS))
figure.supxlabel("bars: all interpreters together; marks: each of them", fontsize=9)

time.set_xscale("log")
draw(time, "ns", lambda of: of["ns_per_lookup"], lambda of: f"{of['ns_per_lookup']:.1f} ns")
time.set_yticks(
    range(len(RESULTS["policies"])), [NAMES[of["policy"]].format(**of) for of in RESULTS["policies"]]
)
time.xaxis.set_major_formatter("{x:g}")
time.set_xlabel("processor time of a lookup in ns, log scale")

draw(hits, "hits", lambda of: 100 * of["hit_rate"], lambda of: f"{100 * (1 - of['slow_accesses'] / of['lookups']):.2f} %")
hits.set_xlim(0, 100)
hits.set_yticks(range(len(RESULTS["policies"])), [])
hits.set_xlabel("hit rate in %")

file = os.fsdecode(FILE)
figure.savefig(file, dpi=110, metadata={"Date": None} if file.lower().endswith("svg") else None)
